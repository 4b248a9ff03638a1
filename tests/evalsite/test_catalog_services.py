from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.urls import reverse

from evalsite import jobs
from evalsite.catalog import services
from evalsite.catalog.models import Dataset, Generator, Pool, SampleSheet, TrainingRun
from evalsite.jobs import JobState
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def forger():
    """A generator in training whose pool of 20 waits."""
    return services.start_training(
        owner=None,
        name="Forger",
        dataset=factories.dataset(),
        config={"loss": "minimax"},
        images_total=1000,
        seed=3,
        pool_size=20,
    )


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"weights")
    return path


def record(run, images_seen, *, d_loss=0.5, sheet=b"png"):
    services.record_progress(
        run,
        images_seen=images_seen,
        seconds=1.0,
        values={"d_loss": d_loss, "g_loss": 1.0},
        sheet_png=sheet,
    )


@pytest.mark.parametrize(
    ("names", "slugs"),
    [
        (["A GAN", "A GAN", "a gan"], ["a-gan", "a-gan-2", "a-gan-3"]),
        (["train", "Upload"], ["train-2", "upload-2"]),
        (["!!!", "数字"], ["unnamed", "unnamed-2"]),
        (["x" * 80, "x" * 80], ["x" * 70, "x" * 70 + "-2"]),
    ],
)
def test_slugs_are_unique_and_never_a_page_of_their_own(names, slugs):
    data = factories.dataset()
    assert [factories.generator(name, of=data).slug for name in names] == slugs


def test_a_training_is_a_queued_run_and_a_waiting_pool(forger, enqueued):
    run, pool = forger.run, forger.pools.get()
    assert enqueued == [("train", run.pk)]
    assert (run.state, run.images_total, run.seed) == (JobState.QUEUED, 1000, 3)
    assert (pool.state, pool.count, pool.seed) == (JobState.WAITING, 20, 3)
    assert not forger.can_sample
    assert forger.shown_pool is None


def test_no_pool_waits_where_none_was_asked_for(enqueued):
    made = services.start_training(
        owner=None, name="F", dataset=factories.dataset(), config={}, images_total=9
    )
    assert not made.pools.exists()


def test_the_end_of_a_training_keeps_the_weights_and_releases_the_pool(forger, enqueued, weights):
    enqueued.clear()
    services.finish_training(forger.run, weights)
    forger.refresh_from_db()
    pool = forger.pools.get()
    assert forger.file.read() == b"weights"
    assert forger.can_sample
    assert pool.state == JobState.QUEUED
    assert enqueued == [("sample", pool.pk)]


def test_recording_a_moment_again_changes_nothing_but_its_figures(forger):
    record(forger.run, 100)
    record(forger.run, 100, d_loss=0.7)
    record(forger.run, 200, sheet=None)
    assert list(forger.run.losses.values_list("images_seen", "values__d_loss")) == [
        (100, 0.7),
        (200, 0.5),
    ]
    assert SampleSheet.objects.get().image.read() == b"png"
    assert TrainingRun.jobs.get().images_seen == 200


def test_a_checkpoint_replaces_the_one_before(forger, weights):
    run = forger.run
    services.keep_checkpoint(run, weights, images_seen=100, seconds=2.0)
    storage, first = run.checkpoint.storage, run.checkpoint.name
    record(run, 150)  # by a segment that then died
    services.keep_checkpoint(run, weights, images_seen=120, seconds=3.0)
    run.refresh_from_db()
    assert (run.images_seen, run.seconds) == (120, 3.0)
    assert not storage.exists(first)
    assert run.checkpoint.read() == b"weights"


def test_a_checkpoint_leaves_the_lease_and_a_wish_to_cancel_alone(forger, weights):
    lease = jobs.claim(TrainingRun, forger.run.pk)
    jobs.cancel(forger.run)
    services.keep_checkpoint(lease.row, weights, images_seen=100, seconds=2.0)
    assert TrainingRun.jobs.get().cancel_requested
    assert TrainingRun.jobs.get().state == JobState.RUNNING


