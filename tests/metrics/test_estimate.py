"""Intervals of small sets hold the truth about as often as they say."""

import numpy as np
import pytest

from metrics.estimate import Estimate
from metrics.frechet import frechet_estimate
from metrics.gaussian import Gaussian
from metrics.prdc import prdc


@pytest.mark.parametrize("n", [6, 10, 20, 50])
@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.98])
def test_the_interval_of_a_share_holds_the_truth_however_few_there_are(n, p):
    counts = np.random.default_rng(0).binomial(n, p, size=2000)
    intervals = [Estimate.of_share(int(count), n, "share").interval(0, 1) for count in counts]

    assert np.mean([low <= p <= high for low, high in intervals]) > 0.9


@pytest.mark.parametrize("n", [6, 10])
def test_intervals_of_few_images_hold_the_mean_of_fresh_samples(n):
    draws = np.random.default_rng(0)
    real = draws.normal(size=(200, 4))
    reference = Gaussian.of_features(real)
    samples = [draws.normal(size=(n, 4)) * 0.8 + 0.4 for _ in range(300)]

    for found in (
        [frechet_estimate(reference, sample) for sample in samples],
        [prdc(real, sample).density for sample in samples],
    ):
        mean = np.mean([each.value for each in found])
        intervals = [each.interval() for each in found]
        assert np.mean([low <= mean <= high for low, high in intervals]) > 0.9


def test_intervals_of_many_images_are_the_normal_ones():
    few, many = (Estimate(5.0, 1.0, "jackknife", freedom=n - 1) for n in (6, 50_000))

    assert many.interval() == pytest.approx(Estimate(5.0, 1.0, "jackknife").interval(), rel=1e-4)
    assert few.interval() == pytest.approx((5 - 2.5706, 5 + 2.5706), rel=1e-4)


def test_a_share_of_all_or_none_is_not_certain():
    assert Estimate.of_share(0, 10, "share").interval(0, 1) == pytest.approx((0, 0.3262), abs=1e-4)
    assert Estimate.of_share(10, 10, "share").interval(0, 1)[0] == pytest.approx(0.6738, abs=1e-4)
