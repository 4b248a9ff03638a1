"""An interval that may be watched holds at every moment, and is not needlessly wide."""

import numpy as np
import pytest

from scoring.anytime import anytime, confidence_sequence
from scoring.score import score


def observers_rates(rng, observers):
    """Own error rates of people around 0.3, each seen in 100 answers."""
    return rng.binomial(100, rng.beta(9.0, 21.0, observers)) / 100


def test_the_true_mean_is_missed_at_any_moment_in_less_than_5_of_100_studies():
    rng, missed, fixed_missed = np.random.default_rng(0), 0, 0
    for _ in range(500):
        rates = observers_rates(rng, 100)
        low, high = confidence_sequence(rates)
        missed += not ((low <= 0.3) & (high >= 0.3)).all()
        count = np.arange(1, 101)[4:]
        mean = np.cumsum(rates)[4:] / count
        error = np.sqrt(np.cumsum(rates**2)[4:] / count - mean**2) / np.sqrt(count - 1)
        fixed_missed += not (np.abs(mean - 0.3) <= 2 * error).all()
    assert missed / 500 <= 0.05
    assert fixed_missed / 500 > 0.2  # so looking often does need another interval


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.7), (1.0, 19.0), (5.0, 5.0)])
def test_it_holds_for_values_spread_in_any_way(a, b):
    rng = np.random.default_rng(1)
    held = [
        ((low <= a / (a + b)) & (high >= a / (a + b))).all()
        for low, high in (confidence_sequence(rng.beta(a, b, 60)) for _ in range(200))
    ]
    assert np.mean(held) >= 0.95


def test_it_is_far_narrower_than_hoeffdings_for_people():
    low, high = confidence_sequence(observers_rates(np.random.default_rng(2), 100))
    for count in (10, 30, 100):
        hoeffding = 2 * np.sqrt(np.log(2 / 0.05) / (2 * count))  # and that is for one look only
        assert high[count - 1] - low[count - 1] < 0.55 * hoeffding


def test_it_never_widens():
    low, high = confidence_sequence(np.random.default_rng(3).random(200))
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) <= 0).all()


def test_it_is_symmetric_in_right_and_wrong():
    values = observers_rates(np.random.default_rng(4), 50)
    low, high = confidence_sequence(values)
    mirrored = confidence_sequence(1 - values)
    assert mirrored[0] == pytest.approx(1 - high)
    assert mirrored[1] == pytest.approx(1 - low)


def test_more_confidence_is_wider():
    values = observers_rates(np.random.default_rng(5), 50)
    narrow, wide = (np.ptp(confidence_sequence(values, level), axis=0)[-1] for level in (0.8, 0.99))
    assert narrow < wide


def test_values_that_contradict_any_mean_leave_the_last_interval():
    low, high = confidence_sequence(np.repeat([0.0, 1.0], 200))
    assert np.isfinite([low, high]).all()
    assert (low <= high).all()


@pytest.mark.parametrize("values", [[1.2], [-0.1], [float("nan")]])
def test_values_that_are_no_rates_are_refused(values):
    with pytest.raises(ValueError, match="values must be between 0 and 1, got"):
        confidence_sequence(np.array(values))


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(ValueError, match=f"confidence must be between 0 and 1, got {confidence}"):
        confidence_sequence(np.array([0.5]), confidence)


def test_with_one_generator_the_value_is_the_mean_of_observers_own_error_rates(table_of):
    rows = []
    for observer, wrong in (("ann", 1), ("bob", 3)):
        for image in range(4):
            response = "real" if image < wrong else "fake"
            rows.append((observer, f"f{image}", "gan", "fake", response))
        rows.append((observer, "r", "", "real", "real"))
    found = anytime(table_of(rows))["gan"]
    assert (found.n_observers, found.reason) == (2, None)
    assert found.value == pytest.approx((1 / 5 + 3 / 5) / 2)
    assert found.low < found.value < found.high


def test_reals_count_by_the_share_of_the_observers_fakes(table_of):
    rows = [
        ("ann", "a1", "a", "fake", "fake"),
        ("ann", "b1", "b", "fake", "real"),
        ("ann", "b2", "b", "fake", "fake"),
        ("ann", "b3", "b", "fake", "fake"),
        *(("ann", f"r{number}", "", "real", "fake") for number in range(4)),
    ]
    found = anytime(table_of(rows))
    assert found["a"].value == pytest.approx((0 + 4 / 4) / (1 + 4 / 4))
    assert found["b"].value == pytest.approx((1 + 4 * 3 / 4) / (3 + 4 * 3 / 4))


def test_with_equal_numbers_of_answers_the_value_is_the_leaderboards(crossed_study):
    table = crossed_study(0, observers=12, images=80, seen=40, observer_sd=0.08, image_sd=0.05)
    scored = score(table, draws=100).generators[0].error_rate
    found = anytime(table)["gan"]
    assert found.value == pytest.approx(scored.value)
    assert found.low < scored.value < found.high


def test_one_observer_has_a_value_and_a_reason(table_of):
    found = anytime(table_of([("ann", "f", "gan", "fake", "real")]))["gan"]
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert found.reason == "an interval needs at least 2 observers, got 1"


NAMED = ("observer", "stimulus", "generator", "truth", "response", "flags", "answered_at")


def test_trials_that_scores_leave_out_are_left_out(table_of):
    rows = [
        ("ann", "f1", "gan", "fake", "real", "", ""),
        ("ann", "c1", "catch", "fake", "real", "catch", ""),
        ("bob", "f1", "gan", "fake", "fake", "excluded_fast", ""),
        ("cat", "f1", "gan", "fake", "", "", ""),
    ]
    found = anytime(table_of(rows, NAMED))
    assert set(found) == {"gan"}
    assert (found["gan"].n_observers, found["gan"].value) == (1, 1.0)
    assert anytime(table_of(rows, NAMED), skipped="wrong")["gan"].n_observers == 2


def test_observers_come_in_the_order_of_their_first_answers(table_of):
    rates = observers_rates(np.random.default_rng(6), 20)
    rows = [
        (f"o{n:02}", f"f{k}", "gan", "fake", "real" if k < round(rate * 100) else "fake", "", at)
        for n, rate in enumerate(rates)
        for k in range(100)
        for at in [f"2024-01-01T10:{19 - n:02}:{k % 60:02}+00:00"]
    ]
    found = anytime(table_of(rows, NAMED))["gan"]
    low, high = confidence_sequence(rates[::-1])
    assert (found.low, found.high) == (low[-1], high[-1])
    untimed = anytime(table_of([(*row[:-1], "") for row in rows], NAMED))["gan"]
    low, high = confidence_sequence(rates)
    assert (untimed.low, untimed.high) == (low[-1], high[-1])
