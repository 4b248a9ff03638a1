"""Pairs: how often each generator, and the real images, are taken for the more real of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.special import expit, stdtrit

from scoring.columns import Codes, Mask, Numbers, factorise
from scoring.davidson import Meetings, fit_strengths
from scoring.figure import Figure, share_over_observers
from scoring.intervals import NO_SPREAD, check_draws, too_few
from scoring.ranks import Comparisons, compare, rank_sets
from scoring.table import TrialTable
from scoring.weights import draw_weights, unit_keys

REAL = "real"
UNBOUNDED = "one side never won: half a win each way is added, and the interval has no end"
REFERENCE = "all others are measured from it"
NEVER_MET = "never met the others, not even through a third"


@dataclass(frozen=True)
class PlayerScore:
    """One generator, or the real images, in all its pairs.

    Attributes:
        win_rate: (wins + ties / 2) / pairs.
        strength: on the logit scale, relative to `PairScores.reference`.
        rank_low, rank_high: among the generators; None without an interval, and for "real".
    """

    player: str
    n_pairs: int
    wins: int
    ties: int
    losses: int
    win_rate: Figure
    strength: Figure
    rank_low: int | None
    rank_high: int | None


@dataclass(frozen=True)
class PairComparison:
    """Two players that can be compared, whether they met or not.

    Attributes:
        n_pairs, wins, ties: of the pairs in which they met, and how often the first won.
        probability: that the first is taken for the more real, ties aside, by the strengths.
        low, high: simultaneous interval: all comparisons' hold together; None without one.
        p_holm: that they are alike, corrected for the number of comparisons.
    """

    first: str
    second: str
    n_pairs: int
    wins: int
    ties: int
    probability: float
    low: float | None
    high: float | None
    p_holm: float | None


@dataclass(frozen=True)
class PairScores:
    """All that pairs tell.

    Attributes:
        players: by strength, the strongest (most real) first, then by name.
        comparisons: all pairs of players, in the order of `players`.
        reference: "real" if real images took part: their strength is 0; else "mean": the mean is.
        tie_rate: the chance of a tie between two players of equal strength.
        n_unused: pairs without an answer, or of two images of one generator.
    """

    players: tuple[PlayerScore, ...]
    comparisons: tuple[PairComparison, ...]
    reference: str
    tie_rate: float
    n_pairs: int
    n_ties: int
    n_unused: int
    n_observers: int
    draws: int
    seed: int
    confidence: float


def score_pairs(
    table: TrialTable, *, draws: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> PairScores | None:
    """Score the screens of two images; None if there are none that tell anything.

    The image with the response "real" won; two rows with the flag `tie` are a tie. Strengths are of
    Davidson's model (`fit_strengths`). Intervals are over observers, who are the clusters: a
    sandwich variance with the factor n / (n - 1) and Student's quantile for n - 1 degrees of
    freedom. Comparisons are simultaneous as the leaderboard's are (`compare`), from draws that
    reweigh observers to first order. Catch trials and excluded observers are left out.

    Raises:
        ValueError: an argument is out of its range.
    """
    check_draws(draws, seed, confidence)
    pairs, unused = _pairs(table)
    if not pairs.players:
        return None
    standing = _Standing.of(pairs, confidence)
    compared = _compare(pairs, standing, draws, seed, confidence)
    shown = np.flatnonzero(~np.isnan(standing.value))
    order = sorted(shown.tolist(), key=lambda n: (-standing.value[n], pairs.players[n]))
    lost = [n for n in range(len(pairs.players)) if n not in order]
    return PairScores(
        players=_players(pairs, standing, compared, [*order, *lost], confidence),
        comparisons=_comparisons(pairs, standing, compared, order),
        reference=standing.reference,
        tie_rate=standing.tie_rate,
        n_pairs=int(pairs.meetings.outcomes.sum()),
        n_ties=int(pairs.meetings.tied.sum()),
        n_unused=unused,
        n_observers=len(pairs.observers),
        draws=draws,
        seed=seed,
        confidence=confidence,
    )


@dataclass(frozen=True)
class _Pairs:
    players: tuple[str, ...]
    observers: tuple[str, ...]
    meetings: Meetings

    def by_observer(self, first: Numbers, second: Numbers) -> Numbers:
        """(observers, P) sums of what the meetings give their first and their second player."""
        sums = np.zeros((len(self.observers), len(self.players)))
        np.add.at(sums, (self.meetings.observer, self.meetings.first), first)
        np.add.at(sums, (self.meetings.observer, self.meetings.second), second)
        return sums


def _pairs(table: TrialTable) -> tuple[_Pairs, int]:
    """The pairs that tell something, summed by observer and players; and how many do not."""
    table = table.where((table.screen != "") & ~table.catch & ~table.excluded)
    first, second = _rows_of_two(table.screens)
    names = np.where(table.fake, table.generator, REAL)
    tied, won = table.tied[first] & table.tied[second], table.response[first] == "real"
    answered = table.answered[first] & table.answered[second]
    chosen = answered & (table.response[first] != table.response[second])
    tells = (names[first] != names[second]) & (tied | chosen)
    first, second, won, tied = (rows[tells] for rows in (first, second, won, tied))
    players, player = factorise(np.concatenate([names[first], names[second]]))
    observers, observer = factorise(table.observer[first])
    one, other = player[: len(first)], player[len(first) :]
    meetings = _summed(observer, one, other, won & ~tied, tied, len(players))
    return _Pairs(players, observers, meetings), int((~tells).sum())


def _rows_of_two(screens: Codes) -> tuple[Codes, Codes]:
    """The two rows of every screen that has two."""
    order = np.argsort(screens, kind="stable")
    _, start, size = np.unique(screens[order], return_index=True, return_counts=True)
    first = start[size == 2]
    return order[first], order[first + 1]


def _summed(
    observer: Codes, first: Codes, second: Codes, won: Mask, tied: Mask, players: int
) -> Meetings:
    """Meetings of the same observer and players as one row, the lower number first."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    cells, row = np.unique((observer * players + low) * players + high, return_inverse=True)
    low_won = ~tied & (won == (first == low))
    masks = (low_won, ~tied & ~low_won, tied)
    sums = [np.bincount(row, mask.astype(float), len(cells)).astype(float) for mask in masks]
    return Meetings(
        first=cells // players % players,
        second=cells % players,
        first_won=sums[0],
        second_won=sums[1],
        tied=sums[2],
        observer=cells // players**2,
    )


