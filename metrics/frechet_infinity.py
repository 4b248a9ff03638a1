"""Fréchet distance without its bias: what it would be with infinitely many generated images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.errors import MetricError, TooFewImages
from metrics.estimate import Estimate, quantile
from metrics.frechet import frechet_distance
from metrics.frechet_jackknife import distances_without_each
from metrics.gaussian import Gaussian
from metrics.rows import Rows, feature_rows, require_same_dimensions

LEAST_IMAGES = 40
"""With fewer, halves are too small to tell how the bias falls."""

HALVINGS = 2
"""Ways of cutting the fakes in two: more would take less than a tenth off the spread."""

SURELY_ENOUGH = 10
"""Images a dimension with which the bias falls as 1/n, whatever the features."""

ROUNDING = 1e-9
"""A change of less than this share of a value is rounding."""

FIRST_POINT = 5000
"""The smallest sample of Chong & Forsyth."""

Indices = NDArray[np.intp]


def half_split(real: ArrayLike | Gaussian, fake: ArrayLike, *, seed: int = 0) -> Estimate:
    """Return the Fréchet distance with its bias of order 1/n taken out by halving the fakes.

    That is 2 FD_n - FD_{n/2}, the latter the mean over both halves of seeded random halvings (an
    odd n leaves one image out, and is weighted for it). The reals, features or what was fitted to
    them, are held fixed: what they are too few for stays in. Negative now and then for sets that
    are alike. Standard error: the delete-one jackknife of FD_n, whose changes the halves share to
    first order. Where n is less than about five times the number of dimensions that matter, the
    correction goes too far, or, with far fewer, not far enough. `note` says so where half as many
    images would change the result by more than its error, which does not know of this.

    Raises TooFewImages for n < 40, and where the result is below zero by more than its error, as
    no distance is: the bias does not fall as 1/n yet.
    """
    reference, sample = _both(real, fake)
    n, half = len(sample), len(sample) // 2
    orders = np.random.default_rng(seed)
    halves: list[Indices] = []
    for _ in range(HALVINGS):
        order = orders.permutation(n)
        halves += [np.sort(order[:half]), np.sort(order[half : 2 * half])]
    weights = np.array([n, *[-half / len(halves)] * len(halves)]) / (n - half)
    found = _combined(
        reference,
        sample,
        [np.arange(n), *halves],
        weights,
        f"{HALVINGS} random halvings, seed {seed}",
    )
    return _cautioned(found, reference, sample, seed)


def extrapolated(
    real: ArrayLike | Gaussian, fake: ArrayLike, *, points: int = 15, seed: int = 0
) -> Estimate:
    """Return FID∞ of Chong & Forsyth (2020): the line of FD_N over 1/N, where 1/N is 0.

    As in their code the sizes N go in even steps to all n fakes, each sample is drawn anew without
    replacement, the line is that of least squares without weights, and the reals are held fixed.
    N starts at 5,000 as there, or at n/2 where that is less; the samples are seeded. Standard
    error: the delete-one jackknife, each image weighted by the samples that it is in. `note` is that
    of `half_split`.

    Raises MetricError for fewer than 2 points, TooFewImages as `half_split` does.
    """
    if points < 2:
        raise MetricError(f"a line needs at least 2 points, got {points}")
    reference, sample = _both(real, fake)
    n = len(sample)
    draws = np.random.default_rng(seed)
    sizes = np.linspace(min(FIRST_POINT, n // 2), n, points).astype(int)
    samples = [np.sort(draws.permutation(n)[:size]) for size in sizes]
    weights = np.linalg.pinv(np.column_stack([np.ones(points), 1 / sizes]))[0]
    found = _combined(reference, sample, samples, weights, f"{points} points, seed {seed}")
    return _cautioned(found, reference, sample, seed)


def _both(real: ArrayLike | Gaussian, fake: ArrayLike) -> tuple[Gaussian, Rows]:
    reference = real if isinstance(real, Gaussian) else Gaussian.of_features(real)
    sample = feature_rows(fake)
    require_same_dimensions(reference.mean, sample)
    if len(sample) < LEAST_IMAGES:
        raise TooFewImages(
            f"a bias can be told from at least {LEAST_IMAGES} generated images, got {len(sample)}"
        )
    return reference, sample


def _combined(
    reference: Gaussian,
    sample: Rows,
    samples: Sequence[Indices],
    weights: NDArray[np.float64],
    protocol: str,
) -> Estimate:
    """Return the weighted sum of distances of some samples of the sample, with its error."""
    n = len(sample)
    value, carried = 0.0, np.zeros(n)
    for chosen, weight in zip(samples, weights, strict=True):
        fitted = Gaussian.of_rows(sample, chosen)
        value += float(weight) * frechet_distance(reference, fitted).value
        carried[chosen] += weight * n / len(chosen)
    without = distances_without_each(reference, Gaussian.of_rows(sample), sample)
    changes = carried * (without - without.mean())
    se = float(np.sqrt((n - 1) / n * (changes**2).sum()))
    if value < -quantile(n - 1) * se:
        raise TooFewImages(
            f"{n:,} images are too few: their bias does not fall as 1/n yet, and taking it out "
            f"gives {value:.4g}, which is no distance"
        )
    return Estimate(value, se, f"jackknife; {protocol}", freedom=n - 1)


def _cautioned(found: Estimate, reference: Gaussian, sample: Rows, seed: int) -> Estimate:
    """Say where half as many images would give something else: the bias is not of order 1/n there."""
    if len(sample) >= SURELY_ENOUGH * sample.shape[1]:
        return found
    fewer = _of_halves(reference, sample, seed)
    if abs(fewer - found.value) <= max(found.se or 0.0, ROUNDING * abs(found.value)):
        return found
    note = (
        f"n = {len(sample):,} images are few: half as many would give {fewer:.4g}, for their bias does "
        "not fall as 1/n yet, which the interval does not know; compare at equal n only"
    )
    return replace(found, note=note)


def _of_halves(reference: Gaussian, sample: Rows, seed: int) -> float:
    """Return what half as many images give, the mean of both halves."""
    half, quarter = len(sample) // 2, len(sample) // 4
    order = np.random.default_rng(seed).permutation(len(sample))

    def mean_of(parts: int, size: int) -> float:
        cut = (np.sort(order[at * size : (at + 1) * size]) for at in range(parts))
        each = (frechet_distance(reference, Gaussian.of_rows(sample, part)).value for part in cut)
        return float(np.mean(list(each)))

    return (half * mean_of(2, half) - quarter * mean_of(4, quarter)) / (half - quarter)
