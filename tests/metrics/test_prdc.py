import re

import numpy as np
import pytest

from metrics import distances
from metrics import prdc as module
from metrics.errors import MetricError, NotFinite, TooFewImages
from metrics.prdc import prdc


def values(scores):
    return tuple(
        getattr(scores, name).value for name in ("precision", "recall", "density", "coverage")
    )


def errors(scores):
    return tuple(
        getattr(scores, name).se for name in ("precision", "recall", "density", "coverage")
    )


def all_pairs(x, y, k):
    """The definition, as the package prdc 0.2 computes it, in float64 without rounding errors."""

    def squares(a, b):
        return ((a[:, None] - b) ** 2).sum(axis=2)

    def radii(a):
        return np.sort(squares(a, a), axis=1)[:, k]

    apart = squares(x, y)
    in_real, in_fake = apart < radii(x)[:, None], apart < radii(y)
    return (
        in_real.any(axis=0).mean(),
        in_fake.any(axis=1).mean(),
        in_real.sum(axis=0).mean() / k,
        in_real.any(axis=1).mean(),
    )


def normal(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_values_are_those_of_the_package_prdc(recorded):
    theirs = recorded.values["prdc_k5_real=A_fake=B"]
    got = values(prdc(recorded.a, recorded.b, k=5))
    assert got == pytest.approx(tuple(theirs.values()), rel=1e-15)
    assert list(theirs) == ["precision", "recall", "density", "coverage"]


@pytest.mark.parametrize(("n", "m", "k"), [(200, 30, 5), (60, 60, 1), (90, 20, 2)])
def test_coverage_of_few_images_says_what_a_perfect_generator_has(n, m, k):
    found = [prdc(normal(n, 3, i), normal(m, 3, 100 + i), k=k).coverage for i in range(40)]
    told = float(re.search(r"perfect generator would cover ([\d.]+) of", found[0].note)[1])
    assert told == pytest.approx(np.mean([each.value for each in found]), abs=0.02)
    assert found[0].note.startswith(f"n = {m} images are few beside {n} real ones")


def test_coverage_of_as_many_images_as_real_ones_needs_no_word():
    assert prdc(normal(50, 2, 0), normal(50, 2, 1)).coverage.note == ""


@pytest.mark.parametrize("block", [16, 2048])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_ties_are_outside_as_by_definition(k, block, monkeypatch):
    monkeypatch.setattr(distances, "BLOCK_ROWS", block)
    monkeypatch.setattr(module, "BLOCK_ROWS", block)
    for seed in range(10):
        x, y = np.round(3 * normal(40, 2, seed)), np.round(3 * normal(30, 2, seed + 50) + 1)
        assert values(prdc(x, y, k=k)) == pytest.approx(all_pairs(x, y, k), rel=1e-14)


def test_two_sets_of_one_image_repeated_score_nothing():
    assert values(prdc(np.ones((20, 3)), np.ones((30, 3)))) == (0, 0, 0, 0)


def test_fakes_that_are_the_reals_are_all_in_and_cover_all():
    x = normal(60, 3, 0)
    precision, recall, _, coverage = values(prdc(x, x))
    assert (precision, recall, coverage) == (1, 1, 1)


def test_fakes_far_away_are_neither_in_nor_do_they_cover():
    x = normal(60, 3, 1)
    assert values(prdc(x, x + 100)) == (0, 0, 0, 0)


@pytest.mark.parametrize("k", [1, 3])
def test_errors_of_recall_and_coverage_are_the_jackknife(k):
    x, y = np.round(4 * normal(30, 2, 2)), np.round(4 * normal(25, 2, 3))
    scores = prdc(x, y, k=k)
    without = np.array([all_pairs(x, np.delete(y, i, axis=0), k) for i in range(25)])
    expected = np.sqrt(24 * without.var(axis=0))
    assert scores.recall.se == pytest.approx(expected[1], rel=1e-9)
    assert scores.coverage.se == pytest.approx(expected[3], rel=1e-9)


def test_errors_are_the_spread_over_fresh_samples_or_on_the_safe_side():
    rng = np.random.default_rng(4)
    real = rng.normal(size=(250, 4))
    drawn = [prdc(real, 0.3 + rng.normal(size=(200, 4))) for _ in range(100)]
    spread = np.std([values(scores) for scores in drawn], axis=0, ddof=1)
    ratio = np.mean([errors(scores) for scores in drawn], axis=0) / spread
    assert ratio[[0, 2]] == pytest.approx(1.0, abs=0.25)
    assert (ratio[[1, 3]] > 0.9).all()
    assert (ratio[[1, 3]] < 1.8).all()


def test_a_precision_of_one_is_not_taken_for_certain():
    x = normal(60, 3, 5)
    precision = prdc(x, x).precision
    assert precision.value == 1
    assert precision.se > 0.01


def test_as_many_fakes_as_a_ball_needs_give_values_without_an_error_of_recall():
    x = normal(20, 2, 6)
    scores = prdc(x, x[:6], k=5)
    assert scores.recall.se is None
    assert scores.coverage.se is not None


def test_refusals_are_named():
    x = normal(9, 2, 7)
    with pytest.raises(TooFewImages, match="k = 5 need at least 6 images in each set, got 5"):
        prdc(x, x[:5])
    with pytest.raises(MetricError, match="k of at least 1, got 0"):
        prdc(x, x, k=0)
    with pytest.raises(MetricError, match="same dimensions"):
        prdc(x, x[:, :1])
    with pytest.raises(NotFinite, match="first in image 0"):
        prdc(x, np.full((9, 2), np.inf))
