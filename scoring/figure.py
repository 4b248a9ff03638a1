"""A number with its interval, its n and what the interval resamples; and ratios over observers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, stdtrit

from scoring.columns import Numbers
from scoring.intervals import too_few


@dataclass(frozen=True)
class Figure:
    """A number as it is reported.

    Attributes:
        value: None where it is not defined.
        low, high: the interval, None where there is none.
        n: how many units of what is `resampled` it is of.
        resampled: what would be others in another study: observers, images, generators.
        reason: why the value or the interval is missing, else None.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    resampled: str
    reason: str | None = None


def share_over_observers(part: Numbers, whole: Numbers, confidence: float) -> Figure:
    """Σ part / Σ whole, a share from 0 to 1, with its interval over observers.

    The variance is that of a ratio of sums of clusters (Cochran, Sampling Techniques, 1977, 6.3,
    with its factor n / (n - 1)); the interval is Student's on the logit scale, which keeps it
    between 0 and 1.

    Args:
        part, whole: (n,) one of each for every observer, 0 ≤ part ≤ whole, whole > 0.

    >>> figure = share_over_observers(np.array([2.0, 4.0]), np.array([10.0, 10.0]), 0.95)
    >>> figure.value, round(figure.low, 3), round(figure.high, 3)
    (0.3, 0.001, 0.995)
    """
    count, total = len(whole), whole.sum()
    few = too_few("observers", count)
    if not total:
        return Figure(None, None, None, count, "observers", "not defined: nothing was answered")
    value = float(part.sum() / total)
    spread = part - value * whole
    error = np.sqrt((spread**2).sum() * count / max(count - 1, 1)) / total
    if few or not 0 < value < 1 or not error:
        reason = few[0] if few else "the answers are too alike to resample"
        return Figure(value, None, None, count, "observers", reason)
    reach = stdtrit(count - 1, (1 + confidence) / 2) * error / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-reach, reach]))
    return Figure(value, float(low), float(high), count, "observers")
