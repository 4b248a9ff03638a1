import numpy as np
import pytest

from metrics.errors import MetricError, NotFinite, TooFewImages
from metrics.frechet import frechet_distance, frechet_estimate
from metrics.frechet_infinity import extrapolated, half_split
from metrics.gaussian import Gaussian

SCALES = np.arange(1.0, 21) ** -0.7
REAL = Gaussian(None, np.zeros(20), np.diag(SCALES**2))
TRUTH = ((1.3 - 1) ** 2 * SCALES**2).sum()


def fakes(n, seed):
    """Their distance to REAL is TRUTH, could one have infinitely many."""
    return 1.3 * SCALES * np.random.default_rng(seed).normal(size=(n, 20))


@pytest.mark.parametrize(
    ("method", "least_ratio", "most"), [(half_split, 5, 0.2), (extrapolated, 5, 0.2)]
)
def test_the_bias_is_taken_out_and_the_error_is_the_spread(method, least_ratio, most):
    drawn = [fakes(250, seed) for seed in range(60)]
    debiased = [method(REAL, each) for each in drawn]
    plain = np.mean([frechet_distance(REAL, Gaussian.of_features(x)).value for x in drawn]) - TRUTH
    values = np.array([each.value for each in debiased])
    assert plain > least_ratio * abs(values.mean() - TRUTH)
    assert np.mean([each.se for each in debiased]) == pytest.approx(values.std(ddof=1), rel=most)


def test_the_value_is_that_of_the_definition():
    x = fakes(51, 0)
    order = np.random.default_rng(3)
    whole, halves = frechet_estimate(REAL, x).value, []
    for _ in range(2):
        each = order.permutation(51)
        halves += [frechet_estimate(REAL, x[each[at : at + 25]]).value for at in (0, 25)]
    expected = (51 * whole - 25 * np.mean(halves)) / 26
    assert half_split(REAL, x, seed=3).value == pytest.approx(expected, rel=1e-10)


def test_two_points_extrapolate_the_line_through_them():
    x = fakes(80, 1)
    half = np.random.default_rng(4).permutation(80)[:40]
    small, large = frechet_estimate(REAL, x[half]).value, frechet_estimate(REAL, x).value
    got = extrapolated(REAL, x, points=2, seed=4)
    assert got.value == pytest.approx(2 * large - small, rel=1e-9)
    assert got.method == "jackknife; 2 points, seed 4"


@pytest.mark.parametrize("method", [half_split, extrapolated])
def test_the_seed_draws_and_nothing_else_does(method):
    x = fakes(60, 2)
    assert method(REAL, x) == method(REAL, x)
    assert method(REAL, x, seed=1).value != method(REAL, x).value


@pytest.mark.parametrize("method", [half_split, extrapolated])
def test_refusals_are_named(method):
    x = fakes(60, 5)
    with pytest.raises(TooFewImages, match="at least 40 generated images, got 39"):
        method(REAL, x[:39])
    with pytest.raises(MetricError, match="same dimensions"):
        method(REAL, x[:, :3])
    with pytest.raises(NotFinite, match="first in image 0"):
        method(REAL, np.full((60, 20), np.nan))


def test_a_result_that_no_distance_can_have_is_refused():
    """Forty directions of equal weight, and hardly more images: the bias falls faster than 1/n."""
    real = Gaussian(None, np.zeros(40), np.eye(40))
    with pytest.raises(TooFewImages, match=r"60 images are too few: .* which is no distance"):
        half_split(real, np.random.default_rng(6).normal(size=(60, 40)))


FLAT = Gaussian(None, np.zeros(40), np.eye(40))


@pytest.mark.parametrize("method", [half_split, extrapolated])
@pytest.mark.parametrize(("n", "is_few"), [(60, True), (390, False)])
def test_a_correction_that_half_the_images_would_not_give_is_said(method, n, is_few):
    """The truth is 40 · 0.5² + 1.6 = 11.6, which the intervals of 60 images lack."""
    found = method(FLAT, 0.2 + 1.5 * np.random.default_rng(7).normal(size=(n, 40)))
    low, high = found.interval()
    assert (low < 11.6 < high) != is_few
    assert found.note.startswith(f"n = {n} images are few: half as many would give") == is_few


def test_what_half_the_images_would_give_is_told():
    x = 1.5 * np.random.default_rng(7).normal(size=(80, 40))
    order = np.random.default_rng(3).permutation(80)

    def mean_of(size):
        parts = order.reshape(-1, size)
        return np.mean([frechet_estimate(FLAT, x[part]).value for part in parts])

    assert f"would give {2 * mean_of(40) - mean_of(20):.4g}," in half_split(FLAT, x, seed=3).note


def test_images_that_are_enough_for_any_features_are_not_cut_again(monkeypatch):
    monkeypatch.delattr("metrics.frechet_infinity._of_halves")
    assert half_split(REAL, fakes(200, 8)).note == ""


def test_a_line_needs_two_points():
    with pytest.raises(MetricError, match="at least 2 points, got 1"):
        extrapolated(REAL, fakes(60, 7), points=1)
