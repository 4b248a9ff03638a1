import io
import tarfile

import numpy as np
import pytest
from django.core.files.base import ContentFile

from evalsite import jobs
from evalsite.catalog import services
from evalsite.catalog.models import Generator, Pool
from evalsite.jobs import JobState
from evalsite.leaderboard.models import Score
from evalsite.studies.models import Study
from generators.onnx_sampling import OnnxSignature
from pools import store
from sandbox.errors import SandboxError
from tests import factories
from workers import drawing

pytestmark = pytest.mark.django_db


def upload(content, name, data, **fields):
    kind = Generator.Kind.ONNX if name.endswith(".onnx") else Generator.Kind.ARCHIVE
    made = services.upload_generator(
        owner=None, name=name, dataset=data, kind=kind, file=ContentFile(content, name), **fields
    )
    return made.pools.get()


def test_a_trained_generator_draws_the_pool_that_waited_for_it(train_tiny, work, unmeasured):
    made = train_tiny(pool_size=10)
    work()
    pool = made.pools.get()
    assert pool.is_ready
    assert pool.open().shape == (10, 12, 12, 1)
    assert pool.content_hash == pool.open().content_hash()
    assert unmeasured == [pool]


def test_the_same_seed_draws_the_same_images(train_tiny, work, unmeasured):
    made = train_tiny()
    work()
    made.refresh_from_db()
    pools = [
        services.request_pool(made, count=count, seed=seed)
        for count, seed in ((6, 1), (9, 1), (6, 2))
    ]
    work()
    first, longer, other = (Pool.jobs.get(pk=pool.pk).open().read(0, 6) for pool in pools)
    np.testing.assert_array_equal(first, longer)
    assert not np.array_equal(first, other)


def test_an_archive_is_read_whole_at_the_data_sets_resolution(work, unmeasured):
    pool = upload(factories.image_zip(7, resolution_px=16), "images.zip", factories.dataset())
    assert pool.count == 0
    work()
    pool.refresh_from_db()
    assert (pool.state, pool.count) == (JobState.READY, 7)
    assert pool.open().shape == (7, 8, 8, 1)
    assert unmeasured == [pool]


def test_a_bad_archive_fails_with_the_file_named(work, unmeasured):
    broken = factories.image_zip(
        3, extra=[("zz-broken.png", b"\x89PNG\r\n\x1a\n"), ("zz-notes.txt", b"hello")]
    )
    pool = upload(broken, "images.zip", factories.dataset())
    work()
    pool.refresh_from_db()
    assert pool.state == JobState.FAILED
    assert "zz-broken.png" in pool.error
    assert "zz-notes.txt" in pool.error
    assert pool.is_refused
    assert unmeasured == []
    with pytest.raises(store.PoolError):
        pool.open()


def test_an_archive_that_cannot_be_unpacked_goes_by_a_name_that_people_know(work, unmeasured):
    pool = upload(b"\x1f\x8b\x08\x00cut", "mine.tgz", factories.dataset())
    work()
    pool.refresh_from_db()
    assert "cannot unpack upload.tgz" in pool.error
    assert "/" not in pool.error


def test_a_tar_of_a_single_image_is_refused(work, unmeasured):
    out, image = io.BytesIO(), factories.png(factories.pixels(1)[0])
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo("1.png")
        entry.size = len(image)
        archive.addfile(entry, io.BytesIO(image))
    pool = upload(out.getvalue(), "images.tar.gz", factories.dataset())
    work()
    pool.refresh_from_db()
    assert (pool.error, pool.is_refused) == ("an archive needs at least 2 images, got 1", True)


def test_what_a_dead_worker_has_left_is_written_over(work, unmeasured):
    pool = upload(factories.image_zip(3), "images.zip", factories.dataset())
    store.create(pool.url, count=1, resolution_px=4, channels=1)
    work()
    pool.refresh_from_db()
    assert pool.open().shape == (3, 8, 8, 1)


def test_an_onnx_network_is_drawn_from(work, unmeasured, monkeypatch):
    asked = {}

    def drawn(path, count, **options):
        asked.update(options, count=count, content=path.read_bytes())
        yield factories.pixels(4)
        yield factories.pixels(count - 4)

    signature = OnnxSignature((4,), None, None, 8, 1)
    monkeypatch.setattr("generators.onnx_sampling.inspect_onnx", lambda *_, **__: signature)
    monkeypatch.setattr("generators.onnx_sampling.sample_onnx", drawn)
    network = factories.onnx_generator()
    pool = upload(network, "G.onnx", factories.dataset(classes=("a", "b")), count=10, seed=4)
    work()
    pool.refresh_from_db()
    assert pool.is_ready
    assert len(pool.open()) == 10
    assert asked["content"] == network
    assert {
        name: asked[name] for name in ("count", "seed", "resolution_px", "channels", "class_count")
    } == {"count": 10, "seed": 4, "resolution_px": 8, "channels": 1, "class_count": 2}
    assert asked["allow_insecure"] is False


