"""Pairs are scored as the published examples say, and their intervals cover a known truth."""

import numpy as np
import pytest

from scoring.davidson import Meetings, fit_strengths
from scoring.pairs import NEVER_MET, REFERENCE, UNBOUNDED, score_pairs
from scoring.table import COLUMNS, TrialTable

NAMES = ("observer", "screen", "stimulus", "generator", "truth", "response", "flags")

# Agresti, Categorical Data Analysis, 2nd edition (2002), section 10.6: games of 1987 won by the
# row's team against the column's.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
GAMES_WON = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
)
BASEBALL = (1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0)

# Davidson (1970), example 2: six brands of chocolate pudding. Each row is a first and a second
# brand, how many preferred the first, how many the second, and how many neither.
PUDDINGS = np.fromstring(
    """
    1 2 19 22 16   1 3 16 19 12   2 3 19 19 10   1 4 18 23 13   2 4 23 19  9
    3 4 19 20 15   1 5 13 19 18   2 5 16 20 12   3 5 16 15 17   4 5 17 14 16
    1 6 18 21 12   2 6 22 20 12   3 6 13 18 10   4 6 14 19 18   5 6 11 21 12
    """,
    dtype=int,
    sep=" ",
).reshape(15, 5)
PUDDING_WORTHS = (0.13880, 0.17300, 0.16174, 0.16539, 0.15868, 0.20239)
PUDDING_TIES = 0.7468


def pairs_of(outcomes, observer="ann"):
    """Rows of pairs, from (winner, loser, how often) or (one, other, how often, "tie")."""
    rows = []
    for number, (first, second, times, *tie) in enumerate(outcomes):
        for n in range(times):
            screen = f"{number}-{n}"
            for player, said in ((first, "real"), (second, "fake")):
                real = player == "real"
                image = f"{player}/{screen}/{observer}"
                origin = ("" if real else player, "real" if real else "fake")
                answer = ("", "tie") if tie else (said, "")
                rows.append((observer, screen, image, *origin, *answer))
    return rows


@pytest.fixture(name="pairs")
def pairs_fixture(table_of):
    """Score pairs given by observer."""

    def score(by_observer, **options):
        rows = [row for who, own in by_observer.items() for row in pairs_of(own, who)]
        return score_pairs(table_of(rows, NAMES), draws=200, **options)

    return score


def by_name(scores):
    return {player.player: player for player in scores.players}


def test_agrestis_baseball_teams_have_their_published_strengths(pairs):
    won = [
        (TEAMS[row], TEAMS[column], int(GAMES_WON[row, column]))
        for row, column in np.argwhere(GAMES_WON)
    ]
    scores = pairs({"league": won})
    strength = {player.player: player.strength.value for player in scores.players}
    assert [player.player for player in scores.players] == list(TEAMS)
    assert [strength[team] - strength["Baltimore"] for team in TEAMS] == pytest.approx(
        BASEBALL, abs=5e-5
    )
    assert scores.tie_rate == 0


def test_davidsons_puddings_have_their_published_worths_and_ties(pairs):
    outcomes = []
    for first, second, won, lost, tied in PUDDINGS.tolist():
        one, other = f"brand{first}", f"brand{second}"
        outcomes += [(one, other, won), (other, one, lost), (one, other, tied, "tie")]
    scores = pairs({"panel": outcomes})
    worth = np.exp([by_name(scores)[f"brand{n}"].strength.value for n in range(1, 7)])
    assert worth / worth.sum() == pytest.approx(PUDDING_WORTHS, abs=2e-5)
    assert scores.tie_rate == pytest.approx(PUDDING_TIES / (2 + PUDDING_TIES), abs=1e-5)
    assert (scores.n_pairs, scores.n_ties) == (745, 202)


def test_strengths_of_two_are_the_log_odds_and_ties_their_geometric_mean(pairs):
    scores = pairs({"ann": [("real", "gan", 30), ("gan", "real", 10), ("gan", "real", 20, "tie")]})
    gan = by_name(scores)["gan"]
    assert scores.reference == "real"
    assert gan.strength.value == pytest.approx(np.log(10 / 30))
    tie = 20 / np.sqrt(30 * 10)
    assert scores.tie_rate == pytest.approx(tie / (2 + tie))
    assert gan.win_rate.value == pytest.approx((10 + 20 / 2) / 60)
    assert (gan.n_pairs, gan.wins, gan.ties, gan.losses) == (60, 10, 20, 30)
    assert scores.comparisons[0].probability == pytest.approx(0.75)


