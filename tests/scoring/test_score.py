"""The leaderboard's numbers: complete, in order, and the same for the same trials."""

import json

import numpy as np
import pytest

from scoring.score import score
from scoring.selection import between_fakes
from scoring.simulate import draw_observers, simulate_response
from scoring.table import COLUMNS, TrialTable

LADDER = {"plain": 2.6, "better": 1.6, "best": 0.6}


@pytest.fixture(scope="module", name="ladder")
def ladder_fixture():
    """24 observers, a block of 20 fakes and 20 reals for each of three generators."""
    rng = np.random.default_rng(5)
    rows = []
    for generator, dprime in LADDER.items():
        for number, observer in enumerate(draw_observers(24, dprime, 0.3, 0.2, 3)):
            for truth in ("fake", "real"):
                for image in rng.choice(60, 20, replace=False):
                    answer = simulate_response(observer, truth=truth, rng=rng)
                    name = generator if truth == "fake" else ""
                    stimulus = f"{generator}-{truth}-{image:02}"
                    who = f"observer {number}"
                    rows.append((who, generator, stimulus, name, truth, *vars(answer).values()))
    names = ("observer", "block", "stimulus", "generator", "truth", "response", "rt_ms")
    return TrialTable.from_columns(dict(zip(names, zip(*rows, strict=True), strict=True)))


@pytest.fixture(scope="module", name="scores")
def scores_fixture(ladder):
    return score(ladder, draws=1000)


def test_a_ladder_of_generators_is_ranked_most_real_first(scores):
    assert [row.generator for row in scores.generators] == ["best", "better", "plain"]
    assert [(row.rank_low, row.rank_high) for row in scores.generators] == [(1, 1), (2, 2), (3, 3)]


def test_known_sensitivity_and_bias_lie_in_their_intervals(scores):
    for row in scores.generators:
        assert row.d_prime.low < LADDER[row.generator] < row.d_prime.high
        assert row.criterion.low < 0.3 < row.criterion.high


def test_values_lie_in_their_intervals_and_counts_add_up(scores):
    for row in scores.generators:
        assert (row.n_observers, row.n_trials, row.n_real_trials, row.n_images) == (
            24,
            480,
            480,
            60,
        )
        for name in ("error_rate", "fake_error", "real_error", "d_prime", "criterion"):
            found = getattr(row, name)
            assert found.low < found.value < found.high
            assert found.observers_low < found.value < found.observers_high
            assert (found.resampled, found.reason) == ("observers × images", None)
    assert (scores.n_trials, scores.n_observers, scores.n_skipped) == (2880, 24, 0)


def test_response_times_are_medians_of_the_generators_own_trials(ladder, scores):
    own = ladder.generator == "plain"
    time = next(row.response_time for row in scores.generators if row.generator == "plain")
    assert time.median_ms == np.median(ladder.rt_ms[own])
    assert time.right_ms == np.median(ladder.rt_ms[own & ~ladder.wrong])
    assert time.wrong_ms == np.median(ladder.rt_ms[own & ladder.wrong])


def test_every_pair_has_a_difference_with_its_interval(scores):
    pairs = [(pair.first, pair.second) for pair in scores.differences]
    assert pairs == [("best", "better"), ("best", "plain"), ("better", "plain")]
    rates = {row.generator: row.error_rate.value for row in scores.generators}
    for pair in scores.differences:
        assert pair.value == pytest.approx(rates[pair.first] - rates[pair.second])
        assert 0 < pair.low < pair.value < pair.high
        assert pair.p_holm < 0.05


def test_rows_in_another_order_give_the_same_digits(ladder, scores):
    shuffled = np.random.default_rng(0).permutation(len(ladder))
    again = score(TrialTable(*(getattr(ladder, name)[shuffled] for name in COLUMNS)), draws=1000)
    assert again == scores


def test_another_seed_moves_the_interval_and_not_the_value(ladder, scores):
    one, other = scores.generators[0], score(ladder, draws=1000, seed=1).generators[0]
    assert other.error_rate.value == one.error_rate.value
    assert other.error_rate.low != one.error_rate.low
    assert other.error_rate.low == pytest.approx(one.error_rate.low, abs=0.01)


def test_scores_survive_json_unchanged(scores):
    content = scores.as_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["generators"][0]["error_rate"]["value"] == scores.generators[0].error_rate.value


def test_skipped_trials_are_left_out_or_wrong(table_of):
    rows = [(f"o{n}", f"s{n}", "gan", "fake", ("real", "fake", "")[n % 3]) for n in range(30)]
    out, wrong = (score(table_of(rows), draws=100, skipped=word) for word in ("out", "wrong"))
    assert out.generators[0].error_rate.value == pytest.approx(0.5)
    assert wrong.generators[0].error_rate.value == pytest.approx(2 / 3)
    assert (out.n_trials, wrong.n_trials, out.n_skipped, wrong.n_skipped) == (20, 30, 10, 10)


