"""A staircase settles where it says, and a threshold is read from it or declared a bound."""

import numpy as np
import pytest

from scoring.simulate import SimulatedObserver, simulate_response
from scoring.staircase import Staircase, Threshold, modal_exposure_ms, thresholds
from scoring.table import TrialTable


def run(observer, rule, trials, rng):
    """Exposures shown and whether each answer was right."""
    exposure, shown, right = rule.start_ms, [], []
    for number in range(trials):
        truth = "fake" if number % 2 else "real"
        answer = simulate_response(observer, truth=truth, exposure_ms=exposure, rng=rng)
        shown.append(exposure)
        right.append(answer.response == truth)
        exposure = rule.next_ms(exposure, correct=right[-1])
    return np.array(shown), np.array(right)


def block_table(blocks):
    """One generator "gan" unless a block names the generators of its trials; "" is a real."""
    columns = {name: [] for name in ("observer", "block", "stimulus", "generator", "truth")}
    columns |= {"response": [], "exposure_ms": [], "flags": []}
    for observer, block, exposures, generators, flags in blocks:
        for number, exposure in enumerate(exposures):
            generator = generators[number % len(generators)]
            columns["observer"].append(observer)
            columns["block"].append(block)
            columns["stimulus"].append(f"{block}-{generator}-{number}-{observer}")
            columns["generator"].append(generator)
            columns["truth"].append("fake" if generator else "real")
            columns["response"].append("real")
            columns["exposure_ms"].append(exposure)
            columns["flags"].append(flags.get(number, ""))
    return TrialTable.from_columns(columns)


def test_a_wrong_answer_lengthens_and_a_right_one_shortens():
    assert Staircase().next_ms(500, correct=False) == 530
    assert Staircase().next_ms(500, correct=True) == 490


def test_exposure_stays_between_floor_and_ceiling():
    assert Staircase().next_ms(100, correct=True) == 100
    assert Staircase().next_ms(990, correct=False) == 1000


def test_the_default_rule_settles_at_75_percent_and_hypes_printed_one_at_25():
    assert Staircase().convergence == 0.75
    assert Staircase(step_down_ms=30, step_up_ms=10).convergence == 0.25


def test_an_observer_on_the_staircase_is_right_in_three_of_four_trials():
    observer = SimulatedObserver(dprime=3.0, tau_ms=400)
    _, right = run(observer, Staircase(), 8000, np.random.default_rng(0))
    assert right[500:].mean() == pytest.approx(0.75, abs=0.01)


def test_a_known_observers_threshold_is_recovered():
    observer = SimulatedObserver(dprime=3.0, tau_ms=500)
    known = observer.threshold_ms(0.75)
    assert known == pytest.approx(300, abs=5)
    rng = np.random.default_rng(1)
    exposures = [run(observer, Staircase(), 400, rng)[0] for _ in range(60)]
    runs = [(f"o{n}", "1", shown, ["gan", ""], {}) for n, shown in enumerate(exposures)]
    found = thresholds(block_table(runs), draws=500)["gan"]
    assert found.mean_ms.value == pytest.approx(known, rel=0.1)
    assert found.mean_ms.n_observers == found.n_blocks == 60


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"step_down_ms": 0}, "step_down_ms must be above 0, got 0"),
        ({"step_up_ms": -30}, "step_up_ms must be above 0, got -30"),
        ({"floor_ms": 0}, "floor_ms must be above 0, got 0"),
        ({"start_ms": 50}, "floor_ms ≤ start_ms ≤ ceiling_ms, got 100, 50, 1000"),
        ({"ceiling_ms": 400}, "floor_ms ≤ start_ms ≤ ceiling_ms, got 100, 500, 400"),
        ({"start_ms": float("nan")}, "floor_ms ≤ start_ms ≤ ceiling_ms, got 100, nan, 1000"),
    ],
)
def test_a_staircase_that_cannot_run_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        Staircase(**options)


def test_an_exposure_that_is_none_is_refused():
    with pytest.raises(ValueError, match="current_ms must be above 0, got nan"):
        Staircase().next_ms(float("nan"), correct=True)


def test_the_threshold_is_the_exposure_shown_most_often():
    assert modal_exposure_ms([500, 490, 480, 490, 480, 480]) == 480


def test_tied_exposures_are_averaged():
    assert modal_exposure_ms([500, 400, 500, 400, 100]) == 450


@pytest.mark.parametrize("exposures", [[], [500, float("nan")]])
def test_a_mode_of_nothing_is_refused(exposures):
    with pytest.raises(ValueError, match="needs finite exposures, got"):
        modal_exposure_ms(exposures)


@pytest.mark.parametrize(
    ("exposures", "threshold", "words"),
    [
        ([110, 100, 100], Threshold(100, "floor"), "≤ 100 ms"),
        ([990, 1000, 1000], Threshold(1000, "ceiling"), "≥ 1000 ms"),
        ([300, 300, 310], Threshold(300, None), "300 ms"),
    ],
)
def test_a_block_at_an_end_of_the_range_gives_a_bound(exposures, threshold, words):
    found = Staircase().threshold(exposures)
    assert (found, str(found)) == (threshold, words)


def test_thresholds_average_over_blocks_then_over_observers():
    blocks = [
        ("ann", "1", [200, 200, 210], ["gan"], {}),
        ("ann", "2", [400, 400, 410], ["gan"], {}),
        ("bob", "1", [100, 100, 110], ["gan"], {}),
    ]
    found = thresholds(block_table(blocks), draws=200)["gan"]
    assert found.mean_ms.value == pytest.approx((300 + 100) / 2)
    assert (found.n_blocks, found.n_blocks_at_floor, found.n_blocks_at_ceiling) == (3, 1, 0)
    assert found.mean_ms.low < 200 < found.mean_ms.high


def test_flagged_trials_do_not_enter_a_threshold():
    flags = {0: "dropped", 1: "dropped", 2: "dropped"}
    found = thresholds(block_table([("ann", "1", [500, 500, 500, 300, 300, 310], ["gan"], flags)]))
    assert found["gan"].mean_ms.value == 300


def test_exposures_that_no_staircase_set_give_no_threshold():
    fixed = ("ann", "1", [500, 500], ["gan"], {})
    long = ("ann", "2", [1000, 5000, 20000], ["gan"], {})
    assert thresholds(block_table([fixed, long])) == {}


def test_in_a_mixed_block_reals_count_by_the_share_of_fakes():
    # a at 200, b at 300; the reals, half each, do not outweigh the fakes
    exposures = [200, 300, 400, 200, 300, 400]
    found = thresholds(block_table([("ann", "1", exposures, ["a", "b", ""], {})]))
    assert (found["a"].mean_ms.value, found["b"].mean_ms.value) == (200, 300)
