"""A staircase settles where it says, and a threshold is read from it or declared a bound."""

from dataclasses import asdict

import numpy as np
import pytest

from scoring.simulate import SimulatedObserver, simulate_response
from scoring.staircase import (
    RULES,
    ConstantStimuli,
    UpDown,
    block_thresholds,
    rule_of,
    summarise,
    thresholds,
)
from scoring.table import TrialTable


def run(observer, rule, trials, rng):
    """A block's (exposure, correct) in order."""
    history = []
    for number in range(trials):
        truth = "fake" if number % 2 else "real"
        exposure = rule.next_ms(history) or float(rng.choice(rule.levels_ms))
        answer = simulate_response(observer, truth=truth, exposure_ms=exposure, rng=rng)
        history.append((exposure, answer.response == truth))
    return history


def block_table(blocks):
    """Of (observer, block, [(exposure, correct)], generators in turn, flags); "" is a real."""
    columns = {name: [] for name in ("observer", "block", "stimulus", "generator", "truth")}
    columns |= {"response": [], "exposure_ms": [], "flags": [], "position": []}
    for observer, block, history, generators, flags in blocks:
        for number, (exposure, correct) in enumerate(history):
            generator = generators[number % len(generators)]
            truth, other = ("fake", "real") if generator else ("real", "fake")
            columns["observer"].append(observer)
            columns["block"].append(block)
            columns["position"].append(number)
            columns["stimulus"].append(f"{block}-{generator}-{number}-{observer}")
            columns["generator"].append(generator)
            columns["truth"].append(truth)
            columns["response"].append(truth if correct else other)
            columns["exposure_ms"].append(exposure)
            columns["flags"].append(flags.get(number, ""))
    return TrialTable.from_columns(columns)


def shown(exposures):
    """A block of these exposures, every second answer right."""
    return [(exposure, number % 2 == 0) for number, exposure in enumerate(exposures)]


def right(exposure, times):
    return [(exposure, True)] * times


def test_a_block_starts_at_the_rules_start():
    assert RULES["weighted"].next_ms([]) == RULES["three_down"].next_ms([]) == 500


def test_a_wrong_answer_lengthens_and_a_right_one_shortens():
    rule = RULES["weighted"]
    assert rule.next_ms([(500, False)]) == 530
    assert rule.next_ms([(500, False), (530, True)]) == 520


def test_three_down_shortens_only_after_three_right_answers_in_a_row_at_one_exposure():
    rule = RULES["three_down"]
    assert rule.next_ms(right(500, 2)) == 500
    assert rule.next_ms(right(500, 3)) == 470
    assert rule.next_ms([*right(500, 3), *right(470, 2)]) == 470
    assert rule.next_ms([*right(500, 2), (500, False)]) == 530
    assert rule.next_ms([*right(500, 2), (500, False), (530, True)]) == 530


@pytest.mark.parametrize("name", ["weighted", "three_down"])
def test_exposure_stays_between_floor_and_ceiling(name):
    assert RULES[name].next_ms(right(100, 4)) == 100
    assert RULES[name].next_ms([(990, False)]) == 1000


def test_a_plan_sets_constant_stimuli():
    assert RULES["constant"].next_ms([(100, True)]) is None
    assert RULES["constant"].convergence is None
    assert (RULES["constant"].floor_ms, RULES["constant"].ceiling_ms) == (100, 1000)


def test_rules_settle_where_kaernbach_and_levitt_say():
    assert RULES["weighted"].convergence == 0.75
    assert RULES["three_down"].convergence == pytest.approx(0.5 ** (1 / 3))
    assert UpDown(step_up_ms=10, right_in_a_row=2).convergence == pytest.approx(0.7071, abs=1e-4)


def test_hypes_printed_rule_would_settle_at_25_percent():
    assert UpDown(step_down_ms=30, step_up_ms=10).convergence == 0.25


@pytest.mark.parametrize("name", ["weighted", "three_down"])
def test_an_observer_on_a_staircase_is_right_as_often_as_it_says(name):
    # a straight psychometric function, for which step counts and trials agree
    rng, rule, ms, history = np.random.default_rng(0), RULES[name], 0, []
    shares = []
    for _ in range(20_000):
        ms = rule.next_ms(history[-3:])
        chance = np.clip(0.5 + 0.5 * (ms - 100) / 900, 0.5, 1)
        history.append((ms, bool(rng.random() < chance)))
        shares.append(chance)
    assert np.mean(shares[500:]) == pytest.approx(rule.convergence, abs=0.012)