def test_a_pool_asked_for_twice_is_one_pool(enqueued):
    made = factories.generator()
    first = services.request_pool(made, count=20, seed=4)
    assert services.request_pool(made, count=20, seed=4) == first
    assert services.request_pool(made, count=20, seed=5) != first
    assert [task for task, _ in enqueued] == ["sample", "sample"]


def test_pools_of_other_classes_are_other_pools(enqueued):
    made = factories.generator(of=factories.dataset(classes=["bag", "boot", "coat"]))
    every = services.request_pool(made, count=20)
    two = services.request_pool(made, count=20, classes=[2, 0])
    assert services.request_pool(made, count=20, classes=[0, 2]) == two != every
    assert str(two) == f"{made} (20 images of bag and coat, seed 0)"
    assert str(every) == f"{made} (20 images, seed 0)"
    assert two.describe()["classes"] == [0, 2]
    assert "classes" not in every.describe()
    assert len(enqueued) == 2


def test_an_upload_is_kept_under_a_name_of_ours_and_its_pool_asked_for(enqueued):
    made = services.upload_generator(
        owner=factories.user(),
        name="Mine",
        dataset=factories.dataset(),
        kind=Generator.Kind.ARCHIVE,
        file=ContentFile(b"zip", "../../my images.ZIP"),
    )
    assert made.file.name.startswith("generators/")
    assert made.file.name.endswith(".zip")
    assert "my" not in made.file.name
    assert enqueued == [("sample", made.pools.get().pk)]


def test_a_data_set_without_held_out_images_shows_its_training_images():
    made = factories.dataset(test=0)
    assert made.held_out_pool == made.train_pool


def test_the_database_refuses_a_pool_of_nothing_or_of_both():
    from django.db import IntegrityError, transaction

    forger = factories.generator()
    for owners in ({}, {"generator": forger, "dataset": forger.dataset}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Pool.jobs.create(count=3, **owners)


def test_deleting_a_data_set_in_use_is_refused():
    from django.db.models import ProtectedError

    with pytest.raises(ProtectedError):
        factories.generator().dataset.delete()
    assert Dataset.objects.exists()


@pytest.mark.parametrize("in_a_list", [False, True])
def test_a_data_set_deleted_in_the_admin_takes_its_images_along(
    client, in_a_list, django_capture_on_commit_callbacks
):
    data, other = factories.dataset(train=4, test=4), factories.dataset()
    folders = [Path(pool.url) for pool in data.pools.all()]
    assert all(folder.exists() for folder in folders)
    client.force_login(factories.user(is_staff=True, is_superuser=True))
    address, asked = reverse("admin:catalog_dataset_delete", args=[data.pk]), {"post": "yes"}
    if in_a_list:
        address = reverse("admin:catalog_dataset_changelist")
        asked |= {"action": "delete_selected", "_selected_action": [data.pk]}
    with django_capture_on_commit_callbacks(execute=True):
        client.post(address, asked)
    assert list(Dataset.objects.all()) == [other]
    assert not any(folder.exists() for folder in folders)
    assert Path(other.held_out_pool.url).exists()


class HalfAFile(ContentFile):
    """A file for which there is room for its first half only."""

    def chunks(self, chunk_size=None):
        yield b"half"
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("is_cut", [True, False])
def test_nothing_is_left_of_an_upload_that_there_was_no_room_for(monkeypatch, is_cut):
    def fails(*_, **__):
        raise OperationalError("database or disk is full")

    if not is_cut:
        monkeypatch.setattr(Generator, "save", fails)
    file = (HalfAFile if is_cut else ContentFile)(b"half a file", name="images.zip")
    before = sorted(each for each in Path(settings.MEDIA_ROOT).rglob("*") if each.is_file())
    with pytest.raises((OSError, OperationalError), match=r"No space|disk is full"):
        services.upload_generator(
            owner=None,
            name="Half",
            dataset=factories.dataset(),
            kind=Generator.Kind.ARCHIVE,
            file=file,
        )
    assert sorted(e for e in Path(settings.MEDIA_ROOT).rglob("*") if e.is_file()) == before
