import numpy as np
import pytest
import torch

from generators.examination import (
    REFERENCES,
    SAMPLES,
    Reference,
    coarse,
    coverage,
    judge,
    nearest_other,
)
from generators.feed import RealImages
from generators.training import Trainer

CPU = torch.device("cpu")


def drawn(count, seed, classes=10, px=8):
    """Blurred class means under noise, uint8 (count, px, px, 1), and labels: two seeds, one world."""
    means = np.random.default_rng(99).uniform(40, 215, (classes, px, px, 1))
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=count)
    return (means[labels] + random.normal(0, 12, (count, px, px, 1))).clip(0, 255).astype(
        np.uint8
    ), labels


def reference(images, labels=None):
    return Reference.of(RealImages(images, labels, CPU))


def rows(images):
    return coarse(RealImages(images, None, CPU).take(torch.arange(len(images))))


@pytest.fixture
def real():
    return reference(*drawn(1000, seed=1))


def test_fresh_draws_of_the_same_world_score_as_a_perfect_generator(real):
    images, labels = drawn(SAMPLES, seed=2)
    found = judge(rows(images), torch.from_numpy(labels), real)
    assert found["spread"] == pytest.approx(1, abs=0.1)
    assert found["coverage"] == pytest.approx(1, abs=0.01)
    assert found["obedience"] == 1.0
    assert found["copied"] == 0.0


@pytest.mark.parametrize(("classes", "share"), [(1, 0.1), (3, 0.3), (7, 0.7)])
def test_samples_of_a_few_classes_are_uneven(real, classes, share):
    images, labels = drawn(4_000, seed=2)
    few = rows(images[labels < classes][:SAMPLES])
    assert judge(few, None, real)["evenness"] == pytest.approx(share, abs=0.1)


def test_evenness_is_about_1_for_fresh_draws_however_few_a_class_has():
    for classes in (2, 10, 300):
        images, _ = drawn(SAMPLES, seed=2, classes=classes)
        found = judge(rows(images), None, reference(*drawn(2_000, seed=1, classes=classes)))
        assert found["evenness"] == pytest.approx(1, abs=0.15), classes


def test_evenness_goes_by_the_classes_that_were_asked_for(real):
    images, labels = drawn(4_000, seed=2)
    few = np.flatnonzero(labels < 2)[:SAMPLES]
    asked = torch.from_numpy(labels[few])
    assert judge(rows(images[few]), asked, real)["evenness"] == pytest.approx(1, abs=0.1)
    assert judge(rows(images[few]), asked + 2, real)["evenness"] == pytest.approx(0, abs=0.05)


def test_classes_that_real_images_are_mistaken_for_are_forgiven():
    images, _ = drawn(1_000, seed=1)
    mislabelled = np.random.default_rng(0).integers(10, size=1_000)
    found = judge(rows(drawn(SAMPLES, seed=2)[0]), None, reference(images, mislabelled))
    assert found["evenness"] > 0.8


