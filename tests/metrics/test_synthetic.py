import numpy as np
import pytest

from classifiers.shares import Share
from metrics.errors import ImageMismatch, MetricError, TooFewImages
from metrics.synthetic import Labelled, usefulness


def striped(count=128, seed=0, classes=4, side=16, channels=1):
    """Noise with a bright stripe whose row tells the class."""
    labels = np.arange(count) % classes
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, (count, side, side, channels), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 3] = 255
    return Labelled(images, labels)


REAL, HELD_OUT = striped(seed=1), striped(96, seed=2)
STEPS = 12


@pytest.fixture(scope="module")
def good():
    told = []
    found = usefulness(
        REAL, HELD_OUT, striped(64, seed=3), steps=STEPS, progress=lambda *at: told.append(at)
    )
    return found, told


@pytest.fixture(scope="module")
def shuffled():
    """What synthetic images are worth whose labels are one off."""
    fake = striped(seed=4)
    return usefulness(REAL, HELD_OUT, Labelled(fake.images, (fake.labels + 1) % 4), steps=STEPS)


def test_images_as_good_as_real_ones_reach_the_ceiling(good):
    found, _ = good
    shares = [each.share for each in (found.tstr, found.trts, found.ceiling)]
    assert all(share.value > 0.9 for share in shares)
    assert [share.n for share in shares] == [96, 64, 96]
    assert found.chance == 0.25


def test_the_best_guess_is_the_most_frequent_class():
    """Who always names it is right that often, however many classes there are."""
    labels = np.where(np.arange(100) < 85, 2, np.arange(100) % 2)
    images = np.random.default_rng(6).integers(0, 120, (100, 16, 16, 1), dtype=np.uint8)
    uneven = Labelled(images, labels)
    found = usefulness(uneven, uneven, uneven, steps=1)
    assert found.chance == 0.85


def test_as_many_real_images_are_learned_from_as_there_are_synthetic_ones(good, shuffled):
    assert (good[0].n, shuffled.n) == (64, 128)


def test_wrong_labels_are_useless_both_ways_and_leave_the_ceiling(shuffled):
    assert shuffled.ceiling.share.value > 0.9
    assert shuffled.tstr.share.value < 0.1
    assert shuffled.trts.share.value < 0.1


def test_every_accuracy_is_that_of_its_classes_with_wilsons_interval(good):
    for accuracy in (good[0].tstr, good[0].trts, good[0].ceiling):
        classes = accuracy.classes
        assert list(classes) == [0, 1, 2, 3]
        assert sum(each.count for each in classes.values()) == accuracy.share.count
        assert accuracy.share == Share.of(accuracy.share.count, accuracy.share.n)


def test_progress_goes_through_both_trainings(good):
    assert good[1] == [(step, 2 * STEPS) for step in range(1, 2 * STEPS + 1)]


def test_a_class_that_is_never_drawn_is_never_named():
    fake = striped(128, seed=5)
    kept = fake.labels != 3
    found = usefulness(REAL, HELD_OUT, Labelled(fake.images[kept], fake.labels[kept]), steps=STEPS)
    assert found.tstr.classes[3].count == 0
    assert found.tstr.classes[0].value > 0.8
    assert 3 not in found.trts.classes


@pytest.mark.parametrize(
    ("real", "held_out", "fake", "error", "words"),
    [
        (REAL, HELD_OUT, striped(63), TooFewImages, "at least 64 images, got 63"),
        (REAL, striped(0), REAL, TooFewImages, "at least 1 held-out image, got 0"),
        (REAL, HELD_OUT, striped(channels=3), ImageMismatch, r"\(16, 16, 3\) \(synthetic\)"),
        (striped(classes=1), striped(classes=1), striped(classes=1), MetricError, "classes from 2"),
        *[(striped(side=8, classes=2),) * 3 + (MetricError, "resolution_px from 16 to 128, got 8")],
    ],
)
def test_what_cannot_be_learned_from_is_refused(real, held_out, fake, error, words):
    with pytest.raises(error, match=words):
        usefulness(real, held_out, fake, steps=1)
