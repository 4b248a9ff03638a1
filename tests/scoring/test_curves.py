"""Curves of error and of right answers against exposure say what the observers could do."""

import numpy as np
import pytest
from scipy.special import ndtr

from scoring.curves import error_by_exposure, psychometric_curves
from scoring.score import score
from scoring.simulate import SimulatedObserver, simulate_response
from scoring.staircase import RULES, ConstantStimuli
from scoring.table import TrialTable

NAMES = ("observer", "block", "stimulus", "generator", "truth", "response", "exposure_ms", "flags")


def shown_at(levels, *, observers=10, trials=40, generators=("gan",), seed=0, dprime=2.5, tau=300):
    """Every observer judges `trials` images at each level, every second one real."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(observers):
        observer = SimulatedObserver(dprime, tau_ms=tau)
        for level in levels:
            for trial in range(trials):
                truth = "fake" if trial % 2 else "real"
                generator = generators[trial // 2 % len(generators)] if trial % 2 else ""
                answer = simulate_response(observer, truth=truth, exposure_ms=level, rng=rng)
                stimulus = f"{generator}-{level}-{trial}"
                row = (f"o{number}", "1", stimulus, generator, truth, answer.response, level, "")
                rows.append(row)
    return TrialTable.from_columns(dict(zip(NAMES, zip(*rows, strict=True), strict=True)))


def test_each_exposures_error_rate_is_the_score_of_its_trials():
    table = shown_at([1000, 5000, 20_000], generators=("a", "b"))
    found = error_by_exposure(table, draws=200)
    assert [point.exposure_ms for point in found["a"]] == [1000, 5000, 20_000]
    alone = score(table.where(table.exposure_ms == 5000), draws=200)
    for row in alone.generators:
        point = found[row.generator][1]
        assert point.error_rate == row.error_rate
        assert (point.n_observers, point.n_trials) == (row.n_observers, row.n_trials)
        assert point.n_real_trials == row.n_real_trials


def test_the_error_rates_are_those_of_observers_who_gather_evidence_over_time():
    # of unbiased observers, Φ(-d′ / 2) at each exposure
    observer, levels = SimulatedObserver(2.5, tau_ms=2000), [1000, 5000]
    points = error_by_exposure(shown_at(levels, tau=2000, observers=20), draws=200)["gan"]
    for point, level in zip(points, levels, strict=True):
        true = ndtr(-observer.dprime_at(level) / 2)
        assert point.error_rate.low < true < point.error_rate.high
    assert points[0].error_rate.low > points[1].error_rate.high


def test_a_staircases_many_exposures_have_no_curve_of_errors():
    assert error_by_exposure(shown_at(range(100, 230, 10), trials=2), draws=100) == {}


def test_without_exposures_there_is_no_curve_of_errors():
    assert error_by_exposure(shown_at([None]), draws=100) == {}


def test_a_generators_curve_follows_its_observers():
    rule = RULES["constant"]
    table = shown_at(rule.levels_ms, generators=("gan", "other"))
    found = psychometric_curves(table, rule)
    assert set(found) == {"gan", "other"}
    own = found["gan"]
    assert own.n_observers == 10
    observer = SimulatedObserver(2.5, tau_ms=300)
    true = ndtr([observer.dprime_at(level) / 2 for level in own.curve.exposure_ms])
    assert np.abs(np.array(own.curve.right) - true).max() < 0.05


def test_levels_show_the_share_of_right_answers_with_reals_by_their_share():
    table = shown_at([100, 300], observers=3, trials=8, generators=("gan", "other"))
    (first, second) = psychometric_curves(table, ConstantStimuli((100, 300)))["gan"].levels
    assert (first.exposure_ms, second.exposure_ms) == (100, 300)
    at = table.where(table.exposure_ms == 100)
    fakes, reals = at.where(at.generator == "gan"), at.where(at.truth == "real")
    assert first.n_trials == len(fakes) + len(reals) / 2
    weighed = (~fakes.wrong).sum() + (~reals.wrong).sum() / 2
    assert first.right == pytest.approx(weighed / first.n_trials)


def test_a_table_without_flashes_has_no_psychometric_curves():
    assert psychometric_curves(shown_at([1000, 5000])) == {}
