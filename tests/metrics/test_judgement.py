import json

import numpy as np
import pytest

from metrics.features import pool_features
from metrics.image_pools import ArrayPool
from metrics.judgement import judge, picture
from metrics.measure import measure
from pools.sources import load


@pytest.fixture
def sets(images):
    return images(60, seed=1), images(50, seed=2)


def test_held_out_images_stand_beside_real_ones_that_were_learned(images, pixels):
    learned, fake, new = images(60, seed=1), images(55, seed=2), images(80, seed=3)
    by_held_out = measure(learned, fake, held_out=new, extractor=pixels)
    by_train = measure(new, fake, train=learned, extractor=pixels)
    assert by_held_out.n_train == by_train.n_train == 60
    assert by_held_out.memorisation == by_train.memorisation


def test_copies_of_training_images_are_found_and_named_by_position(images, pixels):
    pixels.dimensions = 16
    train, held_out = images(200, seed=1), images(200, seed=2)
    fake = np.concatenate([images(60, seed=3), train[[7, 5]]])
    found = measure(held_out, fake, train=train, extractor=pixels).memorisation
    closest = {(each.fake, each.real, each.split, each.distance) for each in found.closest[:2]}
    assert closest == {(60, 7, "train", 0.0), (61, 5, "train", 0.0)}
    assert [each.duplicate for each in found.closest[:3]] == ["exact", "exact", ""]
    assert all(0 <= each.held_out < 200 for each in found.closest)


def test_copies_behind_noise_that_the_extractor_stumbles_over_are_found(lite0):
    digits = load("mnist", limit=210).images
    noise = np.random.default_rng(0).normal(0, 20, (60, 28, 28, 1))
    fake = (digits[:60] + noise).round().clip(0, 255).astype(np.uint8)
    sets = {"train": digits[:150], "metrics": ["memorisation"], "extractor": lite0}
    found = measure(digits[150:], fake, **sets).memorisation
    assert found.verdict == "copies"
    assert found.copied.low > 45
    assert all(each.train == each.fake for each in found.closest)


def test_pixels_are_those_of_the_rows_wherever_these_lie_in_their_pools(images, pixels):
    train, held_out, fake = images(700, seed=1), images(600, seed=2), images(300, seed=3)
    fake[::3] = train[600:]
    options = {"train": train, "extractor": pixels, "metrics": ["memorisation"]}
    found = measure(held_out, fake, **options).memorisation
    assert (found.copied.within, found.copied.n) == (100, 300)
    assert {(each.fake, each.train) for each in found.closest} <= {
        (3 * i, 600 + i) for i in range(100)
    }


def test_a_picture_is_drawn_where_held_out_images_were_learned_from(images, pixels):
    train, fake = (
        pool_features(ArrayPool(each), pixels) for each in (images(60), images(50, seed=1))
    )
    found = judge(train, train, fake, seed=0)
    assert found.closest[0].held_out is None
    assert picture(found, train, train, fake).startswith(b"\x89PNG")


def two_classes(count, seed):
    """Images of a class that lies close together, and of one that does not, and their labels."""
    noise = np.random.default_rng(seed).normal(0, 1, (count, 8, 8, 1))
    labels = np.arange(count) % 2
    spread = np.where(labels, 8, 30)[:, None, None, None]
    return (128 + noise * spread).clip(0, 255).astype(np.uint8), labels


@pytest.mark.parametrize("of", [0, 1])
def test_new_images_of_one_class_are_judged_beside_held_out_ones_of_that_class(of, pixels):
    train, held_out, (fake, labels) = two_classes(400, 1), two_classes(300, 2), two_classes(300, 3)
    own = ArrayPool(fake[labels == of], labels[labels == of])
    sets = {"train": ArrayPool(*train), "extractor": pixels, "metrics": ["memorisation"]}
    found = measure(ArrayPool(*held_out), own, **sets).memorisation
    assert found.verdict == "none"
    assert abs(found.c_t.value) < 2
    assert found.words.endswith("the held-out images of the one class that samples have.")
    assert {held_out[1][each.held_out] for each in found.closest} == {of}
    copied = ArrayPool(train[0][of::2], train[1][of::2])
    assert measure(ArrayPool(*held_out), copied, **sets).memorisation.verdict == "copies"


def test_samples_of_other_classes_or_of_none_are_judged_beside_all(pixels):
    train, held_out, (fake, labels) = two_classes(400, 1), two_classes(300, 2), two_classes(300, 3)
    sets = {"train": ArrayPool(*train), "extractor": pixels, "metrics": ["memorisation"]}
    expected = measure(ArrayPool(*held_out), ArrayPool(fake), **sets).memorisation
    for given in (labels + 5, np.full(300, -1), np.where(labels, 0, -1)):
        found = measure(ArrayPool(*held_out), ArrayPool(fake, given), **sets).memorisation
        assert (found.words, found.c_t) == (expected.words, expected.c_t)


