"""A psychometric function's threshold is found, with its uncertainty, or declared beyond reach."""

import numpy as np
import pytest

from scoring.psychometric import LAPSES, SLOPES, fit_curve, fit_thresholds, grid

LEVELS = np.array([100.0, 150, 200, 300, 500, 1000])
RANGE = {"floor_ms": 100, "ceiling_ms": 1000}


def chance(levels_ms, location_ms, slope, lapse):
    """The model, written anew."""
    return 0.5 + (0.5 - lapse) / (1 + (np.asarray(levels_ms) / location_ms) ** -slope)


def threshold(location_ms, slope, lapse, share=0.75):
    """Where the model passes the share: the odds there, turned round by hand."""
    odds = (share - 0.5) / (1 - lapse - share)
    return location_ms * odds ** (1 / slope)


def answers(shares, trials):
    right = np.atleast_2d(np.asarray(shares) * trials)
    return right, trials - right


def fit(right, wrong, share=0.75, levels=LEVELS, **options):
    return fit_thresholds(levels, right, wrong, share_right=share, **RANGE, **options)


@pytest.mark.parametrize("share", [0.75, 0.7937])
@pytest.mark.parametrize("lapse", [0.0, 0.04, 0.1, 0.136])
def test_exact_shares_of_many_answers_give_the_models_own_threshold(lapse, share):
    slope = SLOPES[4]
    right, wrong = answers(chance(LEVELS, 220, slope, lapse), 5_000)
    fits = fit(right, wrong, share)
    assert fits.threshold_ms[0] == pytest.approx(threshold(220, slope, lapse, share), rel=0.025)
    assert not fits.at_floor[0]
    assert not fits.at_ceiling[0]


def test_without_lapses_three_of_four_are_right_where_f_is_one_half():
    assert threshold(220, 3.0, 0.0) == 220
    points = grid(0.75, 100, 1000)
    own = points.lapses == 0
    assert points.locations[own] == pytest.approx(np.repeat(points.log_ms, SLOPES.size))


def test_every_point_of_the_grid_passes_the_share_at_its_threshold_or_never():
    points = grid(0.7937, 100, 1000)
    each = np.tile(np.repeat(points.log_ms, SLOPES.size), LAPSES.size)
    rise = 1 / (1 + np.exp(-points.slopes * (each - points.locations)))
    right = 0.5 + (0.5 - points.lapses) * rise
    reaching = points.lapses < 1 - 0.7937
    assert right[reaching] == pytest.approx(0.7937)
    assert 1 - points.lapses[~reaching] == pytest.approx(0.7937)
    assert reaching.mean() == pytest.approx(1 - 1 / LAPSES.size)


def test_the_posterior_is_the_prior_where_nothing_was_answered():
    fits = fit(*np.zeros((2, 1, LEVELS.size)), confidence=0.9)
    assert fits.threshold_ms[0] == pytest.approx(np.sqrt(100 * 1000), rel=0.01)
    density = (1 - 0.25 * LAPSES) ** 9  # of Beta(1, 10); the last has no threshold
    ends = np.array([0.05, 0.95]) / (1 - density[-1] / density.sum())
    assert (fits.low_ms[0], fits.high_ms[0]) == pytest.approx(100 / 4 * 160**ends, rel=0.05)


@pytest.mark.parametrize(("slope", "lapse"), [(3.0, 0.02), (2.0, 0.136)])
def test_credible_intervals_hold_as_often_as_they_say(slope, lapse):
    rng, blocks = np.random.default_rng(0), 800
    known = np.exp(rng.uniform(np.log(130), np.log(600), blocks))
    shares = np.array([chance(LEVELS, own, slope, lapse) for own in known])
    true = threshold(known, slope, lapse)
    right = rng.binomial(25, shares).astype(float)
    fits = fit(right, 25 - right)
    held = (fits.low_ms < true) & (true < fits.high_ms)
    assert held.mean() == pytest.approx(0.95, abs=0.025)
    inside = ~(fits.at_floor | fits.at_ceiling)
    bias = np.log(fits.threshold_ms[inside] / true[inside]).mean()
    assert abs(bias) < 0.04


@pytest.mark.parametrize("most", [0.62, 0.70, 0.74])
@pytest.mark.parametrize("trials", [5_000, 5_000_000])
def test_an_observer_whose_upper_end_is_below_the_share_is_at_the_ceiling(most, trials):
    fits = fit(*answers(chance(LEVELS, 150, 3.0, 1 - most), trials))
    assert (fits.at_floor[0], fits.at_ceiling[0]) == (False, True)
    assert fits.threshold_ms[0] == 1000
    assert fits.low_ms[0] > 1000