def test_intervals_take_observers_as_clusters(pairs):
    alike = pairs({f"o{n}": [("real", "gan", 6), ("gan", "real", 4)] for n in range(8)})
    won = (10, 2, 9, 1, 8, 2, 9, 7)
    apart = pairs(
        {f"o{n}": [("real", "gan", w), ("gan", "real", 10 - w)] for n, w in enumerate(won)}
    )
    assert by_name(alike)["gan"].strength.low is None
    assert "too alike" in by_name(alike)["gan"].strength.reason
    gan = by_name(apart)["gan"].strength
    lost = 10 - np.array(won)
    spread = np.sqrt(lost.var(ddof=1) / len(won)) / 10  # of the mean share, over observers
    share = lost.mean() / 10
    reach = 2.364624 * spread / (share * (1 - share))  # Student's t for 7 degrees of freedom
    assert (gan.low, gan.high) == pytest.approx((gan.value - reach, gan.value + reach), rel=1e-5)
    assert (gan.n, gan.resampled) == (8, "observers")
    rate = by_name(apart)["gan"].win_rate
    assert np.log(rate.high / (1 - rate.high)) == pytest.approx(gan.high)


def test_the_reference_has_no_interval_of_its_own(pairs):
    scores = pairs({"ann": [("real", "gan", 3), ("gan", "real", 4)], "bob": [("real", "gan", 5)]})
    real = by_name(scores)["real"]
    assert (real.strength.value, real.strength.low, real.strength.reason) == (0, None, REFERENCE)
    assert (real.rank_low, real.rank_high) == (None, None)


def test_without_real_images_strengths_have_mean_zero(pairs):
    scores = pairs({"ann": [("a", "b", 3), ("b", "c", 4), ("c", "a", 2)]})
    assert scores.reference == "mean"
    assert sum(player.strength.value for player in scores.players) == pytest.approx(0)


def test_who_never_won_keeps_a_finite_strength_and_loses_the_interval(pairs):
    outcomes = [("real", "bad", 20), ("real", "good", 11), ("good", "real", 9)]
    scores = pairs({f"o{n}": [*outcomes, ("good", "real", n)] for n in range(4)})
    bad, good = by_name(scores)["bad"], by_name(scores)["good"]
    assert bad.strength.value == pytest.approx(np.log(0.5 / 80.5))
    assert (bad.strength.low, bad.strength.reason) == (None, UNBOUNDED)
    assert (bad.win_rate.value, bad.win_rate.low, bad.rank_low) == (0, None, None)
    assert good.strength.value == pytest.approx(np.log(42 / 44))
    assert good.strength.low is not None
    assert scores.comparisons[-1].low is None


def test_players_of_whom_each_only_beats_the_next_have_no_interval(pairs):
    scores = pairs({name: [("a", "b", 5), ("b", "c", 5)] for name in ("ann", "bob")})
    assert [player.player for player in scores.players] == ["a", "b", "c"]
    assert {player.strength.reason for player in scores.players} == {UNBOUNDED}
    assert scores.players[0].strength.value == pytest.approx(np.log(10.5 / 0.5))


def test_players_that_nothing_ties_to_the_others_have_no_strength(pairs):
    outcomes = [("real", "a", 3), ("a", "real", 2), ("b", "c", 3), ("c", "b", 1)]
    scores = pairs({"ann": outcomes, "bob": outcomes[:-1]})
    assert [player.player for player in scores.players] == ["real", "a", "b", "c"]
    c = by_name(scores)["c"]
    assert (c.strength.value, c.strength.reason) == (None, NEVER_MET)
    assert c.win_rate.value == pytest.approx(1 / 7)
    assert [(pair.first, pair.second) for pair in scores.comparisons] == [("real", "a")]


def test_one_observer_gives_values_without_intervals(pairs):
    scores = pairs({"ann": [("a", "b", 3), ("b", "a", 2)]})
    assert scores.players[0].strength.reason == "an interval needs at least 2 observers, got 1"
    assert scores.comparisons[0].low is None


def test_generators_far_apart_have_ranks_of_their_own_and_near_ones_share(pairs):
    outcomes = [("top", "low", 18), ("low", "top", 2), ("top", "lot", 17), ("lot", "top", 3)]
    votes = {
        f"o{n}": [*outcomes, ("low", "lot", n * 7 % 12), ("lot", "low", 11 - n * 7 % 12)]
        for n in range(12)
    }
    ranks = {player.player: (player.rank_low, player.rank_high) for player in pairs(votes).players}
    assert ranks == {"top": (1, 1), "low": (2, 3), "lot": (2, 3)}
    pair = pairs(votes).comparisons[0]
    assert (pair.first, pair.n_pairs, pair.low > 0.5, pair.p_holm < 0.001) == (
        "top",
        240,
        True,
        True,
    )


