"""Intervals have the width that observers, images and single trials give them."""

import numpy as np
import pytest

from scoring import intervals
from scoring.counts import Totals, count
from scoring.intervals import (
    draw_totals,
    mean_over_observers,
    pivot_interval,
    resample,
    tail_probability,
)
from scoring.rates import MEASURES, error_rate
from scoring.score import score
from scoring.variance import Components, Part, residuals_of
from scoring.weights import draw_weights, unit_keys


def half_width(estimate):
    return (estimate.high - estimate.low) / 2


def drawn_from(counts, draws, seed=0):
    """Totals of crossed draws, and of draws of observers alone."""
    return [Totals.of(way) for way in draw_totals(counts, draws=draws, seed=seed)]


def independent_trials(table_of, trials=400):
    """Every fake has its own observer; a quarter of the answers are wrong."""
    return table_of(
        (f"o{number}", f"s{number}", "gan", "fake", "fake" if number % 4 else "real")
        for number in range(trials)
    )


def test_every_draw_has_as_many_units_as_the_table():
    weights = resample(np.random.default_rng(0), 7, 1000)
    assert (weights.sum(axis=0) == 7).all()
    assert weights.mean(axis=1) == pytest.approx(np.ones(7), abs=0.15)
    assert weights.var() == pytest.approx(6 / 7, abs=0.05)


def test_independent_trials_have_the_binomial_interval(table_of):
    table = independent_trials(table_of)
    binomial = np.sqrt(0.25 * 0.75 / 400)
    found = score(table).generators[0].error_rate
    assert half_width(found) / 1.96 == pytest.approx(binomial, rel=0.05)
    observers = (found.observers_high - found.observers_low) / 2 / 1.96
    assert observers == pytest.approx(binomial, rel=0.05)


def test_plain_crossed_draws_count_trial_noise_three_times_and_the_variance_once(table_of):
    counts = count(independent_trials(table_of))
    raw = error_rate(drawn_from(counts, 4000)[0])[0]
    assert raw.var() == pytest.approx(3 * 0.25 * 0.75 / 400, rel=0.15)
    parts = residuals_of(counts.sums()).own(MEASURES["error_rate"])
    assert parts.variance()[0] == pytest.approx(0.25 * 0.75 / 400, rel=0.01)


@pytest.mark.parametrize("name", MEASURES)
def test_linearised_variances_are_those_of_the_draws(crossed_study, name):
    design = {"observers": 60, "images": 60, "seen": 40, "observer_sd": 0.1, "image_sd": 0.1}
    counts = count(crossed_study(1, **design))
    measure = MEASURES[name]
    parts = residuals_of(counts.sums()).own(measure)
    crossed, observers = map(measure.value, drawn_from(counts, 5000))
    assert observers.var() == pytest.approx(parts.by_observers.variance[0], rel=0.1)
    thrice = parts.by_observers.variance + parts.by_images.variance + parts.by_trials
    assert crossed.var() == pytest.approx(thrice[0], rel=0.12)


def test_differences_have_the_variance_of_their_joint_draws(table_of):
    rng = np.random.default_rng(0)
    rows = []
    for observer, skill in enumerate(rng.normal(0.3, 0.1, 50)):
        for image in range(60):
            name = ("a", "b", "")[image % 3]
            truth, other = ("fake", "real") if name else ("real", "fake")
            response = other if rng.random() < skill else truth
            rows.append((f"o{observer}", f"s{image:02}", name, truth, response))
    counts = count(table_of(rows))
    parts = residuals_of(counts.sums()).differences(MEASURES["error_rate"])
    crossed, observers = map(error_rate, drawn_from(counts, 5000))
    by_observers, by_images = (
        part.variance[0, 1] for part in (parts.by_observers, parts.by_images)
    )
    assert np.var(observers[0] - observers[1]) == pytest.approx(by_observers, rel=0.1)
    thrice = by_observers + by_images + parts.by_trials[0, 1]
    assert np.var(crossed[0] - crossed[1]) == pytest.approx(thrice, rel=0.12)


def test_a_generator_differs_from_none_with_a_variance_of_the_sum(table_of):
    """Two generators judged by different people have nothing in common."""
    rng = np.random.default_rng(2)
    rows = [
        (
            f"{name}{n % 20}",
            f"{name}{n % 27}",
            name,
            "fake",
            "real" if rng.random() < 0.4 else "fake",
        )
        for name in "ab"
        for n in range(200)
    ]
    residuals = residuals_of(count(table_of(rows)).sums())
    own = residuals.own(MEASURES["error_rate"])
    pair = residuals.differences(MEASURES["error_rate"])
    for name in ("by_observers", "by_images"):
        assert getattr(pair, name).variance[0, 1] == pytest.approx(
            getattr(own, name).variance.sum()
        )
    assert pair.by_trials[0, 1] == pytest.approx(own.by_trials.sum())
    assert pair.by_images.doubt[0, 1] == pytest.approx(own.by_images.doubt.sum())


