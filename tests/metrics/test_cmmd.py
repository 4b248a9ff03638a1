import numpy as np
import pytest

from metrics.cmmd import cmmd
from metrics.errors import MetricError, NotFinite, TooFewImages


def kernel(x, y):
    return np.exp(-((x[:, None] - y) ** 2).sum(axis=2) / 200)


def embeddings(n, seed, shift=0.0):
    x = np.random.default_rng(seed).normal(size=(n, 16))
    x[:, 0] += 2 + shift
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def unbiased(x, y):
    xx, yy = kernel(x, x), kernel(y, y)
    n, m = len(x), len(y)
    within = (xx.sum() - n) / (n * (n - 1)) + (yy.sum() - m) / (m * (m - 1))
    return 1000 * (within - 2 * kernel(x, y).mean())


def test_the_value_is_the_u_statistic_and_what_is_published_the_mean_over_all_pairs():
    x, y = embeddings(70, 0), embeddings(60, 1, shift=1)
    got = cmmd(x, y)
    biased = 1000 * (kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean())
    assert got.value == pytest.approx(unbiased(x, y), rel=1e-10)
    assert got.published.value == pytest.approx(biased, rel=1e-10)


def test_float32_features_lose_nothing_that_is_printed():
    x, y = embeddings(400, 2).astype(np.float32), embeddings(300, 3, shift=0.02).astype(np.float32)
    exact = cmmd(x.astype(float), y.astype(float))
    assert cmmd(x, y).value == pytest.approx(exact.value, rel=1e-6)
    assert cmmd(x, y).published.value == pytest.approx(exact.published.value, rel=1e-6)


def test_two_points_have_the_closed_form():
    got = cmmd([[1.0, 0.0]] * 3, [[0.0, 1.0]] * 4)
    assert got.value == pytest.approx(2000 * (1 - np.exp(-2 / 200)), rel=1e-12)
    assert got.se == pytest.approx(0.0, abs=1e-12)


def test_sets_that_are_alike_are_at_zero_on_average_and_the_published_variant_above():
    drawn = [cmmd(embeddings(50, 2 * i), embeddings(50, 2 * i + 1)) for i in range(60)]
    values = np.array([each.value for each in drawn])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(60)
    assert min(each.published.value for each in drawn) > 0


def test_the_standard_error_is_the_spread_over_fresh_samples():
    real = embeddings(300, 999)
    drawn = [cmmd(real, embeddings(80, i, shift=1)) for i in range(150)]
    spread = np.std([each.value for each in drawn], ddof=1)
    assert np.mean([each.se for each in drawn]) == pytest.approx(spread, rel=0.2)


def test_refusals_are_named():
    x = embeddings(5, 4)
    assert cmmd(x, x[:2]).se is None
    with pytest.raises(TooFewImages, match="got 1"):
        cmmd(x, x[:1])
    with pytest.raises(MetricError, match="same dimensions"):
        cmmd(x, x[:, :3])
    with pytest.raises(NotFinite, match="first in image 0"):
        cmmd(x * np.nan, x)


def test_large_features_that_are_alike_do_not_overflow():
    large = 1e12 * embeddings(40, seed=1)
    assert np.isfinite(cmmd(large, large + 1.0).value)
