import tracemalloc

import numpy as np
import pytest
from scipy.special import softmax

from metrics.errors import MetricError, NotFinite, TooFewImages
from metrics.inception_score import inception_score


@pytest.mark.parametrize(
    ("name", "splits"), [("isc_tf_10splits_seed2020", 10), ("isc_tf_1split", 1)]
)
def test_splits_are_those_of_torch_fidelity(recorded, name, splits):
    p = softmax(recorded.logits.astype(float), axis=1)
    published = inception_score(p, splits=splits, seed=2020).published
    theirs = recorded.values[name]
    assert published.value == pytest.approx(theirs["inception_score_mean"], rel=1e-12)
    assert published.spread == pytest.approx(theirs["inception_score_std"], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("classes", [1, 4, 25])
def test_sure_and_evenly_spread_images_score_the_number_of_classes(classes):
    p = np.eye(25)[np.arange(100) % classes]
    assert inception_score(p, splits=1).published.value == pytest.approx(classes, rel=1e-12)


def test_images_that_all_look_alike_score_one_for_sure():
    estimate = inception_score(np.tile([0.2, 0.5, 0.3], (40, 1)))
    assert estimate.value == pytest.approx(1.0, abs=1e-12)
    assert estimate.se == pytest.approx(0.0, abs=1e-12)


def test_the_correction_takes_out_the_bias_and_the_error_is_the_spread():
    rng = np.random.default_rng(0)
    many = softmax(2 * rng.normal(size=(200_000, 20)), axis=1)
    truth = inception_score(many, splits=1).published.value
    estimates = [inception_score(many[i * 100 : (i + 1) * 100], splits=1) for i in range(400)]
    values = np.array([each.value for each in estimates])
    plain = np.mean([each.published.value for each in estimates])
    assert abs(values.mean() - truth) < 0.1 * abs(plain - truth)
    assert np.mean([each.se for each in estimates]) == pytest.approx(values.std(ddof=1), rel=0.1)


@pytest.mark.parametrize(("n", "is_few"), [(3, True), (300, True), (6000, False)])
def test_images_too_few_for_their_classes_say_that_the_score_is_too_low(n, is_few):
    rng = np.random.default_rng(0)
    p = np.full((n, 400), 0.2 / 400)
    p[np.arange(n), rng.integers(0, 400, n)] += 0.8
    estimate = inception_score(p, splits=1)
    raised = estimate.value / estimate.published.value - 1
    words = f"n = {n} images are few for the classes that they show: too low, though raised by {raised:.0%}"
    assert estimate.note.startswith(words) if is_few else estimate.note == ""


def test_order_moves_the_splits_but_not_the_value():
    p = softmax(np.random.default_rng(1).normal(size=(603, 7)), axis=1)
    forward, backward = inception_score(p), inception_score(p[::-1])
    assert forward.value == pytest.approx(backward.value, rel=1e-12)
    assert forward.published.value != pytest.approx(backward.published.value, rel=1e-6)


def test_a_class_that_no_image_shows_counts_for_nothing():
    p = softmax(np.random.default_rng(2).normal(size=(50, 4)), axis=1)
    unseen = np.insert(p, 2, 0.0, axis=1)
    assert inception_score(unseen).value == pytest.approx(inception_score(p).value, rel=1e-12)
    assert inception_score(unseen).published == inception_score(p).published


def test_probabilities_on_disk_are_read_a_chunk_at_a_time(tmp_path):
    p = np.lib.format.open_memmap(tmp_path / "p.npy", "w+", np.float32, (20_000, 100))
    p[:] = softmax(np.random.default_rng(3).normal(size=p.shape), axis=1)
    tracemalloc.start()
    estimate = inception_score(p)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < p.nbytes / 3
    assert estimate.value == pytest.approx(inception_score(p.astype(float)).value, rel=1e-12)


def test_fewer_images_than_splits_have_no_published_variant():
    assert inception_score(np.eye(9)).published is None


@pytest.mark.parametrize(
    ("p", "error", "words"),
    [
        ([[0.5, 0.5]], TooFewImages, "got 1"),
        ([[0.5, 0.6]] * 3, MetricError, "sum to 1"),
        ([[-0.5, 1.5]] * 3, MetricError, "sum to 1"),
        ([[np.nan, 1.0]] * 3, NotFinite, "first in image 0"),
    ],
)
def test_what_is_no_probability_is_refused(p, error, words):
    with pytest.raises(error, match=words):
        inception_score(p)


def test_no_split_at_all_is_refused():
    with pytest.raises(MetricError, match="at least 1 split, got 0"):
        inception_score(np.eye(3), splits=0)
