"""How much observers, images and single trials each add to a measure's variance, in closed form.

A product of observer and image weights counts the noise of a single trial three times: as part of
the observers, of the images, and of their product (Owen, Annals of Applied Statistics 1, 2007).
The two-way cluster-robust variance counts it once: observers + images - trials (Cameron, Gelbach
and Miller, Journal of Business & Economic Statistics 29, 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.counts import PAIR_BITS, SHARE_BITS, Sums, Totals, Whole
from scoring.rates import Measure, fake_error, real_error

Floats = NDArray[np.float64]

SHARE_UNITS = 2.0**SHARE_BITS
PAIR_UNITS = 2.0 ** (2 * PAIR_BITS)


@dataclass(frozen=True)
class Part:
    """A variance that units of one kind give, and `doubt`, the variance of that variance itself."""

    variance: Floats
    doubt: Floats

    @classmethod
    def of(cls, squares: Floats, fourths: Floats, units: NDArray[Any]) -> Part:
        """From sums of the units' residuals, squared and to the fourth power.

        The doubt is as the residuals' own spread has it, but no less than normal ones would have:
        few units seldom show how long the tails are.
        """
        few = np.maximum(units - 1, 1)
        normal = 2 * squares**2 / few
        own = (fourths - squares**2 / np.maximum(units, 1)) * units / few
        return cls(squares * units / few, np.maximum(normal, own))

    def degrees(self) -> Floats:
        """Degrees of freedom, at least 1: 2 variance² / doubt."""
        return degrees_of(self.variance, self.doubt)

    def __add__(self, other: Part) -> Part:
        return Part(self.variance + other.variance, self.doubt + other.doubt)


@dataclass(frozen=True)
class Components:
    """Linearised variances by what is resampled, of like shape.

    `by_trials` is the part that independent trials would have, and is within both others.
    """

    by_observers: Part
    by_images: Part
    by_trials: Floats

    def variance(self) -> Floats:
        """Counts the trials' noise once; never less than observers or images alone give.

        >>> half = Part(np.array([2.0]), np.array([1.0]))
        >>> Components(half, half, np.array([1.0])).variance()
        array([3.])
        """
        observers, images = self.by_observers.variance, self.by_images.variance
        return np.maximum(observers + images - self.by_trials, np.maximum(observers, images))

    def degrees(self) -> Floats:
        """Degrees of freedom (Satterthwaite, Biometrics Bulletin 2, 1946): 2 variance² / doubt.

        The doubt is that of the parts which the variance follows.
        """
        variance = self.variance()
        doubt = np.where(variance > self.by_images.variance, self.by_observers.doubt, 0.0)
        doubt += np.where(variance > self.by_observers.variance, self.by_images.doubt, 0.0)
        return degrees_of(variance, doubt)


def degrees_of(variance: Floats, doubt: Floats) -> Floats:
    """Degrees of freedom, at least 1; infinite without a doubt."""
    certain = np.full(variance.shape, np.inf)
    degrees = np.divide(2 * variance**2, doubt, out=certain, where=doubt > 0)
    return np.asarray(np.maximum(degrees, 1.0))


@dataclass(frozen=True)
class Residuals:
    """How many more wrong answers there were than at each generator's rates.

    Attributes:
        totals: (G,), whose rates they are.
        fakes_by_observer, reals_by_observer: (G, O). reals_by_image: (G, I).
        fakes_by_image: (images,) for each generator.
        fakes_by_trial: (G,) sums of squares. reals_by_trial: (G, G) sums of products.
        observers, images, real_images: (G,) how many units there were.
    """

    totals: Totals
    fakes_by_observer: Floats
    reals_by_observer: Floats
    fakes_by_image: tuple[Floats, ...]
    reals_by_image: Floats
    fakes_by_trial: Floats
    reals_by_trial: Floats
    observers: Whole
    images: Whole
    real_images: Whole

    def own(self, measure: Measure) -> Components:
        """The variances (G,) of a measure; zero for generators where it is not defined."""
        by_fake, by_real = _slopes(measure, self.totals)
        by_observer = by_fake * self.fakes_by_observer + by_real * self.reals_by_observer
        reals = by_real * self.reals_by_image
        trials = by_fake[:, 0] ** 2 * self.fakes_by_trial
        trials += by_real[:, 0] ** 2 * np.diag(self.reals_by_trial)
        return Components(
            Part.of(*_own_moments(by_observer), self.observers),
            self._fakes(by_fake) + Part.of(*_own_moments(reals), self.real_images),
            trials,
        )

    def differences(self, measure: Measure) -> Components:
        """The variances (G, G) of all pairwise differences of a measure."""
        by_fake, by_real = _slopes(measure, self.totals)
        by_observer = by_fake * self.fakes_by_observer + by_real * self.reals_by_observer
        reals = by_real * self.reals_by_image
        fakes = self._fakes(by_fake)
        trials = np.diag(by_fake[:, 0] ** 2 * self.fakes_by_trial)
        trials = trials + by_real * self.reals_by_trial * by_real.T
        return Components(
            Part.of(*_pair_moments(by_observer), _fewer(self.observers)),
            Part(_both(fakes.variance), _both(fakes.doubt))
            + Part.of(*_pair_moments(reals), _fewer(self.real_images)),
            _of_differences(trials),
        )

    def _fakes(self, slope: Floats) -> Part:
        """Of each generator's own images (G,)."""
        squares, fourths = (
            np.array([(own**power).sum() for own in self.fakes_by_image]) for power in (2, 4)
        )
        return Part.of(squares * slope[:, 0] ** 2, fourths * slope[:, 0] ** 4, self.images)


