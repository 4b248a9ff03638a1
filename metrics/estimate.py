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

    `note` is empty, or a caution that the interval does not give. `freedom` is how many independent
    deviations the standard error is told from: n - 1 of n images, infinitely many if it is known.
    `centre` is the middle of the interval, where that is not the value.
    """

    value: float
    se: float | None
    method: str
    published: Published | None = None
    note: str = ""
    freedom: float = np.inf
    centre: float | None = None

    @classmethod
    def of_share(cls, count: int, n: int, method: str) -> Estimate:
        """Return the share of `count` of n images, with the interval of Agresti & Coull (1998).

        Error and middle are those with two more images inside and two more outside: a share of 0
        or 1 is not certain.

        >>> low, high = Estimate.of_share(8, 8, "binomial").interval(0, 1)
        >>> round(low, 3), high
        (0.622, 1)
        """
        likely = (count + 2) / (n + 4)
        se = float(np.sqrt(likely * (1 - likely) / (n + 4)))
        return cls(count / n, se, method, centre=likely)

    def interval(
        self, floor: float = -np.inf, ceiling: float = np.inf
    ) -> tuple[float, float] | None:
        """Return the 95 % interval (low, high), cut at floor and ceiling, or None.

        It reaches as many standard errors as Student's t of that freedom says: an error that is
        told from few images is often too small.

        >>> Estimate(1.0, 0.5, "delta").interval(floor=0.2)
        (0.2, 1.979981992270027)
        >>> round(Estimate(1.0, 0.5, "jackknife", freedom=5).interval()[1], 6)
        2.285291
        """
        if self.se is None:
            return None
        reach = quantile(self.freedom) * self.se
        centre = self.value if self.centre is None else self.centre
        return max(centre - reach, floor), min(centre + reach, ceiling)

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


def quantile(freedom: float) -> float:
    """Return the quantile of Student's t that leaves 2.5 % on each side: 1.96 for infinite freedom.

    >>> round(quantile(5), 3), round(quantile(49_999), 3), quantile(np.inf) == Z95
    (2.571, 1.96, True)
    """
    if np.isinf(freedom):
        return Z95
    from scipy.special import stdtrit  # pages that read figures alone do without it

    return float(stdtrit(freedom, 0.975))


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
