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
from scipy import sparse

from scoring.counts import Counts, Tally, Totals
from scoring.rates import Measure, fake_error, real_error

Floats = NDArray[np.float64]


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

    def crossed_scale(self) -> Floats:
        """How far crossed draws must shrink to count the trials' noise once: 0.577 to 1.

        >>> noise_only = Components(np.array([2.0]), np.array([2.0]), np.array([2.0]))
        >>> (noise_only.crossed_scale() ** 2).round(3)
        array([0.333])
        """
        one_way = np.maximum(self.by_observers, self.by_images)
        once = np.maximum(self.by_observers + self.by_images - self.by_trials, one_way)
        thrice = self.by_observers + self.by_images + self.by_trials
        return np.sqrt(np.divide(once, thrice, out=np.ones_like(once), where=thrice > 0))

    def degrees(self, observers: NDArray[Any], images: NDArray[Any]) -> Floats:
        """Degrees of freedom, from how many observers and images were there to resample.

        Satterthwaite's (Biometrics Bulletin 2, 1946): (O + I)² / (O²/(n-1) + I²/(m-1)).
        """
        n, m = np.maximum(observers - 1.0, 1.0), np.maximum(images - 1.0, 1.0)
        spread = self.by_observers**2 / n + self.by_images**2 / m
        both = (self.by_observers + self.by_images) ** 2
        return np.divide(both, spread, out=np.minimum(n, m), where=spread > 0)


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


def residual_sums(counts: Counts, totals: Totals) -> ResidualSums:
    """The residuals of a table about each generator's fake error and real error."""
    fake_rate, real_rate = np.nan_to_num(fake_error(totals)), np.nan_to_num(real_error(totals))
    fakes = _fakes_by_observer(counts, fake_rate)
    reals = _reals_by_observer(counts, real_rate)
    images = _residuals(
        counts.share @ counts.reals.wrong, counts.share @ counts.reals.trials, real_rate
    )
    return ResidualSums(
        fakes_by_observer=(fakes @ fakes.T).toarray(),
        mixed_by_observer=(fakes @ reals.T).toarray(),
        reals_by_observer=(reals @ reals.T).toarray(),
        fakes_by_image=np.diag(_fakes_by_image(counts, fake_rate)),
        reals_by_image=(images @ images.T).toarray(),
        fakes_by_trial=np.diag(totals.fake_wrong * (1 - fake_rate)),
        reals_by_trial=_reals_by_trial(counts, real_rate),
    )


def _fakes_by_observer(counts: Counts, rate: Floats) -> Any:
    """Sparse (G, O): each observer's residual sum on each generator's fakes."""
    residuals = [
        (tally.row_wrong - p * tally.row_trials).ravel()
        for tally, p in zip(counts.fakes, rate, strict=True)
    ]
    rows = np.repeat(np.arange(len(counts.fakes)), [len(part) for part in residuals])
    columns = np.concatenate([tally.observer for tally in counts.fakes])
    shape = (len(counts.generators), len(counts.observers))
    return sparse.csr_array((np.concatenate(residuals), (rows, columns)), shape=shape)


def _fakes_by_image(counts: Counts, rate: Floats) -> Floats:
    """(G,) the sum over a generator's images of the squared residual sum."""
    pairs = zip(counts.fakes, rate, strict=True)
    return np.array([_squared_images(tally, p) for tally, p in pairs])


def _squared_images(tally: Tally, rate: float) -> float:
    wrong, trials = (matrix.sum(axis=0, dtype=np.int32) for matrix in (tally.wrong, tally.trials))
    return float(np.square(wrong - rate * trials).sum())


def _reals_by_observer(counts: Counts, rate: Floats) -> Any:
    """Sparse (G, O): each observer's residual sum on the reals, as each generator shares them."""
    observer = counts.reals.observer
    cells = np.arange(len(observer))
    shape = (len(observer), len(counts.observers))
    wrong, trials = (
        counts.share
        @ sparse.csr_array((sums.ravel().astype(float), (cells, observer)), shape=shape)
        for sums in (counts.reals.row_wrong, counts.reals.row_trials)
    )
    return _residuals(wrong, trials, rate)


def _residuals(wrong: Any, trials: Any, rate: Floats) -> Any:
    return wrong - sparse.diags_array(rate) @ trials


def _reals_by_trial(counts: Counts, rate: Floats) -> Floats:
    """(G, G): a wrong answer's residual is 1 - rate, a right one's -rate, both by the share."""
    wrong = counts.reals.row_wrong.ravel().astype(float)
    right = counts.reals.row_trials.ravel() - wrong
    of_wrong, of_right = (
        (counts.share @ sparse.diags_array(number) @ counts.share.T).toarray()
        for number in (wrong, right)
    )
    return np.asarray(of_wrong * np.outer(1 - rate, 1 - rate) + of_right * np.outer(rate, rate))