def test_copies_of_training_images_are_copied(real):
    images, _ = drawn(1000, seed=1)
    stored = images[:SAMPLES].astype(int) + np.random.default_rng(0).integers(-3, 4, (8, 8, 1))
    found = judge(rows(stored.clip(0, 255).astype(np.uint8)), None, real)
    assert found["copied"] == 1.0
    half = np.concatenate([images[: SAMPLES // 2], drawn(SAMPLES // 2, seed=2)[0]])
    assert judge(rows(half), None, real)["copied"] == 0.5


def test_the_blurred_mean_of_a_class_is_no_copy(real):
    images, labels = drawn(1000, seed=1)
    mean = images[labels == 3].mean(0, keepdims=True).round().astype(np.uint8)
    assert judge(rows(np.repeat(mean, SAMPLES, 0)), None, real)["copied"] == 0.0


def test_one_image_again_and_again_has_no_spread_and_shows_one_class(real):
    images, _ = drawn(1, seed=2)
    found = judge(rows(np.repeat(images, SAMPLES, 0)), None, real)
    assert found["spread"] == 0.0
    assert found["coverage"] == pytest.approx(0.1, abs=0.001)
    assert "obedience" not in found


def test_samples_of_the_wrong_class_are_disobedient(real):
    images, labels = drawn(SAMPLES, seed=2)
    asked = torch.from_numpy(np.where(np.arange(SAMPLES) % 4, labels, (labels + 1) % 10))
    assert judge(rows(images), asked, real)["obedience"] == 0.75


def test_coverage_allows_for_classes_that_a_few_draws_miss():
    real = torch.arange(1000)
    shown = torch.from_numpy(np.random.default_rng(0).integers(1000, size=128))
    assert len(shown.unique()) < 128
    assert coverage(shown, real) == pytest.approx(1, abs=0.1)


def test_without_labels_there_is_no_coverage():
    images, _ = drawn(50, seed=1)
    assert set(judge(rows(images), None, reference(images))) == {"spread", "copied"}


def test_images_that_repeat_have_no_spread_to_compare_with_and_are_not_copied():
    images = np.repeat(drawn(4, seed=1)[0], 50, 0)
    assert judge(rows(images[:SAMPLES]), None, reference(images)) == {"copied": 0.0}


def test_few_training_images_are_compared_with_as_few_samples():
    images, _ = drawn(8, seed=1)
    found = reference(images)
    assert found.group == 8
    repeated = np.tile(images, (SAMPLES // 8, 1, 1, 1))
    assert judge(rows(repeated), None, found)["spread"] == pytest.approx(1)


def test_a_large_set_is_compared_by_a_part_that_keeps_its_classes():
    labels = np.arange(REFERENCES * 3) % 6
    images = np.zeros((len(labels), 8, 8, 1), np.uint8)
    found = reference(images, labels)
    assert len(found.pixels) == REFERENCES
    assert torch.bincount(found.labels).min() > REFERENCES / 6 * 0.85


def test_images_are_averaged_down_to_16_px():
    images = torch.arange(32.0).repeat(1, 1, 32, 1)
    assert torch.equal(coarse(images)[0, :16], torch.arange(16).double() * 2 + 0.5)
    assert coarse(torch.zeros(2, 3, 12, 12)).shape == (2, 3 * 12 * 12)


def test_each_group_has_its_own_neighbours():
    points = torch.tensor([[[0.0], [1.0]], [[0.0], [5.0]]])
    assert nearest_other(points)[0].tolist() == [[1, 1], [5, 5]]


def examined(config, data, **advance):
    found = []
    trainer = Trainer(config, *data, 4, device=CPU)
    trainer.advance(on_progress=found.append, **advance)
    return found, trainer


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr("generators.training.EXAMINED_EVERY", 10)


@pytest.mark.usefixtures("often")
def test_a_run_is_examined_every_so_many_images_and_at_the_end(tiny, data):
    found, _ = examined(tiny(), data)
    assert [p.images_seen for p in found if "copied" in p.values] == [12, 20, 24]
    # The stripes repeat: there is no spread to compare with.
    assert set(found[-1].values) >= {"coverage", "obedience", "copied", "d_loss"}


@pytest.mark.usefixtures("often")
def test_a_resumed_run_finds_what_the_unbroken_one_finds(tiny, data, tmp_path):
    whole, _ = examined(tiny(), data)
    first, trainer = examined(tiny(), data, images=12)
    trainer.save(tmp_path / "run")
    Trainer.resume(tmp_path / "run", *data, device=CPU).advance(on_progress=first.append)
    assert [p.values for p in first] == [p.values for p in whole]


def test_a_single_training_image_is_not_compared_with_others(tiny, data):
    trainer = Trainer(tiny(), data[0][:1], data[1][:1], 4, device=CPU)
    found = []
    trainer.advance(on_progress=found.append)
    assert "copied" not in found[-1].values


def test_a_translation_draws_from_no_noise_and_is_not_examined(tiny, data):
    trainer = Trainer(tiny("edges-to-fashion"), *data, 4, device=CPU)
    found = []
    trainer.advance(on_progress=found.append)
    assert "d_loss" in found[-1].values
    assert "copied" not in found[-1].values