def test_new_images_with_more_of_one_class_are_judged_within_classes(pixels):
    train, held_out, (fake, labels) = two_classes(400, 1), two_classes(300, 2), two_classes(600, 3)
    kept = np.flatnonzero((labels == 1) | (np.arange(600) % 12 == 0))
    sets = {"train": ArrayPool(*train), "extractor": pixels, "metrics": ["memorisation"]}
    across = measure(ArrayPool(*held_out), ArrayPool(fake[kept]), **sets).memorisation
    assert across.verdict == "close"
    assert across.words.endswith("where all images have classes, they are compared within these.")
    within = measure(ArrayPool(*held_out), ArrayPool(fake[kept], labels[kept]), **sets).memorisation
    assert within.verdict == "none"
    assert abs(within.c_t.value) < 2
    assert within.c_t.method.endswith("within classes")
    assert "classes" not in within.words


def test_large_sets_are_judged_by_their_first_images(images, pixels, monkeypatch):
    monkeypatch.setattr("metrics.judgement.MOST", 60)
    train, held_out, fake = images(700, seed=1), images(90, seed=2), images(80, seed=3)
    found = measure(held_out, fake, train=train, extractor=pixels).memorisation
    assert (found.copied.n, found.authenticity.n_real, found.authenticity.n_fake) == (60, 60, 60)


def test_held_out_images_say_what_c_t_and_authenticity_are_without_copying(images, pixels):
    train, held_out, fake = images(200, seed=1), images(90, seed=2), images(80, seed=3)
    found = measure(held_out, fake, train=train, extractor=pixels).memorisation
    by_held_out = measure(train, held_out, held_out=held_out, extractor=pixels).memorisation
    assert found.authenticity.reference.n == 80
    assert found.authenticity.reference.value == pytest.approx(
        by_held_out.authenticity.value, abs=0.1
    )
    reference = found.c_t.reference
    assert (reference.value, reference.n) == (0, 80)
    assert reference.high == -reference.low == pytest.approx(1.96 * found.c_t.se, rel=1e-3)


def test_too_few_training_images_are_the_reason_why_memorisation_is_not_judged(images, pixels):
    measurement = measure(images(50), images(40, seed=1), train=images(5), extractor=pixels)
    found = measurement.memorisation
    reason = "memorisation needs at least 7 training images and 2 samples, got 5 and 40"
    assert (found.verdict, found.copied, found.closest) == ("unknown", None, ())
    assert found.words == f"Memorisation cannot be judged: {reason}."
    assert found.c_t.value is found.authenticity.value is None
    assert found.c_t.note == found.authenticity.note == reason
    assert measurement.figures[-1] == found.authenticity


@pytest.mark.parametrize("held_out", ["new", "train"])
def test_exact_copies_of_too_few_training_images_are_told(images, pixels, held_out):
    train = images(5)
    real = images(50, seed=3) if held_out == "new" else train
    found = measure(real, np.tile(train, (8, 1, 1, 1)), train=train, extractor=pixels).memorisation
    assert (found.verdict, found.copied.within, found.copied.seen) == ("copies", 40, "exact")
    assert "40 equal one in every pixel" in found.words
    assert found.words.endswith(
        "More cannot be judged: memorisation needs at least 7 training images and 2 samples, "
        "got 5 and 40."
    )
    assert found.c_t.value is None


def test_an_exact_copy_is_told_though_it_may_be_chance(images, pixels):
    fake = np.concatenate([images(40, seed=1), images(5)[:1]])
    found = measure(images(50, seed=3), fake, train=images(5), extractor=pixels).memorisation
    assert (found.verdict, found.copied) == ("unknown", None)
    assert found.words.endswith("got 5 and 41. 1 equals a training image in every pixel.")


def test_a_ratio_that_is_infinite_is_none_in_json(pixels):
    train = np.zeros((20, 8, 8, 1), np.uint8)
    fake = np.full((5, 8, 8, 1), 200, np.uint8)
    measurement = measure(train, fake, train=train, extractor=pixels, metrics=["memorisation"])
    assert {each.ratio for each in measurement.memorisation.closest} == {None}
    json.dumps(measurement.as_dict(), allow_nan=False)


def test_authenticity_is_a_figure_like_others(images, pixels):
    measurement = measure(
        images(60), images(50, seed=2), train=images(70, seed=3), extractor=pixels
    )
    figure = measurement.figures[-1]
    assert (figure.name, figure.n_real, figure.n_fake) == ("authenticity-pixels", 70, 50)
    assert figure == measurement.memorisation.authenticity


def test_without_training_images_memorisation_is_not_judged(sets, pixels):
    assert measure(*sets, extractor=pixels).memorisation is None
    asked = measure(*sets, extractor=pixels, metrics=["memorisation"])
    assert asked.memorisation is None
    assert asked.warnings == ("memorisation cannot be judged without the training images",)
