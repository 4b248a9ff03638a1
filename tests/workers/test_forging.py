"""The lab's workers: networks trained, opened, attacked, and compared."""

import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image

import classifiers.training
from classifiers.file import About, save
from evalsite import jobs
from evalsite.catalog.models import Generator
from evalsite.jobs import JobState
from evalsite.lab import services as lab
from evalsite.lab.models import Classifier
from generators.adversarial.plan import Plan
from sandbox.errors import SandboxFailedError
from tests import factories
from tests.evalsite import forging
from tests.evalsite.forging import CLASSES, PX

pytestmark = pytest.mark.django_db

STEPS = 12


def taught(folder, seed):
    """The bytes of a small classifier of shades."""
    state = classifiers.training.train(*forging.shades(64), classes=2, steps=STEPS, seed=seed)
    path = folder / f"{seed}.safetensors"
    save(path, state, About("shades", CLASSES, PX, 1, STEPS, seed, 1.0, 40))
    return path.read_bytes()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifiers")
    return [taught(folder, seed) for seed in (0, 1)]


@pytest.fixture
def shades():
    return forging.dataset()


@pytest.fixture
def net(shades, weights):
    return forging.classifier(shades, weights=weights[0])


@pytest.fixture(autouse=True)
def unmeasured_pools(unmeasured):
    """Metrics of forged pools are asked for, and left alone."""
    return unmeasured


def linear(outputs=2, px=PX, channels=1):
    """The bytes of a network that takes dark and light apart by their sum."""
    from onnx import TensorProto, helper, numpy_helper

    size = channels * px * px
    matrix = np.linspace(-1, 1, outputs, dtype=np.float32)[None].repeat(size, 0) / size
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Sub", ["flat", "half"], ["centred"]),
        helper.make_node("MatMul", ["centred", "matrix"], ["scores"]),
    ]
    shape = ["N", channels, px, px]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", outputs])],
        [
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(np.float32(0.5), "half"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString()


def uploaded(dataset, content, kind=Classifier.Kind.ONNX, name="net.onnx"):
    return lab.upload_classifier(
        owner=factories.user(),
        name="Theirs",
        dataset=dataset,
        kind=kind,
        file=ContentFile(content, name=name),
    )


def test_a_classifier_is_trained_and_its_accuracy_on_held_out_images_kept(
    shades, work, monkeypatch
):
    monkeypatch.setattr(classifiers.training, "steps_within", lambda *_, **__: STEPS)
    asked = lab.train_classifier(owner=factories.user(), name="Mine", dataset=shades, seconds=1)
    work()
    asked.refresh_from_db()
    assert (asked.state, asked.error) == (JobState.READY, "")
    assert asked.accuracy > 0.9
    assert (asked.tested_on, asked.resolution_px, asked.channels) == (40, PX, 1)
    assert asked.knows_gradient
    assert asked.class_names == list(CLASSES)


def test_an_uploaded_network_is_a_black_box_whose_classes_are_the_data_sets(shades, work):
    asked = uploaded(shades, linear())
    work()
    asked.refresh_from_db()
    assert (asked.state, asked.error) == (JobState.READY, "")
    assert (asked.accuracy, asked.knows_gradient) == (1.0, False)
    assert asked.class_names == list(CLASSES)


def test_uploaded_weights_keep_their_gradient(shades, work, weights):
    asked = uploaded(shades, weights[0], Classifier.Kind.WEIGHTS, "net.safetensors")
    work()
    asked.refresh_from_db()
    assert (asked.state, asked.error, asked.knows_gradient) == (JobState.READY, "", True)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"outputs": 1}, "wanted a vector of at least 2 class scores"),
        ({"outputs": 3}, "the scores of 3 classes, and Shades has 2"),
        ({"px": 8}, "takes images of 8 × 8 px, grey; got 16 × 16 px, grey"),
        ({"channels": 3}, "takes images of 16 × 16 px, RGB; got 16 × 16 px, grey"),
    ],
)
def test_an_upload_that_does_not_fit_is_refused_with_what_it_is(shades, work, network, words):
    asked = uploaded(shades, linear(**network))
    work()
    asked.refresh_from_db()
    assert asked.is_refused
    assert words in asked.error