def test_without_real_trials_what_needs_them_is_missing_with_the_reason(table_of):
    rows = [(f"o{n % 5}", f"s{n}", "gan", "fake", "real" if n % 3 else "fake") for n in range(30)]
    row = score(table_of(rows), draws=200).generators[0]
    assert row.fake_error.low < row.fake_error.value < row.fake_error.high
    assert row.d_prime.value is None
    assert row.d_prime.reason == "not defined: it needs both fake and real trials"


def test_before_anyone_has_answered_there_are_no_scores(table_of):
    for rows in ([("ann", "s1", "gan", "fake", "")], [("ann", "s1", "", "real", "real")]):
        assert score(table_of(rows)).generators == ()


def test_a_generator_without_interval_stays_unranked_beside_the_others(table_of):
    rows = [(f"o{n % 9}", f"s{n}", "gan", "fake", "real" if n % 2 else "fake") for n in range(90)]
    scores = score(table_of([*rows, ("o1", "t1", "new", "fake", "real")]), draws=200)
    ranks = {row.generator: (row.rank_low, row.rank_high) for row in scores.generators}
    assert ranks == {"gan": (1, 1), "new": (None, None)}
    assert scores.differences == ()


def test_a_flash_study_has_thresholds_unless_there_is_no_staircase(table_of):
    names = ("observer", "stimulus", "truth", "response", "exposure_ms")
    exposures = [500, 490, 490, 480]
    rows = [
        (f"o{who}", f"s{who}{n}", "fake", "fake" if n else "real", exposure)
        for who in range(3)
        for n, exposure in enumerate(exposures)
    ]
    table = table_of(rows, names)
    assert score(table, draws=100).generators[0].threshold.mean_ms.value == 490
    assert score(table, draws=100, staircase=None).generators[0].threshold is None


FLAGGED = ("observer", "stimulus", "generator", "truth", "response", "flags")


def test_catch_trials_and_excluded_observers_are_left_out_and_counted(table_of):
    rows = [(f"o{n % 5}", f"s{n}", "gan", "fake", "real", "") for n in range(20)]
    rows += [(f"o{n}", f"c{n}", "catch", "fake", "real", "catch;too_fast") for n in range(5)]
    rows += [
        ("eve", f"e{n}", "gan", "fake", "fake", "excluded_fast;excluded_few") for n in range(3)
    ]
    rows += [("eve", "ec", "catch", "fake", "real", "catch;excluded_fast;excluded_few")]
    rows += [("kim", "k1", "gan", "fake", "fake", "excluded_few")]
    scores = score(table_of(rows, FLAGGED), draws=100)
    assert [row.generator for row in scores.generators] == ["gan"]
    assert scores.generators[0].error_rate.value == 1.0
    assert (scores.n_trials, scores.n_observers) == (20, 5)
    assert (scores.n_catch, scores.n_excluded_trials) == (6, 4)
    assert scores.excluded == {"excluded_fast": 1, "excluded_few": 2}


SCREENS = ("observer", "block", "screen", "stimulus", "generator", "truth", "response", "flags")


def test_a_tie_is_neither_wrong_nor_skipped(table_of):
    rows = [
        ("ann", "1", "a", "r1", "", "real", "", "tie"),
        ("ann", "1", "a", "f1", "gan", "fake", "", "tie"),
    ]
    rows += [
        ("ann", "1", "b", "r2", "", "real", "real", ""),
        ("ann", "1", "b", "f2", "gan", "fake", "fake", ""),
    ]
    for skipped in ("out", "wrong"):
        scores = score(table_of(rows, SCREENS), draws=100, skipped=skipped)
        assert scores.generators[0].error_rate.value == 0.0
        assert (scores.n_trials, scores.n_skipped) == (2, 0)


def test_screens_of_two_fakes_do_not_enter_error_rates(table_of):
    two = [
        ("ann", "1", "a", "f1", "gan", "fake", "real", ""),
        ("ann", "1", "a", "f2", "vae", "fake", "fake", ""),
    ]
    with_a_real = [
        ("ann", "2", "b", "f3", "gan", "fake", "fake", ""),
        ("ann", "2", "b", "r1", "", "real", "real", ""),
    ]
    grid = [("ann", "3", "g", f"g{n}", "gan", "fake", "fake", "") for n in range(3)]
    alone = [("ann", "4", "", f"x{n}", "gan", "fake", "fake", "") for n in range(2)]
    table = table_of([*two, *with_a_real, *grid, *alone], SCREENS)
    assert between_fakes(table).tolist() == [True, True] + [False] * 7
    scores = score(table, draws=100)
    assert [(row.generator, row.n_trials) for row in scores.generators] == [("gan", 6)]
    assert scores.generators[0].error_rate.value == 0.0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"draws": 0}, "an interval needs at least 100 draws, got 0"),
        ({"confidence": 95}, "confidence must be between 0 and 1, got 95"),
        ({"skipped": "right"}, "skipped must be 'out' or 'wrong', got 'right'"),
    ],
)
def test_arguments_out_of_range_are_refused(table_of, options, reason):
    with pytest.raises(ValueError, match=reason):
        score(table_of([("ann", "s1", "gan", "fake", "real")]), **options)