def test_images_alone_decide_the_width_when_all_observers_agree(table_of):
    rows = [
        (f"o{observer}", f"s{image:02}", "gan", "fake", "real" if image < 12 else "fake")
        for observer in range(30)
        for image in range(40)
    ]
    found = score(table_of(rows)).generators[0].fake_error
    assert half_width(found) / 1.96 == pytest.approx(np.sqrt(0.3 * 0.7 / 40), rel=0.08)
    assert found.observers_low is None


def test_observers_alone_decide_the_width_when_they_never_waver(table_of):
    rows = [
        (f"o{observer}", f"s{image:03}", "gan", "fake", "real" if observer < 12 else "fake")
        for observer in range(40)
        for image in range(100)
    ]
    found = score(table_of(rows)).generators[0].fake_error
    assert half_width(found) / 1.96 == pytest.approx(np.sqrt(0.3 * 0.7 / 40), rel=0.08)


def test_the_tail_of_a_small_sample_is_hesterbergs():
    # t(0.975, 4) = 2.7764; x √(5/4) = 3.1042; its normal tail is 0.00095
    assert tail_probability(0.95, 4) == pytest.approx(0.00095, abs=1e-5)
    assert tail_probability(0.90, 1e9) == pytest.approx(0.05)


def components(observers, images, trials, observers_doubt=1.0, images_doubt=1.0):
    parts = [
        Part(np.array([variance]), np.array([doubt]))
        for variance, doubt in ((observers, observers_doubt), (images, images_doubt))
    ]
    return Components(*parts, np.array([trials]))


def test_degrees_of_freedom_are_satterthwaites():
    # 2 (3 + 2 - 1)² / (1 + 1)
    assert components(3.0, 2.0, 1.0).degrees()[0] == pytest.approx(16.0)


@pytest.mark.parametrize(
    ("observers", "images", "trials", "variance", "doubt"),
    [(3.0, 2.0, 1.0, 4.0, 5.0), (3.0, 0.5, 1.0, 3.0, 4.0), (0.5, 3.0, 1.0, 3.0, 1.0)],
    ids=["both", "observers alone", "images alone"],
)
def test_a_way_that_adds_nothing_adds_no_doubt(observers, images, trials, variance, doubt):
    found = components(observers, images, trials, observers_doubt=4.0, images_doubt=1.0)
    assert found.variance()[0] == variance
    assert found.degrees()[0] == pytest.approx(2 * variance**2 / doubt)


def test_units_of_normal_residuals_have_the_degrees_of_a_sample_variance():
    units = np.random.default_rng(0).normal(size=100_000)
    part = Part.of((units**2).sum(), (units**4).sum(), np.array(100_000))
    assert part.degrees() == pytest.approx(99_999, rel=0.02)


def test_units_with_long_tails_have_fewer_degrees():
    units = np.append(np.ones(99), 10.0)
    part = Part.of((units**2).sum(), (units**4).sum(), np.array(100))
    assert part.degrees() < 10


def test_a_sample_variance_of_few_units_is_not_too_small():
    # ten units: Σ x² × 10 / 9
    part = Part.of(np.array(9.0), np.array(9.0), np.array(10))
    assert part.variance == pytest.approx(10.0)
    assert part.degrees() == pytest.approx(2 * 100 / (2 * 81 / 9))


def test_a_tail_to_the_right_among_the_draws_widens_the_interval_to_the_left():
    drawn = np.random.default_rng(0).exponential(size=100_000)
    low, high = pivot_interval(0.0, drawn, error=1.0, degrees=np.inf, confidence=0.95)
    # exponential quantiles: -log(0.025) - 1 and -log(0.975) - 1
    assert (low, high) == pytest.approx((-2.689, 0.975), abs=0.03)


@pytest.mark.parametrize(
    ("drawn", "error"),
    [([1.0, 1.0], 1.0), ([np.nan], 1.0), ([1.0, 2.0], 0.0), ([1.0, 2.0], np.nan)],
)
def test_draws_that_do_not_spread_give_no_interval(drawn, error):
    found = pivot_interval(1.0, np.array(drawn), error=error, degrees=9.0, confidence=0.95)
    assert found is None


def test_intervals_of_rates_stay_within_0_and_1(table_of):
    rows = [(f"o{n % 6}", f"s{n}", "gan", "fake", "fake" if n else "real") for n in range(60)]
    found = score(table_of(rows), draws=500).generators[0].fake_error
    assert 0 < found.low < found.value < found.high < 1


def test_one_observer_has_a_value_but_no_interval(table_of):
    rows = [("ann", f"s{n}", "gan", "fake", "real" if n else "fake") for n in range(4)]
    found = score(table_of(rows)).generators[0]
    assert found.error_rate.value == 0.75
    assert (found.error_rate.low, found.error_rate.observers_low) == (None, None)
    assert found.error_rate.reason == "an interval needs at least 2 observers, got 1"
    assert found.rank_low is None