def test_an_upload_that_the_sandbox_failed_for_may_be_tried_again(shades, work, monkeypatch):
    def fails(*_, **__):
        raise SandboxFailedError("the process was killed")

    monkeypatch.setattr("classifiers.onnx_network._started", fails)
    asked = uploaded(shades, linear())
    work()
    asked.refresh_from_db()
    assert (asked.state, asked.is_refused) == (JobState.FAILED, False)


def test_every_rung_becomes_a_generator_with_a_labelled_pool(net, work, unmeasured_pools):
    attack = forging.attack(net)
    work()
    attack.refresh_from_db()
    assert (attack.state, attack.error) == (JobState.READY, "")
    rungs = list(attack.rungs.all())
    assert [rung.words for rung in rungs] == [
        "ε 0.1", "ε 0.3", "ε 0.1 flipped", "ε 0.3 flipped", "clean"
    ]  # fmt: skip
    real = net.dataset.held_out_pool.open()
    for rung in rungs:
        pool = rung.pool
        assert (pool.state, pool.count, pool.generator.kind) == (
            JobState.READY, 8, Generator.Kind.FORGED
        )  # fmt: skip
        assert pool.open().labels.tolist() == real.labels[attack.indices].tolist()
        assert pool.content_hash == pool.open().content_hash()
    assert [pool.pk for pool in unmeasured_pools] == [rung.pool.pk for rung in rungs]
    clean, strongest = rungs[-1], rungs[1]
    before = np.stack([real.image(index) for index in attack.indices])
    assert (clean.pool.open().read(0, 8) == before).all()
    moved = np.abs(strongest.pool.open().read(0, 8).astype(int) - before)
    assert moved.max() in (76, 77)  # 0.3 · 255, rounded
    assert sum(strongest.outcomes["fooled"]) >= 6
    assert not any(clean.outcomes["fooled"])


def test_a_control_mirrors_the_change_of_its_rung(net, work):
    attack = forging.attack(net, epsilons=(0.1,))
    work()
    forged, flipped, clean = (rung.open().read(0, 8).astype(int) for rung in attack.rungs.all())
    assert ((forged - clean)[:, :, ::-1] == flipped - clean).all()


def test_what_a_killed_worker_had_kept_is_not_made_again(net, run_task, monkeypatch):
    from generators.adversarial.campaign import Campaign

    monkeypatch.setattr("generators.noise.BLOCK_IMAGES", 3)
    monkeypatch.setattr("generators.adversarial.campaign.BLOCK_IMAGES", 3)
    whole = forging.attack(net, epsilons=(0.1,), flipped=False, clean=False)
    run_task("forge", whole.pk)
    asked, forge = [], Campaign.forge

    def dies(campaign, rung, *, rows=None, forged=None, progress=None):
        asked.append(rows)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return forge(campaign, rung, rows=rows, forged=forged, progress=progress)

    monkeypatch.setattr(Campaign, "forge", dies)
    broken = forging.attack(net, name="Again", epsilons=(0.1,), flipped=False, clean=False)
    with pytest.raises(KeyboardInterrupt):
        run_task("forge", broken.pk)
    assert broken.rungs.get().done == 3
    type(broken).jobs.filter(pk=broken.pk).update(state=JobState.QUEUED, lease_token=None)
    run_task("forge", broken.pk)
    assert asked == [range(3), range(3, 6), range(3, 6), range(6, 8)]
    assert broken.rungs.get().pool.content_hash == whole.rungs.get().pool.content_hash
    run_task("forge", broken.pk)
    assert len(asked) == 4


