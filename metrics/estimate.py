"""A value with its standard error and 95 % interval, and the grouped jackknife."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metrics.rows import Floats

Z95 = 1.959963984540054
"""The normal quantile that leaves 2.5 % on each side."""


ROUNDING = 1e-9
"""A standard error of less than this share of its value is rounding."""

ALIKE = "no image makes a difference, so there is no spread to tell an error from"


@dataclass(frozen=True)
class Published:
    """The same quantity as papers print it: a mean over parts and their spread, not an error."""

    value: float
    spread: float
    protocol: str


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error (None where none can be had) and the method that gave it.

    `note` is empty, or a caution that the interval does not give.
    """

    value: float
    se: float | None
    method: str
    published: Published | None = None
    note: str = ""

    def interval(
        self, floor: float = -np.inf, ceiling: float = np.inf
    ) -> tuple[float, float] | None:
        """Return the 95 % normal interval (low, high), cut at floor and ceiling, or None.

        >>> Estimate(1.0, 0.5, "delta").interval(floor=0.2)
        (0.2, 1.979981992270027)
        """
        if self.se is None:
            return None
        return max(self.value - Z95 * self.se, floor), min(self.value + Z95 * self.se, ceiling)

    def unless_alike(self) -> Estimate:
        """Return the same, without its error where this is rounding: no image makes a difference.

        >>> Estimate(617.0, 1e-13, "jackknife").unless_alike().method
        'none: no image makes a difference, so there is no spread to tell an error from'
        """
        if self.se is None or self.se > ROUNDING * abs(self.value):
            return self
        return self.without_error(ALIKE)

    def without_error(self, reason: str) -> Estimate:
        """Return the same value, with the reason why it has no error."""
        return replace(self, se=None, method=f"none: {reason}")


def jackknife_se(replicates: Floats, parts: float | None = None) -> float:
    """Return the standard error from replicates, shape (g,), each without one of g equal groups.

    `parts` is how many such groups make the whole set: g unless some images are never left out.
    Efron & Stein (1981): sqrt((parts - 1) / g · Σ (θ_i - mean θ)²). The jackknife of a sample's
    mean is the usual standard error:

    >>> x = np.array([1.0, 2.0, 4.0, 9.0])
    >>> float(jackknife_se((x.sum() - x) / 3)), float(x.std(ddof=1) / 2)
    (1.7795130420052185, 1.7795130420052185)
    """
    return float(np.sqrt(((parts or len(replicates)) - 1) * np.var(replicates)))