def test_levels_far_from_the_threshold_leave_it_where_it_is():
    levels = np.array([1.0, 10, 100, 300, 1000, 30_000])
    right, wrong = answers(chance(levels, 100, 9.0, 0.0), 500)
    fits = fit_thresholds(levels, right, wrong, share_right=0.75, floor_ms=1, ceiling_ms=30_000)
    assert fits.threshold_ms[0] == pytest.approx(100, rel=0.1)
    assert not fits.at_floor[0]


@pytest.mark.parametrize(("share", "end", "value"), [(0.97, "floor", 100), (0.52, "ceiling", 1000)])
def test_answers_alike_at_all_levels_are_a_bound(share, end, value):
    fits = fit(*answers(np.full(LEVELS.size, share), 50))
    assert (fits.at_floor[0], fits.at_ceiling[0]) == (end == "floor", end == "ceiling")
    assert fits.threshold_ms[0] == value


def test_a_lapse_at_a_long_exposure_moves_the_threshold_little():
    right, wrong = answers(chance(LEVELS, 200, 5.0, 0.0), 25)
    clean = fit(right, wrong).threshold_ms[0]
    right[0, -1], wrong[0, -1] = 23, 2
    assert fit(right, wrong).threshold_ms[0] == pytest.approx(clean, rel=0.05)


def test_a_block_is_fitted_the_same_to_the_last_digit_whatever_is_beside_it():
    rng = np.random.default_rng(1)
    right, wrong = rng.integers(0, 9, (2, 700, LEVELS.size)) / 3
    together = fit(right, wrong)
    for number in (0, 300, 699):
        alone = fit(right[[number]], wrong[[number]])
        assert alone.threshold_ms[0] == together.threshold_ms[number]
        assert alone.low_ms[0] == together.low_ms[number]


def test_levels_that_were_not_shown_change_nothing():
    right, wrong = answers([0.6, 0.8, 0.9], 20)
    few = np.array([100.0, 300, 500])
    wide = np.zeros((2, 1, LEVELS.size))
    wide[0, 0, [0, 3, 4]], wide[1, 0, [0, 3, 4]] = right[0], wrong[0]
    assert fit(*wide).threshold_ms[0] == fit(right, wrong, levels=few).threshold_ms[0]


def test_no_blocks_give_no_thresholds():
    assert fit(*np.zeros((2, 0, LEVELS.size))).threshold_ms.shape == (0,)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"share_right": 0.5}, "share_right must be between 0.5 and 1, got 0.5"),
        ({"share_right": 1.0}, "share_right must be between 0.5 and 1, got 1.0"),
        ({"floor_ms": 0}, "0 < floor_ms < ceiling_ms, got 0, 1000"),
        ({"ceiling_ms": 100}, "0 < floor_ms < ceiling_ms, got 100, 100"),
        ({"levels_ms": LEVELS - 100}, r"levels_ms must be above 0, got \[0.0, 50"),
        ({"confidence": 1}, "confidence must be between 0 and 1, got 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, reason):
    given = {"levels_ms": LEVELS, "share_right": 0.75, **RANGE} | options
    with pytest.raises(ValueError, match=reason):
        fit_thresholds(right=np.ones((1, 6)), wrong=np.ones((1, 6)), **given)


def simulated_observers(count, rng):
    """Counts (count, levels) of observers of one true curve."""
    right = rng.binomial(30, chance(LEVELS, 250, 3.0, 0.02), (count, LEVELS.size)).astype(float)
    return right, 30 - right


def test_a_curve_and_its_band_hold_the_true_curve():
    right, wrong = simulated_observers(20, np.random.default_rng(2))
    curve = fit_curve(LEVELS, right, wrong, **RANGE)
    true = chance(curve.exposure_ms, 250, 3.0, 0.02)
    assert np.abs(np.array(curve.right) - true).max() < 0.04
    held = (np.array(curve.low) <= true) & (true <= np.array(curve.high))
    assert held.mean() > 0.9
    assert (curve.exposure_ms[0], curve.exposure_ms[-1]) == pytest.approx((100, 1000))


def test_observers_who_differ_widen_the_band():
    alike = simulated_observers(12, np.random.default_rng(3))
    right = np.vstack([chance(LEVELS, own, 3.0, 0.02) * 30 for own in np.geomspace(110, 900, 12)])
    width = [
        np.mean(np.subtract(curve.high, curve.low))
        for curve in (
            fit_curve(LEVELS, *alike, **RANGE),
            fit_curve(LEVELS, right, 30 - right, **RANGE),
        )
    ]
    assert width[1] > 1.8 * width[0]


def test_one_observers_curve_has_no_band():
    curve = fit_curve(LEVELS, *simulated_observers(1, np.random.default_rng(4)), **RANGE)
    assert curve.low is None
    assert curve.high is None
