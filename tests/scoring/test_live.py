"""Scores kept up as answers arrive are those of the whole table, to the last digit."""

import numpy as np
import pytest

from scoring.live import Live
from scoring.response_times import RunningMedian
from scoring.score import score
from scoring.simulate import draw_observers, simulate_response
from scoring.staircase import RULES
from scoring.table import TrialTable

NAMES = (
    *("study", "observer", "block", "stimulus", "generator", "truth", "response"),
    *("rt_ms", "exposure_ms", "flags"),
)
OBSERVERS = [f"observer {number}" for number in range(9)]


def table_of_observer(name, rng):
    """A mixed block, a block of reals alone, a second study, and what flags leave out."""
    judge = draw_observers(1, 1.2, 0.1, 0.4, int(rng.integers(1000)))[0]
    plan = [("1", "mixed", generator, 6) for generator in rng.choice(["a", "b", "c"], 2, False)]
    plan += [("1", "mixed", "", 9), ("1", "reals", "", 5), ("2", "", "", 4)]
    plan += [("2", "", "d", 3)] if name != OBSERVERS[0] else []
    rows = []
    for study, block, generator, many in plan:
        truth = "fake" if generator else "real"
        for image in rng.choice(25, many, replace=False):
            answer = simulate_response(judge, truth=truth, rng=rng)
            stimulus = f"{study} {generator or 'real'} {block} {image}"
            response = answer.response if rng.random() < 0.9 else ""
            flags = "catch" if rng.random() < 0.1 else ""
            timing = (answer.rt_ms, np.nan, flags)
            rows.append((study, name, block, stimulus, generator, truth, response, *timing))
    return TrialTable.from_columns(dict(zip(NAMES, zip(*rows, strict=True), strict=True)))


def excluded(table):
    columns = {name: getattr(table, name).tolist() for name in NAMES}
    columns["flags"] = ["excluded_few"] * len(table)
    return TrialTable.from_columns(columns)


@pytest.fixture(scope="module", name="tables")
def tables_fixture():
    rng = np.random.default_rng(0)
    tables = {name: table_of_observer(name, rng) for name in OBSERVERS}
    tables[OBSERVERS[3]] = excluded(tables[OBSERVERS[3]])
    return tables


class Both:
    """A live board, and what was put there."""

    def __init__(self, **options):
        self.options, self.live, self.there = options, Live(**options), {}

    def put(self, name, table):
        self.live.put(name, table)
        self.there[name] = table

    def agree(self):
        return self.live.scores() == score(
            TrialTable.joined([*self.there.values()]), **self.options
        )


def some(table, share, rng):
    return table.where(rng.random(len(table)) < share)


@pytest.mark.parametrize("skipped", ["out", "wrong"])
@pytest.mark.parametrize("seed", range(3))
def test_live_scores_are_those_of_the_whole_table_whatever_came_and_went(tables, seed, skipped):
    both, rng = Both(draws=200, seed=seed, skipped=skipped), np.random.default_rng(seed)
    for name in rng.permutation(OBSERVERS):
        both.put(name, some(tables[name], 0.5, rng))
    assert both.agree()
    for number in range(3):
        both.put(f"stranger {number}", table_of_observer(f"stranger {number}", rng))
    assert both.agree()
    for name in rng.permutation(list(both.there)):
        both.put(
            name, some(tables[name], 1.0, rng) if name in tables else some(both.there[name], 0, rng)
        )
    assert both.agree()
    assert both.live.scores() == score(TrialTable.joined([*tables.values()]), **both.options)


def test_a_generator_that_nobody_has_seen_any_more_is_gone(tables):
    rows = [("1", "eve", "", "s", "rare", "fake", "real", 500.0, np.nan, "")]
    both = Both(draws=100)
    both.put("eve", TrialTable.from_columns(dict(zip(NAMES, zip(*rows, strict=True), strict=True))))
    assert [row.generator for row in both.live.scores().generators] == ["rare"]
    both.put(OBSERVERS[1], tables[OBSERVERS[1]])
    both.put("eve", some(both.there["eve"], 0, np.random.default_rng(0)))
    assert both.agree()
    assert "rare" not in [row.generator for row in both.live.scores().generators]


def test_thresholds_are_those_of_the_whole_table():
    rng = np.random.default_rng(1)
    both = Both(draws=100)
    for number, judge in enumerate(draw_observers(5, 2.7, 0.0, 0.3, 3)):
        rows = []
        for block in ("1", "2"):
            history = []
            for trial in range(40):
                exposure_ms = RULES["weighted"].next_ms(history)
                truth = ("fake", "real")[trial % 2]
                answer = simulate_response(judge, truth=truth, exposure_ms=exposure_ms, rng=rng)
                history.append((exposure_ms, answer.response == truth))
                generator = ("gan", "")[trial % 2]
                stimulus = f"{truth} {block} {trial}"
                row = ("", f"o{number}", block, stimulus, generator, truth, *vars(answer).values())
                rows.append((*row, exposure_ms, ""))
        columns = dict(zip(NAMES, zip(*rows, strict=True), strict=True))
        both.put(f"o{number}", TrialTable.from_columns(columns))
        assert both.agree()
    threshold = both.live.scores().generators[0].threshold
    assert (threshold.n_blocks, threshold.fit_ms.n_observers) == (10, 5)


def test_before_anyone_has_answered_there_are_no_scores():
    scores = Live(draws=100).scores()
    assert (scores.generators, scores.n_trials, scores.n_observers) == ((), 0, 0)


def test_trials_of_another_observer_are_refused(tables):
    with pytest.raises(ValueError, match="must be of observer 'ann', got 'observer 1'"):
        Live(draws=100).put("ann", tables["observer 1"])


def test_settings_are_checked_before_the_first_trial():
    with pytest.raises(ValueError, match="at least 100 draws, got 5"):
        Live(draws=5)


def test_a_running_median_is_that_of_the_values_there():
    rng, median, there = np.random.default_rng(0), RunningMedian(), []
    assert median.value() is None
    for _ in range(60):
        new = np.round(rng.lognormal(6, 1, 5), int(rng.integers(0, 3)))
        median.add(new, 1)
        there += new.tolist()
        gone = [there.pop(int(rng.integers(len(there)))) for _ in range(3)]
        median.add(gone, -1)
        assert median.value() == np.median(there)
    median.add(there, -1)
    assert median.value() is None
