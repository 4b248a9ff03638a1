import numpy as np
import pytest

from metrics import mmd
from metrics.errors import MetricError, NotFinite, TooFewImages
from metrics.kid import kid


def naive(x, y):
    """The definition, all pairs at once, with no image paired with itself."""

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def off_diagonal_mean(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    within = off_diagonal_mean(kernel(x, x)) + off_diagonal_mean(kernel(y, y))
    return within - 2 * kernel(x, y).mean()


def normal(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_the_value_is_the_recorded_u_statistic(recorded):
    expected = recorded.values["kid_full_ustat"]
    got = kid(recorded.a, recorded.b).value
    assert got == pytest.approx(expected, rel=1e-7)
    exact = kid(recorded.a.astype(float), recorded.b.astype(float)).value
    assert exact == pytest.approx(expected, rel=1e-12)


def test_subsets_are_those_of_torch_fidelity_up_to_its_float32(recorded):
    theirs = recorded.values["kid_tf_100x200_seed2020"]
    ours = kid(recorded.a, recorded.b, subset_size=200, seed=2020).published
    assert ours.value == pytest.approx(theirs["kernel_inception_distance_mean"], abs=5e-8)
    assert ours.spread == pytest.approx(theirs["kernel_inception_distance_std"], abs=5e-8)


def test_subsets_are_the_definition_on_the_drawn_images():
    x, y = normal(50, 4, 0), normal(40, 4, 1)
    rng = np.random.RandomState(7)
    draws = [
        naive(x[rng.choice(50, 10, replace=False)], y[rng.choice(40, 10, replace=False)])
        for _ in range(20)
    ]
    published = kid(x, y, subsets=20, subset_size=10, seed=7).published
    assert published.value == pytest.approx(np.mean(draws), rel=1e-12)
    assert published.spread == pytest.approx(np.std(draws), rel=1e-12)
    assert published.protocol == "20 subsets of 10, seed 7"


@pytest.mark.parametrize("shift", [0.0, 0.01])
@pytest.mark.parametrize("centre", [0.5, 10.0])
def test_float32_features_move_values_by_a_millionth_of_their_error_at_most(centre, shift):
    """On features like those of networks: never negative, with a spectrum that falls."""
    rng = np.random.default_rng(14)
    mixing = rng.normal(size=(256, 256)) / 16 / np.sqrt(np.arange(1, 257))
    real, fake = np.maximum(rng.normal(size=(2, 600, 256)) @ mixing.T + centre, 0)
    x, y = real.astype(np.float32), (fake + shift).astype(np.float32)
    exact = kid(x.astype(float), y.astype(float), subset_size=100)
    got = kid(x, y, subset_size=100)
    assert got.value == pytest.approx(exact.value, rel=1e-7, abs=1e-6 * exact.se)
    assert got.se == pytest.approx(exact.se, rel=1e-6)
    published = exact.published
    assert got.published.value == pytest.approx(published.value, abs=1e-6 * published.spread)


def test_without_subsets_there_is_the_exact_value_alone():
    x, y = normal(30, 3, 15), normal(25, 3, 16)
    assert kid(x, y, subsets=0).published is None
    assert kid(x, y, subsets=0).value == kid(x, y, subset_size=10).value


def test_the_size_of_blocks_changes_no_printed_digit(monkeypatch):
    x, y = normal(60, 5, 2), normal(45, 5, 3)
    whole = kid(x, y, subset_size=20)
    monkeypatch.setattr(mmd, "BLOCK_ROWS", 16)
    monkeypatch.setattr(mmd, "STRIP_ROWS", 7)
    blocks = kid(x, y, subset_size=20)
    assert blocks.value == pytest.approx(whole.value, rel=1e-12)
    assert blocks.value == pytest.approx(naive(x, y), rel=1e-12)
    assert blocks.se == pytest.approx(whole.se, rel=1e-12)
    assert blocks.published.value == pytest.approx(whole.published.value, rel=1e-12)


def test_the_standard_error_is_the_jackknife_over_fakes():
    x, y = normal(30, 3, 4), normal(25, 3, 5) + 0.3
    left_out = np.array([naive(x, np.delete(y, i, axis=0)) for i in range(25)])
    expected = np.sqrt(24 / 25 * ((left_out - left_out.mean()) ** 2).sum())
    assert kid(x, y).se == pytest.approx(expected, rel=1e-9)


def test_the_standard_error_is_the_spread_over_fresh_samples():
    x, rng = normal(300, 4, 6), np.random.default_rng(7)
    estimates = [kid(x, 0.5 + rng.normal(size=(100, 4)), subsets=1) for _ in range(200)]
    spread = np.std([each.value for each in estimates], ddof=1)
    assert np.mean([each.se for each in estimates]) == pytest.approx(spread, rel=0.15)


def test_sets_that_are_alike_are_at_zero_on_average():
    rng = np.random.default_rng(8)
    values = [kid(*rng.normal(size=(2, 60, 4)), subsets=1).value for _ in range(200)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(200)
    assert min(values) < 0 < max(values)


def test_a_subset_is_never_larger_than_a_set():
    published = kid(normal(30, 3, 9), normal(12, 3, 10)).published
    assert published.protocol == "100 subsets of 12, seed 0"


def test_two_fakes_give_a_value_without_an_interval():
    estimate = kid(normal(5, 3, 11), normal(2, 3, 12))
    assert np.isfinite(estimate.value)
    assert estimate.se is None


def test_refusals_are_named():
    x = normal(5, 3, 13)
    with pytest.raises(TooFewImages, match="got 1"):
        kid(x, x[:1])
    with pytest.raises(NotFinite, match="first in image 1"):
        kid(x, [[0.0] * 3, [np.nan] * 3])
    with pytest.raises(MetricError, match="0 or more subsets of at least 2 images, got -1 of 9"):
        kid(x, x, subsets=-1, subset_size=9)
    with pytest.raises(MetricError, match="0 or more subsets of at least 2 images, got 100 of 1"):
        kid(x, x, subset_size=1)
    with pytest.raises(MetricError, match="same dimensions"):
        kid(x, x[:, :1])