def test_a_rule_can_be_written_down():
    assert asdict(RULES["three_down"]) == {
        "start_ms": 500,
        "step_down_ms": 30,
        "step_up_ms": 30,
        "right_in_a_row": 3,
        "floor_ms": 100,
        "ceiling_ms": 1000,
    }


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"step_down_ms": 0}, "step_down_ms must be above 0, got 0"),
        ({"step_up_ms": -30}, "step_up_ms must be above 0, got -30"),
        ({"floor_ms": 0}, "floor_ms must be above 0, got 0"),
        ({"right_in_a_row": 0}, "right_in_a_row must be at least 1, got 0"),
        ({"start_ms": 50}, "floor_ms ≤ start_ms ≤ ceiling_ms, got 100, 50, 1000"),
        ({"ceiling_ms": 400}, "floor_ms ≤ start_ms ≤ ceiling_ms, got 100, 500, 400"),
        ({"start_ms": float("nan")}, "floor_ms ≤ start_ms ≤ ceiling_ms, got 100, nan, 1000"),
    ],
)
def test_a_staircase_that_cannot_run_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        UpDown(**options)


@pytest.mark.parametrize("levels", [(), (100,), (100, 100, 200), (0.5, 100), (float("nan"), 100)])
def test_levels_that_are_none_are_refused(levels):
    with pytest.raises(ValueError, match="2 or more different levels of at least 1 ms, got"):
        ConstantStimuli(levels)


def test_an_exposure_that_is_none_is_refused():
    with pytest.raises(ValueError, match="above 0 ms, got nan"):
        RULES["weighted"].next_ms([(float("nan"), True)])


@pytest.mark.parametrize("name", ["weighted", "three_down", "constant"])
def test_a_known_observers_threshold_is_recovered(name):
    rule, observer = RULES[name], SimulatedObserver(dprime=3.0, tau_ms=400)
    rng = np.random.default_rng(1)
    blocks = [(f"o{n}", "1", run(observer, rule, 150, rng), ["", "gan"], {}) for n in range(80)]
    found = thresholds(block_table(blocks), rule, draws=200)["gan"]
    known = observer.threshold_ms(rule.share_right)
    assert found.fit_ms.value == pytest.approx(known, rel=0.08)
    assert found.fit_ms.low < known < found.fit_ms.high
    assert found.fit_ms.n_observers == found.n_blocks == 80


def test_modal_exposures_of_short_blocks_lean_to_the_start_and_fits_do_not():
    observer, rng = SimulatedObserver(dprime=3.0, tau_ms=400), np.random.default_rng(2)
    rule = RULES["weighted"]
    blocks = [(f"o{n}", "1", run(observer, rule, 150, rng), ["", "gan"], {}) for n in range(80)]
    found = thresholds(block_table(blocks), draws=200)["gan"]
    known = observer.threshold_ms(0.75)
    assert found.mean_ms.value > 1.15 * known
    assert abs(found.fit_ms.value - known) < 0.3 * (found.mean_ms.value - known)


@pytest.mark.parametrize(("dprime", "tau_ms", "end"), [(4.0, 15, "floor"), (0.2, 400, "ceiling")])
def test_an_observer_beyond_the_range_is_censored_at_that_end(dprime, tau_ms, end):
    observer, rule = SimulatedObserver(dprime=dprime, tau_ms=tau_ms), RULES["weighted"]
    history = run(observer, rule, 150, np.random.default_rng(0))
    (found,) = block_thresholds(block_table([("ann", "1", history, ["", "gan"], {})]))
    assert (found.modal_censored, found.fit_censored) == (end, end)
    assert found.modal_ms == found.fit_ms == getattr(rule, f"{end}_ms")


def test_the_modal_exposure_is_the_one_shown_most_often():
    history = shown([500, 490, 480, 490, 480, 480])
    (found,) = block_thresholds(block_table([("ann", "1", history, ["gan"], {})]))
    assert (found.modal_ms, found.modal_censored) == (480, None)


def test_tied_modal_exposures_are_averaged():
    history = shown([500, 400, 500, 400, 100])
    (found,) = block_thresholds(block_table([("ann", "1", history, ["gan"], {})]))
    assert found.modal_ms == 450