def test_the_order_of_the_rows_changes_no_digit(table_of):
    rows = pairs_of([("a", "b", 5), ("b", "a", 3), ("b", "c", 2), ("c", "a", 2)])
    rows += pairs_of([("a", "b", 2), ("c", "a", 3), ("c", "b", 1, "tie")], "bob")
    table = table_of(rows, NAMES)
    order = np.random.default_rng(0).permutation(len(table))
    shuffled = TrialTable(*(getattr(table, name)[order] for name in COLUMNS))
    assert score_pairs(shuffled, draws=200) == score_pairs(table, draws=200)


def test_only_answered_pairs_of_two_players_tell_anything(table_of):
    told = pairs_of([("a", "b", 3), ("b", "a", 2)])
    silent = [(*row[:5], "", "") for row in pairs_of([("a", "b", 2)], "bob")]
    both = [(*row[:5], "fake", "") for row in pairs_of([("a", "b", 1)], "cid")]
    same = pairs_of([("a", "a", 1)], "dan")
    same[1] = (*same[1][:2], "another", *same[1][3:])
    grid = [("eve", "g", f"i{n}", "a", "fake", "real", "") for n in range(3)]
    alone = [("fay", "", f"i{n}", "a", "fake", "real", "") for n in range(2)]
    left_out = [
        (*row[:6], flag)
        for who, flag in (("gus", "catch"), ("hal", "excluded_few"))
        for row in pairs_of([("b", "a", 9)], who)
    ]
    table = table_of(told + silent + both + same + grid + alone + left_out, NAMES)
    scores = score_pairs(table, draws=100)
    assert (scores.n_pairs, scores.n_unused, scores.n_observers) == (5, 4, 1)
    assert score_pairs(table.where(table.observer != "ann"), draws=100) is None
    assert score_pairs(table.where(table.screen == ""), draws=100) is None


@pytest.mark.parametrize("options", [{"draws": 5}, {"seed": -1}, {"confidence": 1.0}])
def test_an_argument_out_of_range_is_refused(table_of, options):
    with pytest.raises(ValueError, match=r"draws|seed|confidence"):
        score_pairs(table_of(pairs_of([("a", "b", 1)]), NAMES), **options)


def test_a_cycle_of_players_who_each_beat_the_next_needs_no_half_wins():
    first, second = np.array([0, 1, 0]), np.array([1, 2, 2])
    won, lost = np.array([2.0, 2.0, 0.0]), np.array([0.0, 0.0, 2.0])
    alone = fit_strengths(Meetings(first, second, won, lost, 0 * won, 0 * first), 3, 1)
    assert alone.value == pytest.approx([0, 0, 0])
    assert len(set(alone.bounded)) == 1


def simulated(rng, observers, screens):
    """Meetings of 4 players by observers whose own strengths spread; players 1 to 3 meet 0."""
    strength = np.array([0, -0.3, -1.0, -1.5]) + rng.normal(0, 0.6, (observers, 4))
    observer = np.repeat(np.arange(observers), screens)
    other = 1 + np.tile(np.arange(screens) % 3, observers)
    half = (strength[observer, 0] - strength[observer, other]) / 2
    weights = np.column_stack([np.exp(half), np.exp(-half), np.full(len(half), 0.5)])
    ends = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    outcome = (rng.random((len(half), 1)) > ends).sum(axis=1)
    names = np.array(["real", "a", "b", "c"])
    said = np.array([["real", "fake"], ["fake", "real"], ["", ""]])[outcome]
    sides = np.column_stack([0 * other, other])
    both = lambda values: np.repeat(values, 2).astype(str).tolist()  # noqa: E731
    return TrialTable.from_columns(
        {
            "observer": both(observer),
            "screen": both(np.arange(len(half))),
            "stimulus": [f"{n}" for n in range(2 * len(half))],
            "generator": names[sides].ravel().tolist(),
            "truth": np.where(sides == 0, "real", "fake").ravel().tolist(),
            "response": said.ravel().tolist(),
            "flags": both(np.where(outcome == 2, "tie", "")),
        }
    )


def test_intervals_of_simulated_studies_cover_the_truth():
    rng = np.random.default_rng(4)
    many = by_name(score_pairs(simulated(rng, 3000, 30), draws=100))
    studies = [by_name(score_pairs(simulated(rng, 12, 30), draws=100)) for _ in range(100)]
    for name in ("a", "b", "c"):
        for figure in ("strength", "win_rate"):
            truth = getattr(many[name], figure).value
            own = [getattr(study[name], figure) for study in studies]
            covered = np.mean([one.low <= truth <= one.high for one in own])
            assert 0.88 <= covered < 1.0, (name, figure, covered)
