"""Intervals that hold at every moment of a study, however often one looks and decides to stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.blocks import Own, by_generator
from scoring.columns import Codes, factorise, joint_codes
from scoring.intervals import too_few
from scoring.selection import Skipped, select
from scoring.table import TrialTable

Floats = NDArray[np.float64]

CANDIDATES = 1001
LARGEST_BET = 0.9
FIRST_VARIANCE = 0.02


@dataclass(frozen=True)
class AnytimeInterval:
    """The mean of observers' own error rates, with an interval that was allowed to be watched.

    Attributes:
        n_observers: observers who judged images of the generator.
        value: the mean over observers, each counting once.
        low, high: None for fewer than 2 observers, for whom nothing could be said.
        reason: why the interval is missing, else None.
    """

    n_observers: int
    value: float
    low: float | None
    high: float | None
    reason: str | None = None


def confidence_sequence(values: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Intervals for the mean of [0, 1] values, one after each value, that all hold together.

    The hedged capital of Waudby-Smith and Ramdas, Journal of the Royal Statistical Society B 86
    (2024): bets against a mean m, half on "above" and half on "below", multiply a capital that a
    true m raises to 1 / (1 − confidence) with a probability of at most 1 − confidence, ever. The
    means whose capital never got there are the interval. Bets are sized by the values before.

    Args:
        values: (n,) independent, of one mean, in an order that does not depend on them.

    Returns:
        (n,) low and (n,) high: running, so they never widen; within 0.001 of exact, outwards.

    Raises:
        ValueError: values outside [0, 1], or confidence out of range.

    >>> low, high = confidence_sequence(np.full(100, 0.5))
    >>> bool(low[-1] < 0.5 < high[-1]), bool(high[-1] - low[-1] < high[9] - low[9])
    (True, True)
    """
    values = np.asarray(values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"values must be between 0 and 1, got {values.tolist()}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    means = np.linspace(0, 1, CANDIDATES)
    step = means[1]
    bets = _bets(values, 1 - confidence)
    limit = np.log(2 / (1 - confidence))
    above, below = np.zeros(CANDIDATES), np.zeros(CANDIDATES)
    possible = np.ones(CANDIDATES, dtype=np.bool_)
    with np.errstate(divide="ignore"):
        most_above, most_below = LARGEST_BET / means, LARGEST_BET / (1 - means)
    low, high, kept = np.empty(len(values)), np.empty(len(values)), means
    for number, (value, bet) in enumerate(zip(values, bets, strict=True)):
        above += np.log1p(np.minimum(bet, most_above) * (value - means))
        below += np.log1p(-np.minimum(bet, most_below) * (value - means))
        possible &= np.maximum(above, below) < limit
        kept = means[possible] if possible.any() else kept
        low[number], high[number] = kept[0] - step, kept[-1] + step
    return np.maximum(low, 0), np.minimum(high, 1)


def _bets(values: Floats, alpha: float) -> Floats:
    """The predictable plug-in bet on each value: by number and spread of the values before it.

    Error rates of people spread by about 0.1, so before any value a spread of 0.14 is thought, and
    bets may be large: that only makes the interval narrow, never too narrow.
    """
    count = np.arange(1, len(values) + 1)
    mean = (0.5 + np.cumsum(values)) / (count + 1)
    variance = (FIRST_VARIANCE + np.cumsum((values - mean) ** 2)) / (count + 1)
    before = np.concatenate([[FIRST_VARIANCE], variance[:-1]])
    return np.asarray(np.sqrt(2 * np.log(2 / alpha) / (before * count * np.log1p(count))))


def anytime(
    table: TrialTable, confidence: float = 0.95, *, skipped: Skipped = "out"
) -> dict[str, AnytimeInterval]:
    """Each generator's mean error rate over observers, for these images, safe to watch.

    An observer's own error rate counts the fakes of the generator as 1 and each real image by the
    generator's share of the observer's fakes in the study; every observer counts once. Observers come
    in order of their first answer (`answered_at`; the table's order where that is not known of
    all). It holds for observers who have finished: leave out those still answering.

    Args:
        skipped: as for `scoring.score.score`, which counts the same trials.

    Raises:
        ValueError: confidence or skipped out of range.
    """
    table, _ = select(table, skipped)
    _, person = joint_codes(table.study, table.observer)
    observer = _by_first_answer(table)
    return {
        own.generator: _interval(_error_rates(own, observer), confidence)
        for own in by_generator(table, person)
    }


def _interval(rates: Floats, confidence: float) -> AnytimeInterval:
    value, few = float(rates.mean()), too_few("observers", len(rates))
    if few:
        return AnytimeInterval(len(rates), value, None, None, few[0])
    low, high = confidence_sequence(rates, confidence)
    return AnytimeInterval(len(rates), value, float(low[-1]), float(high[-1]))


def _by_first_answer(table: TrialTable) -> Codes:
    """(n,) observers, numbered in the order of their first answers, or rows where times miss."""
    timed = (table.answered_at != "").all()
    turn = np.argsort(table.answered_at, kind="stable") if timed else np.arange(len(table))
    _, observer = factorise(table.observer)
    _, first = np.unique(observer[turn], return_index=True)
    return np.argsort(np.argsort(first))[observer]


def _error_rates(own: Own, observer: Codes) -> Floats:
    """(n,) error rates of the observers who judged the generator, in the order of their numbers."""
    observer = observer[own.rows]
    weights = np.bincount(observer, own.weights)
    wrong = np.bincount(observer, own.weights * own.wrong)
    seen = weights > 0
    return np.asarray(wrong[seen] / weights[seen])
