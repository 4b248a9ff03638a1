"""Ranks as sets: which places the joint intervals of all pairwise differences allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from scoring.intervals import NO_SPREAD

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
    """Compare all pairs from joint draws.

    The simultaneous intervals are value ± critical × SE, where critical is the `confidence`
    quantile over draws of the largest |t| of all pairs ("max-|t|"; Hothorn, Bretz and Westfall,
    Biometrical Journal 50, 2008; it takes the place of Tukey's quantile where generators share
    observers), read as a normal quantile and turned into Student's for the pair's degrees of
    freedom. p values are of value / SE against Student's t (Holm, Scandinavian Journal of
    Statistics 6, 1979).

    Args:
        values: (G,). draws: (G, draws), NaN where a draw has no trial of a generator.
        scale: (G, G) how far a pair's draws shrink (`Components.crossed_scale`).
        degrees: (G, G) degrees of freedom of a pair (`Components.degrees`).
    """
    difference = values[:, None] - values[None, :]
    error, largest = _spread(values, draws)
    error *= scale * np.sqrt((degrees + 1) / degrees)
    critical = stdtrit(degrees, ndtr(np.quantile(largest, confidence)))
    return Comparisons(
        value=difference,
        low=difference - critical * error,
        high=difference + critical * error,
        p_holm=_holm(difference, error, degrees),
    )


def _spread(values: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """The pairs' standard errors (G, G), and the largest |t| of all pairs in each draw."""
    count = len(values)
    error = np.full((count, count), np.nan)
    largest = np.zeros(draws.shape[1])
    for first in range(count - 1):
        shift = draws[first + 1 :] - draws[first] - (values[first + 1 :] - values[first])[:, None]
        own = np.nanstd(shift, axis=1)
        own[own < NO_SPREAD] = np.nan
        largest = np.fmax(largest, np.nanmax(np.abs(shift) / own[:, None], axis=0, initial=0))
        error[first, first + 1 :] = error[first + 1 :, first] = own
    return error, largest


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