def test_a_sandbox_that_cannot_be_had_fails_the_pool_in_its_words(work, unmeasured, monkeypatch):
    def refused(*_, **__):
        raise SandboxError("no sandbox on this machine: install bubblewrap")

    monkeypatch.setattr("generators.onnx_sampling.sample_onnx", refused)
    pool = upload(factories.onnx_generator(), "G.onnx", factories.dataset(), count=10)
    work()
    pool.refresh_from_db()
    assert (pool.state, pool.error) == (
        JobState.FAILED,
        "no sandbox on this machine: install bubblewrap",
    )
    assert not pool.is_refused


def test_a_real_network_is_drawn_in_a_real_sandbox_or_fails_naming_it(work, unmeasured):
    pool = upload(factories.onnx_generator(), "G.onnx", factories.dataset(), count=10, seed=4)
    work()
    pool.refresh_from_db()
    if pool.state == JobState.FAILED:
        assert "sandbox" in pool.error.lower()
    else:
        assert pool.open().read(0, 10).std() > 10


def test_a_network_that_is_no_network_fails_in_words(work, unmeasured):
    pool = upload(b"no network", "G.onnx", factories.dataset(), count=10)
    work()
    pool.refresh_from_db()
    assert pool.state == JobState.FAILED
    assert pool.error
    assert "fault of the platform" not in pool.error
    assert pool.is_refused or "sandbox" in pool.error.lower()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 24084480000"),
    ],
)
def test_too_little_memory_is_told_of_with_what_helps(work, unmeasured, monkeypatch, error):
    def fail(*args):
        raise error

    pool = upload(factories.image_zip(3), "images.zip", factories.dataset())
    monkeypatch.setattr(drawing, "_read_archive", fail)
    work()
    pool.refresh_from_db()
    assert pool.state == JobState.FAILED
    assert pool.error.startswith("there is not enough memory: take a smaller batch")


def test_a_fault_of_ours_is_called_ours_and_can_be_retried(work, unmeasured, monkeypatch, caplog):
    pool = upload(factories.image_zip(3), "images.zip", factories.dataset())
    with monkeypatch.context() as patched:
        patched.setattr(drawing, "_read_archive", lambda *_: {}["missing"])
        work()
    pool.refresh_from_db()
    assert pool.state == JobState.FAILED
    assert "fault of the platform" in pool.error
    assert "KeyError" in pool.error
    assert "Traceback" in caplog.text
    assert jobs.retry(pool)
    work()
    pool.refresh_from_db()
    assert (pool.state, pool.error) == (JobState.READY, "")


def test_the_last_pool_to_be_drawn_opens_the_study(work, unmeasured):
    data = factories.dataset()
    waiting = [upload(factories.image_zip(12), "images.zip", data) for _ in range(2)]
    Pool.jobs.update(count=12)
    study = factories.study(pools=list(Pool.jobs.filter(pk__in=[pool.pk for pool in waiting])))
    assert study.state == Study.State.WAITING
    work()
    study.refresh_from_db()
    assert study.is_open
    assert len(study.design_hash) == 64


def test_the_sweep_repairs_what_was_left_behind(run_task, enqueued):
    pool = factories.pool()
    waiting = factories.study(
        pools=[factories.pool(factories.generator(of=pool.imitates), is_ready=False)]
    )
    left = waiting.pools.get()
    Pool.jobs.filter(pk=left.pk).update(**factories.ready())
    run_task("sweep")
    waiting.refresh_from_db()
    assert waiting.is_open
    assert [task for task, _ in enqueued] == [
        *["extract"] * 2,
        "gather",
        "extract",
        "extract",
        "gather",
    ]


def test_the_score_task_scores_a_study(run_task):
    study = factories.study()
    factories.finished(study)
    run_task("score", study.pk)
    study.refresh_from_db()
    assert not study.scores_due
    assert Score.objects.of_study(study).exists()


def test_a_data_sets_own_pool_is_never_drawn(run_task):
    data = factories.dataset()
    Pool.jobs.filter(pk=data.train_pool.pk).update(state=JobState.QUEUED)
    run_task("sample", data.train_pool.pk)
    assert data.train_pool.state == JobState.FAILED
    assert "imported, not sampled" in data.train_pool.error


def test_a_row_deleted_while_it_is_worked_on_ends_quietly(run_task, monkeypatch):
    pool = upload(factories.image_zip(3), "images.zip", factories.dataset())

    def gone(*_):
        Generator.objects.all().delete()
        raise ValueError("its file is gone")

    monkeypatch.setattr(drawing, "_read_archive", gone)
    run_task("sample", pool.pk)
    assert not Pool.jobs.of_generators().exists()