@dataclass(frozen=True)
class _Standing:
    """Strengths relative to the reference; NaN where nothing ties a player to it.

    Attributes:
        influence: (observers, P) of each observer on each value.
        core: (P,) the largest group of players with finite differences.
        figures: the values with their intervals.
    """

    value: Numbers
    influence: Numbers
    core: Mask
    figures: tuple[Figure, ...]
    reference: str
    tie_rate: float

    @classmethod
    def of(cls, pairs: _Pairs, confidence: float) -> _Standing:
        fit = fit_strengths(pairs.meetings, len(pairs.players), len(pairs.observers))
        real = pairs.players.index(REAL) if REAL in pairs.players else None
        component = np.bincount(fit.component).argmax() if real is None else fit.component[real]
        linked = fit.component == component
        value, influence, ended = fit.value, fit.influence, np.ones(len(linked), dtype=np.bool_)
        if real is not None:
            value, influence = value - value[real], influence - influence[:, [real]]
            ended = fit.bounded == fit.bounded[real]
        elif len(set(fit.bounded[linked])) > 1:
            ended = ~ended
        return cls(
            value=np.where(linked, value, np.nan),
            influence=influence,
            core=fit.bounded == np.bincount(fit.bounded[linked]).argmax(),
            figures=tuple(
                _figure(value[n], influence[:, n], linked[n], ended[n], n == real, confidence)
                for n in range(len(pairs.players))
            ),
            reference="mean" if real is None else REAL,
            tie_rate=0.0 if fit.log_tie is None else float(expit(fit.log_tie - np.log(2))),
        )


def _figure(
    value: float, influence: Numbers, linked: bool, ended: bool, reference: bool, confidence: float
) -> Figure:
    count = len(influence)
    if not linked:
        return Figure(None, None, None, count, "observers", NEVER_MET)
    reasons = [REFERENCE] * reference + [UNBOUNDED] * (not ended) + too_few("observers", count)
    error = np.sqrt((influence**2).sum() * count / max(count - 1, 1))
    if reasons or error < NO_SPREAD:
        reason = reasons[0] if reasons else "the answers are too alike to resample"
        return Figure(float(value), None, None, count, "observers", reason)
    reach = stdtrit(count - 1, (1 + confidence) / 2) * error
    return Figure(float(value), float(value - reach), float(value + reach), count, "observers")