def test_a_cancelled_attack_goes_on_where_it_stopped(net, work, run_task, monkeypatch):
    attack = forging.attack(net, epsilons=(0.1,), flipped=False)
    with monkeypatch.context() as patched:
        patched.setattr(jobs.Lease, "should_stop", lambda lease: attack.rungs.first().pool_id)
        run_task("forge", attack.pk)
    attack.refresh_from_db()
    first, second = attack.rungs.all()
    assert (attack.state, first.pool is None, second.pool) == (JobState.QUEUED, False, None)
    work()
    attack.refresh_from_db()
    assert attack.state == JobState.READY
    assert attack.rungs.first().pool_id == first.pool_id


def test_a_long_attack_takes_turns_with_other_jobs(net, enqueued, run_task, work, monkeypatch):
    monkeypatch.setattr("workers.forging.SEGMENT_S", 0.0)
    attack = forging.attack(net, images=2)
    run_task(*enqueued.pop())
    assert [rung.pool is None for rung in attack.rungs.all()] == [False, *[True] * 4]
    assert enqueued == [("forge", attack.pk)]
    work()
    attack.refresh_from_db()
    assert (attack.state, attack.rungs.filter(pool=None).count()) == (JobState.READY, 0)


def test_a_black_box_is_attacked_by_asking(shades, work):
    box = uploaded(shades, linear())
    work()
    box.refresh_from_db()
    attack = forging.attack(box, attack="nes", steps=2, epsilons=(0.4,), images=4)
    work()
    attack.refresh_from_db()
    assert (attack.state, attack.error) == (JobState.READY, "")
    assert all(attack.rungs.first().outcomes["fooled"])
    assert max(attack.rungs.first().outcomes["queries"]) > 1


def test_images_forged_from_noise_have_no_true_class(net, work):
    attack = forging.attack(
        net, attack="forge-from-noise", epsilons=(), target=1, steps=5, images=4, flipped=False
    )
    work()
    attack.refresh_from_db()
    assert (attack.state, attack.error) == (JobState.READY, "")
    assert attack.rungs.first().pool.open().labels is None


def test_a_matrix_says_what_transfers_and_leaves_out_what_cannot_be_attacked(shades, weights, work):
    nets = [forging.classifier(shades, f"Net {n}", each) for n, each in enumerate(weights)]
    box = uploaded(shades, linear())
    work()
    plan = Plan("fgsm", epsilons=(0.3,), images=8)
    asked = lab.start_transfer(
        plan, owner=None, name="All", classifiers=[*nets, box], dataset=shades
    )
    work()
    asked.refresh_from_db()
    assert (asked.state, asked.error) == (JobState.READY, "")
    assert asked.result["names"] == ["Net 0", "Net 1", "Theirs"]
    rows = asked.result["rows"]
    assert rows[2] == [[0, 0]] * 3
    assert rows[0][0][0] >= 6
    assert all(0 <= hits <= count == 8 for line in rows[:2] for hits, count in line)


def test_a_detector_tells_large_changes_and_is_not_tried_on_few_images(net, work, monkeypatch):
    monkeypatch.setattr("workers.detecting.STEPS", 20)
    few, many = (forging.attack(net, images=n, epsilons=(0.3,), clean=False) for n in (8, 40))
    work()
    assert few.rungs.first().detector == {}
    forged, flipped = many.rungs.all()
    assert forged.detector["value"] > 0.9
    assert forged.detector["low"] <= forged.detector["value"] <= forged.detector["high"]
    assert (forged.detector["n"], flipped.detector) == (40, {})


def test_images_are_filmed_while_a_class_is_forged(net, work):
    asked = {"epsilons": (), "target": 1, "steps": 4, "images": 3, "flipped": False}
    attack = forging.attack(net, attack="forge-from-image", **asked)
    other = forging.attack(net, images=3)
    work()
    attack.refresh_from_db()
    other.refresh_from_db()
    assert Image.open(attack.film).n_frames > 1
    assert not other.film