def test_one_image_leaves_only_the_interval_over_observers(table_of):
    rows = [(f"o{n}", "s", "gan", "fake", "real" if n % 3 else "fake") for n in range(30)]
    found = score(table_of(rows)).generators[0].error_rate
    assert found.low is None
    assert found.observers_low < found.value < found.observers_high
    assert found.reason == "an interval needs at least 2 images, got 1"


def test_one_real_image_is_too_few_for_what_rests_on_it(table_of):
    rows = [(f"o{n}", f"s{n}", "gan", "fake", "real" if n % 3 else "fake") for n in range(30)]
    rows += [(f"o{n}", "r", "", "real", "real" if n % 4 else "fake") for n in range(30)]
    found = score(table_of(rows)).generators[0]
    assert found.error_rate.reason == "an interval needs at least 2 real images, got 1"
    assert found.fake_error.low is not None


def test_answers_all_alike_give_no_interval_of_width_zero(table_of):
    rows = [(f"o{n}", f"s{n % 5}", "gan", "fake", "fake") for n in range(20)]
    found = score(table_of(rows)).generators[0].error_rate
    assert (found.value, found.low, found.high) == (0.0, None, None)
    assert found.reason == "the answers are too alike to resample"


def test_draws_do_not_depend_on_the_chunks_they_come_in(table_of, monkeypatch):
    counts = count(independent_trials(table_of, 40))
    whole = draw_totals(counts, draws=150, seed=0)
    monkeypatch.setattr(intervals, "CHUNK_WEIGHTS", 2600)
    seen = []
    parts = draw_totals(counts, draws=150, seed=0, progress=lambda *step: seen.append(step))
    assert seen == [(65, 150), (130, 150), (150, 150)]
    assert (parts == whole).all()
    assert len(set(whole[0, 1, 0])) > 5


def test_draws_of_observers_add_up_to_the_draws_of_all(crossed_study):
    table = crossed_study(0, observers=6, images=30, seen=20, observer_sd=0.1, image_sd=0.1)
    parts = [table.where(table.observer == name) for name in sorted(set(table.observer))]
    drawn = [draw_totals(count(part), draws=300, seed=4) for part in parts]
    assert (sum(drawn) == draw_totals(count(table), draws=300, seed=4)).all()


def test_a_draw_weighs_every_trial_by_its_observer_and_its_image(table_of):
    def weights(kind, name):
        return draw_weights(unit_keys(3, kind, [name]), 0, 200)[0].astype(int)

    rows = [("ann", "s1", "gan", "fake", "real"), ("bob", "s2", "gan", "fake", "fake")]
    rows += [("ann", "r1", "", "real", "fake"), ("bob", "r1", "", "real", "real")]
    crossed, observers = drawn_from(count(table_of(rows)), 200, seed=3)
    ann, bob = weights("observer", "ann"), weights("observer", "bob")
    first, second = weights("image of gan", "s1"), weights("image of gan", "s2")
    real = weights("image of ", "r1")
    assert (crossed.fake_trials[0] == ann * first + bob * second).all()
    assert (crossed.fake_wrong[0] == ann * first).all()
    assert (crossed.real_trials[0] == (ann + bob) * real).all()
    assert (crossed.real_wrong[0] == ann * real).all()
    assert (observers.fake_trials[0] == ann + bob).all()
    assert (observers.real_wrong[0] == ann).all()


def test_sums_too_large_for_floats_stay_exact():
    large = np.array([[2**52 + 1, 2**40 + 3]])
    limbs = intervals._limbs(large)
    weights = np.array([[8.0, 1.0], [7.0, 5.0]])
    found = intervals._product(limbs, weights)
    assert found.tolist() == [[8 * (2**52 + 1) + 7 * (2**40 + 3), 2**52 + 1 + 5 * (2**40 + 3)]]


def test_a_mean_over_observers_has_students_interval():
    values = np.random.default_rng(3).normal(0.3, 0.1, 25)
    found = mean_over_observers(values)
    error = values.std(ddof=1) / 5
    assert found.standard_error == pytest.approx(error)
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(2.064 * error, rel=0.06)


def test_a_mean_of_one_observer_says_why_it_has_no_interval():
    found = mean_over_observers(np.array([0.4]))
    assert (found.value, found.low, found.standard_error) == (0.4, None, None)
    assert found.reason == "an interval needs at least 2 observers, got 1"


@pytest.mark.parametrize(
    ("values", "options", "reason"),
    [
        ([], {}, "needs finite values, got"),
        ([0.1, np.nan], {}, "needs finite values, got"),
        ([0.1, 0.2], {"draws": 99}, "at least 100 draws, got 99"),
        ([0.1, 0.2], {"confidence": 1.0}, r"between 0 and 1, got 1\.0"),
    ],
)
def test_a_mean_refuses_what_it_cannot_use(values, options, reason):
    with pytest.raises(ValueError, match=reason):
        mean_over_observers(np.array(values), **options)