def _compare(
    pairs: _Pairs, standing: _Standing, draws: int, seed: int, confidence: float
) -> Comparisons | None:
    """All pairs of the core's players, or None with one observer."""
    count, core = len(pairs.observers), standing.core
    if count < 2:
        return None
    weights = draw_weights(unit_keys(seed, "observer", pairs.observers), 0, draws)
    moves = standing.influence[:, core].T @ (weights - 1.0)
    value = standing.value[core]
    ones = np.ones((len(value), len(value)))
    return compare(value, value[:, None] + moves, ones, ones * (count - 1), confidence)


def _ranks(
    pairs: _Pairs, standing: _Standing, compared: Comparisons | None
) -> dict[int, tuple[int, int]]:
    """The ranks, among the generators, that each generator of the core can have."""
    core = np.flatnonzero(standing.core)
    fakes = np.array([pairs.players[n] != REAL for n in core], dtype=np.bool_)
    if compared is None or fakes.sum() < 2:
        return {}
    parts = (getattr(compared, field.name)[np.ix_(fakes, fakes)] for field in fields(Comparisons))
    low, high = rank_sets(Comparisons(*parts))
    ranks = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip(core[fakes].tolist(), ranks, strict=True))


def _players(
    pairs: _Pairs,
    standing: _Standing,
    compared: Comparisons | None,
    order: Sequence[int],
    confidence: float,
) -> tuple[PlayerScore, ...]:
    meetings = pairs.meetings
    wins = pairs.by_observer(meetings.first_won, meetings.second_won)
    losses = pairs.by_observer(meetings.second_won, meetings.first_won)
    ties = pairs.by_observer(meetings.tied, meetings.tied)
    met, ranks = wins + losses + ties, _ranks(pairs, standing, compared)
    return tuple(
        PlayerScore(
            pairs.players[n],
            n_pairs=int(met[:, n].sum()),
            wins=int(wins[:, n].sum()),
            ties=int(ties[:, n].sum()),
            losses=int(losses[:, n].sum()),
            win_rate=share_over_observers(
                *((wins + ties / 2)[met[:, n] > 0, n], met[met[:, n] > 0, n]), confidence
            ),
            strength=standing.figures[n],
            rank_low=ranks.get(n, (None, None))[0],
            rank_high=ranks.get(n, (None, None))[1],
        )
        for n in order
    )


def _comparisons(
    pairs: _Pairs, standing: _Standing, compared: Comparisons | None, order: Sequence[int]
) -> tuple[PairComparison, ...]:
    """All pairs of players with a strength, in order."""
    place = {n: row for row, n in enumerate(np.flatnonzero(standing.core).tolist())}
    won, tied = _between(pairs)
    return tuple(
        _comparison(
            (pairs.players[first], pairs.players[second]),
            (won[first, second], tied[first, second], won[second, first]),
            float(standing.value[first] - standing.value[second]),
            compared,
            (place.get(first), place.get(second)),
        )
        for row, first in enumerate(order)
        for second in order[row + 1 :]
    )


def _between(pairs: _Pairs) -> tuple[Numbers, Numbers]:
    """(P, P) each: how often the row's player won against the column's, and tied with it."""
    meetings, count = pairs.meetings, len(pairs.players)
    won, tied = np.zeros((2, count, count))
    np.add.at(won, (meetings.first, meetings.second), meetings.first_won)
    np.add.at(won, (meetings.second, meetings.first), meetings.second_won)
    np.add.at(tied, (meetings.first, meetings.second), meetings.tied)
    return won, tied + tied.T


def _comparison(
    names: tuple[str, str],
    outcomes: tuple[float, float, float],
    difference: float,
    compared: Comparisons | None,
    places: tuple[int | None, int | None],
) -> PairComparison:
    low, high, p_holm = None, None, None
    if compared and None not in places and not np.isnan(compared.low[places]):
        low, high = (float(expit(side[places])) for side in (compared.low, compared.high))
        p_holm = float(compared.p_holm[places])
    won, tied, lost = (int(count) for count in outcomes)
    return PairComparison(
        *names, won + tied + lost, won, tied, float(expit(difference)), low, high, p_holm
    )
