"""Ranks as sets: which places the joint intervals of all pairwise differences allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from scoring.intervals import NO_SPREAD, ObserverMean

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparisons:
    """All pairwise differences, row minus column: each (G, G), NaN where a pair has none.

    Attributes:
        value: difference of the two values.
        low, high: simultaneous intervals: all hold together with the stated confidence.
        p_holm: two-sided p values, corrected by Holm for the number of pairs.
    """

    value: Floats
    low: Floats
    high: Floats
    p_holm: Floats


def compare(
    values: Floats, draws: Floats, scale: Floats, degrees: Floats, confidence: float
) -> Comparisons:
    """Compare all pairs from joint draws, whose spread gives the standard errors.

    Args:
        values: (G,). draws: (G, draws), NaN where a draw has no trial of a generator.
        scale: (G, G) what a pair's spread is multiplied by, beside √((degrees + 1) / degrees).
        degrees: (G, G) degrees of freedom of a pair.
    """
    spread, largest = _joint_spread(draws)
    errors = spread * scale * np.sqrt((degrees + 1) / degrees)
    return _simultaneous(values, errors, largest, degrees, confidence)


def compare_by_errors(
    values: Floats, draws: Floats, errors: Floats, degrees: Floats, confidence: float
) -> Comparisons:
    """Compare all pairs with known standard errors `errors` (G, G); otherwise as `compare`.

    The draws say only how far the pairs' differences go together.
    """
    spread, largest = _joint_spread(draws)
    known = np.where(np.isnan(spread), np.nan, errors)
    return _simultaneous(values, known, largest, degrees, confidence)


def _simultaneous(
    values: Floats, errors: Floats, largest: Floats, degrees: Floats, confidence: float
) -> Comparisons:
    """Intervals that all hold together: value ± critical × error.

    Critical is the `confidence` quantile over draws of the largest |t| of all pairs ("max-|t|";
    Hothorn, Bretz and Westfall, Biometrical Journal 50, 2008; it takes the place of Tukey's where
    generators share observers), read as a normal quantile and turned into Student's for the pair's
    degrees of freedom. p values are of value / error against Student's t (Holm, Scandinavian
    Journal of Statistics 6, 1979).
    """
    difference = values[:, None] - values[None, :]
    critical = stdtrit(degrees, ndtr(np.quantile(largest, confidence)))
    return Comparisons(
        value=difference,
        low=difference - critical * errors,
        high=difference + critical * errors,
        p_holm=_holm(difference, errors, degrees),
    )


def _joint_spread(draws: Floats) -> tuple[Floats, Floats]:
    """The pairs' spread (G, G), NaN without one, and the largest |t| of all pairs in each draw."""
    count = len(draws)
    spread = np.full((count, count), np.nan)
    largest = np.zeros(draws.shape[1])
    for first in range(count - 1):
        shift = draws[first + 1 :] - draws[first]
        shift -= np.nanmean(shift, axis=1, keepdims=True)
        own = np.nanstd(shift, axis=1)
        own[own < NO_SPREAD] = np.nan
        largest = np.fmax(largest, np.nanmax(np.abs(shift) / own[:, None], axis=0, initial=0))
        spread[first, first + 1 :] = spread[first + 1 :, first] = own
    return spread, largest


def _holm(difference: Floats, error: Floats, degrees: Floats) -> Floats:
    """Holm's step-down p values (G, G) of the pairs above the diagonal, mirrored below."""
    upper = np.triu_indices(len(difference), 1)
    t = np.nan_to_num(np.abs(difference[upper]) / error[upper])
    corrected = holm(2 * stdtr(degrees[upper], -t))
    p = np.full(difference.shape, np.nan)
    p[upper] = corrected
    p.T[upper] = corrected
    return p


def holm(p: Floats) -> Floats:
    """Holm's step-down correction: (n,) p values to (n,) that each can be held against a level.

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def rank_sets(comparisons: Comparisons) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The lowest and the highest rank (G,) each generator can have; rank 1 looks most real.

    rank_low = 1 + number surely better, rank_high = G - number surely worse, where "surely" is
    that the simultaneous interval of the difference leaves out zero.
    """
    surely_better = np.nan_to_num(comparisons.low) > 0
    return 1 + surely_better.sum(axis=0), len(surely_better) - surely_better.sum(axis=1)


def rank_means(
    means: Sequence[ObserverMean], confidence: float = 0.95
) -> list[tuple[int | None, int | None]]:
    """The lowest and the highest rank each mean over observers can have; the largest ranks first.

    All pairs are compared by Welch's t test (Biometrika 34, 1947) with Holm's correction, as of
    groups that share no observer; where they share some, the test is the more careful for it.
    A mean without a spread to judge by is unranked: (None, None).

    >>> far = [ObserverMean(value, 1.0, None, None, 20) for value in (300.0, 400.0, 401.0)]
    >>> rank_means(far)
    [(3, 3), (1, 2), (1, 2)]
    """
    ranked = [number for number, mean in enumerate(means) if mean.standard_error]
    value = np.array([means[number].value for number in ranked])
    surely = _surely_above(
        value,
        np.array([means[number].standard_error for number in ranked], dtype=np.float64),
        np.array([means[number].n_observers for number in ranked], dtype=np.float64),
        confidence,
    )
    sets: list[tuple[int | None, int | None]] = [(None, None)] * len(means)
    for place, number in enumerate(ranked):
        worse, better = int(surely[place].sum()), int(surely[:, place].sum())
        sets[number] = (1 + better, len(ranked) - worse)
    return sets


def _surely_above(
    value: Floats, error: Floats, observers: Floats, confidence: float
) -> NDArray[np.bool_]:
    """(G, G) True where the row's mean is significantly above the column's."""
    first, second = np.triu_indices(len(value), 1)
    difference = value[first] - value[second]
    variance = error**2
    joint = variance[first] + variance[second]
    own = variance**2 / (observers - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = np.nan_to_num(joint**2 / (own[first] + own[second]), nan=1.0)
        t = np.nan_to_num(np.abs(difference) / np.sqrt(joint), nan=0.0, posinf=np.inf)
    significant = holm(2 * stdtr(degrees, -t)) < 1 - confidence
    above = np.zeros((len(value), len(value)), dtype=np.bool_)
    above[first, second] = significant & (difference > 0)
    above[second, first] = significant & (difference < 0)
    return above
