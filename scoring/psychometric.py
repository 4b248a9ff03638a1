"""Psychometric functions of exposure time, fitted on a grid to many blocks at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from scoring.intervals import tail_probability

Floats = NDArray[np.float64]

GUESS = 0.5
BEYOND = 4.0
THRESHOLDS = 104
SLOPES = np.geomspace(1.2, 9.0, 8)
LAPSES = np.linspace(0.0, 1.0, 6)  # of 1 - share_right; the last leaves no threshold
LOG_UNITS = 2.0**20
WEIGHT_UNITS = 2.0**10
CHUNK_FITS = 256
CURVE_POINTS = 61


@dataclass(frozen=True)
class Fits:
    """One threshold a block in ms, each array (B,).

    Attributes:
        threshold_ms: the posterior median among curves that have a threshold, kept between floor
            and ceiling.
        low_ms, high_ms: the credible interval, as far as the grid goes; curves without a threshold
            lie beyond the ceiling.
        at_floor, at_ceiling: True where that median lies below the floor, or more than half of all
            curves beyond the ceiling, so that `threshold_ms` is that end, and only a bound.
    """

    threshold_ms: Floats
    low_ms: Floats
    high_ms: Floats
    at_floor: NDArray[np.bool_]
    at_ceiling: NDArray[np.bool_]


@dataclass(frozen=True)
class Curve:
    """A fitted share of right answers against exposure, for a plot: P points each.

    `low` and `high` are the pointwise interval over observers, None for fewer than 2.
    """

    exposure_ms: tuple[float, ...]
    right: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


@dataclass(frozen=True)
class Grid:
    """Points of (lapse, threshold, slope), lapses slowest, with their log prior.

    Attributes:
        log_ms: (T,) evenly spaced natural logarithms of the threshold.
        locations, slopes, lapses: (N,) of each point; the location is where F is one half.
        log_prior: (N,).
    """

    log_ms: Floats
    locations: Floats
    slopes: Floats
    lapses: Floats
    log_prior: Floats

    def wrong(self, exposures_ms: Floats) -> Floats:
        """(E, N) chance of a wrong answer at each exposure; above 0 however small."""
        left = expit(self.slopes * (self.locations - np.log(exposures_ms)[:, None]))
        return np.asarray(self.lapses + (1 - GUESS - self.lapses) * left)

    def by_threshold(self, posterior: Floats) -> tuple[Floats, Floats]:
        """(B, T) of (B, N) mass by threshold, and (B,) what has none."""
        mass = posterior.reshape(len(posterior), LAPSES.size, self.log_ms.size, -1).sum(axis=3)
        return mass[:, :-1].sum(axis=1), mass[:, -1].sum(axis=1)


@lru_cache(maxsize=16)
def grid(share_right: float, floor_ms: float, ceiling_ms: float) -> Grid:
    """The model ψ(t) = ½ + (½ − λ) F(log t), F logistic, by its threshold ψ(threshold) = share.

    1 − λ is the share of right answers with all the time there is: what lapses leave, and less for
    images that stay hard to tell. If that is only the share itself, there is no threshold.

    Weak priors, in the spirit of psignifit 4 (Schütt, Harmeling, Macke and Wichmann, Vision
    Research 122, 2016): λ has the density of Beta(1, 10), from 0 to 1 − share_right; the log
    threshold, or without one the location, is uniform from a quarter of the floor to four times the
    ceiling; the log slope is uniform from 1.2 to 9.

    Raises:
        ValueError: share_right is not between guessing and 1, or the range is no range.
    """
    if not GUESS < share_right < 1:
        raise ValueError(f"share_right must be between {GUESS} and 1, got {share_right}")
    if not 0 < floor_ms < ceiling_ms:
        raise ValueError(f"a range needs 0 < floor_ms < ceiling_ms, got {floor_ms}, {ceiling_ms}")
    log_ms = np.linspace(np.log(floor_ms / BEYOND), np.log(ceiling_ms * BEYOND), THRESHOLDS)
    lapses, along, slopes = (
        axis.ravel()
        for axis in np.meshgrid((1 - share_right) * LAPSES, log_ms, SLOPES, indexing="ij")
    )
    passed = logit((share_right - GUESS) / (1 - GUESS - lapses)) / slopes
    locations = np.where(lapses < 1 - share_right, along - passed, along)
    return Grid(log_ms, locations, slopes, lapses, log_prior=9 * np.log1p(-lapses))


def fit_thresholds(
    levels_ms: Floats,
    right: Floats,
    wrong: Floats,
    *,
    share_right: float,
    floor_ms: float,
    ceiling_ms: float,
    confidence: float = 0.95,
) -> Fits:
    """Each block's exposure at which `share_right` of the answers are right.

    The likelihood is binomial: Σ right·log ψ + wrong·log(1 − ψ) over levels; priors as in `grid`.
    A block's fit depends, to the last digit, on its own answers alone.

    Args:
        levels_ms: (L,) exposures above 0.
        right, wrong: (B, L) answers by block and level; fractions weigh.
        floor_ms, ceiling_ms: the shortest and the longest exposure that could be shown.

    Raises:
        ValueError: a level is not above 0, confidence is out of range, or as in `grid`.

    >>> fits = fit_thresholds(np.array([100.0, 200.0, 400.0]), np.array([[60.0, 75.0, 97.0]]),
    ...     np.array([[40.0, 25.0, 3.0]]), share_right=0.75, floor_ms=100, ceiling_ms=400)
    >>> fits.threshold_ms.round()
    array([189.])
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    points = grid(share_right, floor_ms, ceiling_ms)
    tails = np.array([(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    low, middle, high, median = np.concatenate(
        [np.empty((0, 4))]
        + [
            np.exp(_read(points, posterior, tails))
            for posterior in _posteriors(points, levels_ms, right, wrong)
        ]
    ).T
    at_ceiling = middle > ceiling_ms
    return Fits(
        threshold_ms=np.where(at_ceiling, ceiling_ms, np.clip(median, floor_ms, ceiling_ms)),
        low_ms=low,
        high_ms=high,
        at_floor=(median < floor_ms) & ~at_ceiling,
        at_ceiling=at_ceiling,
    )


def fit_curve(
    levels_ms: Floats,
    right: Floats,
    wrong: Floats,
    *,
    floor_ms: float,
    ceiling_ms: float,
    draws: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Curve:
    """The curve of all observers together: the posterior mean of ψ at points over the levels.

    The band resamples observers: each draw's answers, put together, are fitted anew.

    Args:
        levels_ms: (L,) exposures above 0, in order.
        right, wrong: (O, L) answers by observer and level.

    Raises:
        ValueError: as `fit_thresholds`.
    """
    points = grid(0.75, floor_ms, ceiling_ms)
    exposures = np.geomspace(levels_ms[0], levels_ms[-1], CURVE_POINTS)
    chance, observers = 1 - points.wrong(exposures), len(right)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(observers, np.full(observers, 1 / observers), size=draws)
    weights = np.vstack([np.ones(observers), drawn])
    fitted, *others = np.concatenate(
        [
            posterior @ chance.T
            for posterior in _posteriors(points, levels_ms, weights @ right, weights @ wrong)
        ]
    )
    low = high = None
    if observers > 1:
        tail = tail_probability(confidence, observers - 1)
        low, high = (_plain(end) for end in np.quantile(others, [tail, 1 - tail], axis=0))
    return Curve(_plain(exposures), _plain(fitted), low, high)


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())


def _posteriors(points: Grid, levels_ms: Floats, right: Floats, wrong: Floats) -> Iterator[Floats]:
    """Chunks of (blocks, N) posterior mass.

    Log likelihoods and weights are whole multiples of a small power of 2, so that their sums are
    exact and do not depend on how a matrix product orders them.
    """
    if not (levels_ms > 0).all():
        raise ValueError(f"levels_ms must be above 0, got {levels_ms.tolist()}")
    chance = points.wrong(levels_ms)
    log_right = np.round(np.log1p(-chance) * LOG_UNITS) / LOG_UNITS
    log_wrong = np.round(np.log(chance) * LOG_UNITS) / LOG_UNITS
    for start in range(0, len(right), CHUNK_FITS):
        chunk = slice(start, start + CHUNK_FITS)
        log_posterior = _whole(right[chunk]) @ log_right + _whole(wrong[chunk]) @ log_wrong
        log_posterior += points.log_prior
        log_posterior -= log_posterior.max(axis=1, keepdims=True)
        mass = np.exp(log_posterior)
        yield mass / mass.sum(axis=1, keepdims=True)


def _whole(weights: Floats) -> Floats:
    return np.round(weights * WEIGHT_UNITS) / WEIGHT_UNITS


def _read(points: Grid, posterior: Floats, tails: Floats) -> Floats:
    """(B, Q + 1) quantiles of the log threshold over all curves, and the median where there is one."""
    mass, without = points.by_threshold(posterior)
    shares = np.column_stack([np.tile(tails, (len(mass), 1)), (1 - without) / 2])
    mass[:, -1] += without
    return _quantiles(mass, points.log_ms, shares)


def _quantiles(mass: Floats, log_ms: Floats, shares: Floats) -> Floats:
    """The log threshold below which shares (B, Q) lie, each point's mass spread over its own cell."""
    step = log_ms[1] - log_ms[0]
    above = np.cumsum(mass, axis=1)
    cell = (above[:, None] < shares[..., None]).sum(axis=2)
    cell = np.minimum(cell, len(log_ms) - 1)
    own = np.take_along_axis(mass, cell, axis=1)
    before = np.take_along_axis(above, cell, axis=1) - own
    within = np.divide(shares - before, own, out=np.full(own.shape, 0.5), where=own > 0)
    return np.asarray(log_ms[cell] + (np.clip(within, 0, 1) - 0.5) * step)
