"""What observers, images and single trials each add to a measure's variance, in closed form.

A product of observer and image weights counts the noise of a single trial three times: as part of
the observers, of the images, and of their product (Owen, Annals of Applied Statistics 1, 2007).
The two-way cluster-robust variance counts it once: observers + images - trials (Cameron, Gelbach
and Miller, Journal of Business & Economic Statistics 29, 2011). Their ratio is how much the
crossed draws are too wide.
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
class Components:
    """Linearised variances by what is resampled, of like shape.

    `by_trials` is the part that independent trials would have, and is within both others.
    """

    by_observers: Floats
    by_images: Floats
    by_trials: Floats

    def of_differences(self) -> Components:
        """From covariances (G, G) to the variances (G, G) of all pairwise differences."""

        def spread(covariance: Floats) -> Floats:
            own = np.diag(covariance)
            return np.maximum(own[:, None] + own[None, :] - covariance - covariance.T, 0.0)

        return Components(spread(self.by_observers), spread(self.by_images), spread(self.by_trials))

    def of_generators(self) -> Components:
        """The variances (G,) of the generators' own values."""
        return Components(
            np.diag(self.by_observers), np.diag(self.by_images), np.diag(self.by_trials)
        )

    def once(self) -> Floats:
        """The variance that counts the trials' noise once, and is no less than either way's own."""
        one_way = np.maximum(self.by_observers, self.by_images)
        return np.maximum(self.by_observers + self.by_images - self.by_trials, one_way)

    def crossed_scale(self) -> Floats:
        """How far crossed draws must shrink to count the trials' noise once: 0.577 to 1.

        >>> noise_only = Components(np.array([2.0]), np.array([2.0]), np.array([2.0]))
        >>> (noise_only.crossed_scale() ** 2).round(3)
        array([0.333])
        """
        once = self.once()
        thrice = self.by_observers + self.by_images + self.by_trials
        return np.sqrt(np.divide(once, thrice, out=np.ones_like(once), where=thrice > 0))

    def degrees(self, observers: NDArray[Any], images: NDArray[Any]) -> Floats:
        """Degrees of freedom, from how many observers and images were there to resample.

        Satterthwaite's (Biometrics Bulletin 2, 1946) of the variance that counts the trials once:
        (O + I - T)² / (O²/(n-1) + I²/(m-1)).
        """
        n, m = np.maximum(observers - 1.0, 1.0), np.maximum(images - 1.0, 1.0)
        spread = self.by_observers**2 / n + self.by_images**2 / m
        return np.divide(self.once() ** 2, spread, out=np.minimum(n, m), where=spread > 0)


@dataclass(frozen=True)
class ResidualSums:
    """Sums of products of two generators' residuals (wrong - error rate): each (G, G).

    Residuals are summed over an observer, an image or nothing before they are multiplied;
    `mixed` has a generator's fakes in its rows and its reals in its columns.
    """

    fakes_by_observer: Floats
    mixed_by_observer: Floats
    reals_by_observer: Floats
    fakes_by_image: Floats
    reals_by_image: Floats
    fakes_by_trial: Floats
    reals_by_trial: Floats

    def components(self, measure: Measure, totals: Totals) -> Components:
        """Covariances (G, G) of a measure; zero for generators where it is not defined."""
        by_fake, by_real = (np.nan_to_num(slope) for slope in measure.slopes(totals))
        fakes, reals = np.outer(by_fake, by_fake), np.outer(by_real, by_real)
        mixed = np.outer(by_fake, by_real) * self.mixed_by_observer
        by_observer = fakes * self.fakes_by_observer + reals * self.reals_by_observer
        return Components(
            by_observer + mixed + mixed.T,
            fakes * self.fakes_by_image + reals * self.reals_by_image,
            fakes * self.fakes_by_trial + reals * self.reals_by_trial,
        )


def residual_sums(sums: Sums) -> ResidualSums:
    """The residuals of a table about each generator's fake error and real error."""
    totals = sums.totals()
    fake_rate, real_rate = np.nan_to_num(fake_error(totals)), np.nan_to_num(real_error(totals))
    fake_trials, fake_wrong, real_trials, real_wrong = sums.by_observer
    fakes = _residuals(fake_trials, fake_wrong, fake_rate)
    reals = _residuals(real_trials, real_wrong, real_rate) / SHARE_UNITS
    images = _residuals(*sums.reals.values, real_rate) / SHARE_UNITS
    pairs = zip(sums.fakes, fake_rate, strict=True)
    return ResidualSums(
        fakes_by_observer=fakes @ fakes.T,
        mixed_by_observer=fakes @ reals.T,
        reals_by_observer=reals @ reals.T,
        fakes_by_image=np.diag(
            [float(np.square(_residuals(*own.values, rate)).sum()) for own, rate in pairs]
        ),
        reals_by_image=images @ images.T,
        fakes_by_trial=np.diag(totals.fake_wrong * (1 - fake_rate)),
        reals_by_trial=_reals_by_trial(sums.real_pairs / PAIR_UNITS, real_rate),
    )


def _residuals(trials: Whole, wrong: Whole, rate: Floats) -> Floats:
    """(G, units): how many more wrong answers than at the generator's rate (G,)."""
    return wrong - np.reshape(rate, (-1, 1)) * trials


def _reals_by_trial(pairs: Floats, rate: Floats) -> Floats:
    """(G, G): a wrong answer's residual is 1 - rate, a right one's -rate, both by the share."""
    of_wrong, of_right = pairs
    return np.asarray(of_wrong * np.outer(1 - rate, 1 - rate) + of_right * np.outer(rate, rate))