def residuals_of(sums: Sums) -> Residuals:
    """The residuals of a table about each generator's fake error and real error."""
    totals = sums.totals()
    fake_rate, real_rate = np.nan_to_num(fake_error(totals)), np.nan_to_num(real_error(totals))
    of_wrong, of_right = sums.real_pairs / PAIR_UNITS
    images = zip(sums.fakes, fake_rate, strict=True)
    return Residuals(
        totals=totals,
        fakes_by_observer=_residuals(sums.by_observer[:2], fake_rate),
        reals_by_observer=_residuals(sums.by_observer[2:], real_rate) / SHARE_UNITS,
        fakes_by_image=tuple(_residuals(own.values, rate)[0] for own, rate in images),
        reals_by_image=_residuals(sums.reals.values, real_rate) / SHARE_UNITS,
        fakes_by_trial=totals.fake_wrong * (1 - fake_rate),
        reals_by_trial=of_wrong * np.outer(1 - real_rate, 1 - real_rate)
        + of_right * np.outer(real_rate, real_rate),
        observers=sums.observer_counts(),
        images=sums.image_counts(),
        real_images=sums.real_image_counts(),
    )


def _residuals(sums: Whole, rate: Floats) -> Floats:
    """(G, units), of (2, G, units) trials and wrong answers and the generators' rates (G,)."""
    trials, wrong = sums
    return np.asarray(wrong - np.reshape(rate, (-1, 1)) * trials, dtype=np.float64)


def _slopes(measure: Measure, totals: Totals) -> tuple[Floats, Floats]:
    """(G, 1) each: how the measure moves with one more wrong fake, and one more wrong real."""
    by_fake, by_real = (np.nan_to_num(slope) for slope in measure.slopes(totals))
    return by_fake[:, None], by_real[:, None]


def _own_moments(units: Floats) -> tuple[Floats, Floats]:
    """(G,) each: sums of squares and of fourth powers."""
    squares = units**2
    return squares.sum(axis=1), (squares**2).sum(axis=1)


def _pair_moments(units: Floats) -> tuple[Floats, Floats]:
    """(G, G) each: sums of the differences' squares and fourth powers."""
    squares = units**2
    third = (squares * units) @ units.T
    second = squares @ squares.T
    fourths = _both(np.diag(second)) - 4 * (third + third.T) + 6 * second
    return _of_differences(units @ units.T), np.maximum(fourths, 0.0)


def _of_differences(covariance: Floats) -> Floats:
    """From covariances (G, G) to the variances (G, G) of all pairwise differences."""
    return np.maximum(_both(np.diag(covariance)) - covariance - covariance.T, 0.0)


def _both(own: Floats) -> Floats:
    """(G, G) sums of the two generators' own values (G,)."""
    return np.add.outer(own, own)


def _fewer(units: Whole) -> Whole:
    """(G, G) the smaller of two generators' numbers of units (G,)."""
    return np.asarray(np.minimum.outer(units, units))