def test_thresholds_average_over_blocks_then_over_observers():
    blocks = [
        ("ann", "1", shown([200, 200, 210]), ["gan"], {}),
        ("ann", "2", shown([400, 400, 410]), ["gan"], {}),
        ("bob", "1", shown([100, 100, 110]), ["gan"], {}),
    ]
    table = block_table(blocks)
    found = thresholds(table, draws=200)["gan"]
    assert found.mean_ms.value == pytest.approx((300 + 100) / 2)
    assert (found.n_blocks, found.n_blocks_at_floor, found.n_blocks_at_ceiling) == (3, 1, 0)
    assert found.mean_ms.low < 200 < found.mean_ms.high
    fits = [own.fit_ms for own in block_thresholds(table)]
    assert found.fit_ms.value == pytest.approx((np.mean(fits[:2]) + fits[2]) / 2)


def test_an_observers_blocks_come_out_the_same_alone_and_among_others():
    rng, rule = np.random.default_rng(3), RULES["weighted"]
    blocks = [
        (f"o{n}", "1", run(SimulatedObserver(2.5), rule, 90, rng), ["", "a", "b"], {})
        for n in range(40)
    ]
    table = block_table(blocks)
    together = block_thresholds(table)
    alone = [
        own
        for observer in ("o7", "o31")
        for own in block_thresholds(table.where(table.observer == observer))
    ]
    assert len(alone) == 4
    assert set(alone) <= set(together)
    shuffled = [together[number] for number in rng.permutation(len(together))]
    assert summarise(shuffled, draws=200) == thresholds(table, draws=200)


def test_the_generator_that_needs_longer_ranks_first_by_its_fitted_threshold():
    rng, rule = np.random.default_rng(4), RULES["weighted"]
    blocks = [
        (f"{name}{n}", "1", run(SimulatedObserver(3.0, tau_ms=tau), rule, 150, rng), ["", name], {})
        for name, tau in (("sharp", 800), ("plain", 250))
        for n in range(12)
    ]
    found = thresholds(block_table(blocks), draws=200)
    assert found["sharp"].fit_ms.value > found["plain"].fit_ms.value
    assert (found["sharp"].rank_low, found["sharp"].rank_high) == (1, 1)
    assert (found["plain"].rank_low, found["plain"].rank_high) == (2, 2)


def test_constant_stimuli_have_no_modal_threshold():
    rng, rule = np.random.default_rng(5), ConstantStimuli((50, 100, 200, 400))
    history = run(SimulatedObserver(3.0), rule, 120, rng)
    table = block_table([("ann", "1", history, ["", "gan"], {})])
    found = thresholds(table, rule, draws=200)["gan"]
    assert found.mean_ms is None
    assert 50 < found.fit_ms.value < 400
    assert (found.n_blocks, found.n_blocks_at_floor) == (1, 0)


def test_flagged_trials_do_not_enter_a_threshold():
    flags = {0: "exposure_off", 1: "catch", 2: "focus_lost"}
    history = shown([500, 500, 500, 300, 300, 310])
    found = thresholds(block_table([("ann", "1", history, ["gan"], flags)]))
    assert found["gan"].mean_ms.value == 300


def test_exposures_that_the_rule_did_not_set_give_no_threshold():
    fixed = ("ann", "1", shown([500, 500]), ["gan"], {})
    long = ("ann", "2", shown([1000, 5000, 20000]), ["gan"], {})
    assert thresholds(block_table([fixed, long])) == {}
    assert thresholds(block_table([fixed, long]), RULES["constant"]) == {}


def test_in_a_mixed_block_reals_count_by_the_share_of_fakes():
    # a at 200, b at 300; the reals, half each, do not outweigh the fakes
    history = shown([200, 300, 400, 200, 300, 400])
    found = thresholds(block_table([("ann", "1", history, ["a", "b", ""], {})]))
    assert (found["a"].mean_ms.value, found["b"].mean_ms.value) == (200, 300)


@pytest.mark.parametrize("name", list(RULES))
def test_a_tables_rule_is_told_from_its_exposures(name):
    rng, rule = np.random.default_rng(6), RULES[name]
    blocks = [
        (f"o{n}", "1", run(SimulatedObserver(2.0), rule, 60, rng), ["", "gan"], {0: "catch"})
        for n in range(5)
    ]
    assert rule_of(block_table(blocks)) == rule


def test_a_table_of_other_levels_tells_them():
    history = shown([40, 160, 40, 80, 160, 80])
    table = block_table([("ann", "1", history, ["", "gan"], {})])
    assert rule_of(table) == ConstantStimuli((40, 80, 160))


def test_a_table_without_flashes_is_read_by_the_weighted_rule():
    limited = block_table([("ann", "1", shown([1000, 5000, 1000, 5000]), ["", "gan"], {})])
    unlimited = block_table([("ann", "1", shown([None, None]), ["", "gan"], {})])
    assert rule_of(limited) == rule_of(unlimited) == RULES["weighted"]
