"""Kernel inception distance: the unbiased squared MMD with a cubic kernel, over all pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from metrics.errors import MetricError
from metrics.estimate import Estimate, Published
from metrics.mmd import Discrepancy, Kernel, discrepancy
from metrics.rows import Floats, Rows, both_rows

CHEAP_WORK = 5e10
"""Multiplications up to which products are in float64 all the same: about a second on one core."""


def kid(
    real: ArrayLike, fake: ArrayLike, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> Estimate:
    """Return the KID of Bińkowski et al. (2018) of features (n, d), kernel (x·y / d + 1)³.

    The value is the exact U-statistic over all pairs: unbiased, without subset noise, and so
    negative now and then for sets that are alike. Its standard error is the delete-one jackknife
    over the fakes, the reals held fixed (conservative for sets that are alike; None with fewer
    than 3 fakes). `published` is the mean and the standard deviation (divisor `subsets`) over
    seeded subsets, drawn as torch-fidelity 0.4.0 draws them; a subset larger than a set is cut to
    the smaller set; with no subsets it is None. All come from one pass over the kernel matrix, in
    float64 up to about 2,500 images a side of 2,048 features, else with products in the precision
    of the features (see `metrics.mmd.discrepancy`).

    Raises MetricError for subsets < 0 or subset_size < 2, TooFewImages for n < 2.
    """
    x, y = _precise(*both_rows(real, fake))
    if subsets < 0 or subset_size < 2:
        raise MetricError(
            f"KID needs 0 or more subsets of at least 2 images, got {subsets:,} of {subset_size:,}"
        )
    size = min(subset_size, len(x), len(y))
    sums = discrepancy(x, y, CUBIC, *_drawn(len(x), len(y), subsets, size, seed))
    estimate = sums.unbiased()
    if not subsets:
        return estimate
    return replace(estimate, published=_over_subsets(sums, subsets, size, seed))


def _precise(x: Rows, y: Rows) -> tuple[Rows, Rows]:
    if (len(x) + len(y)) ** 2 * x.shape[1] > CHEAP_WORK:
        return x, y
    return x.astype(np.float64), y.astype(np.float64)


def _terms(rows: Floats, centre: Floats) -> Floats:
    return np.asarray((rows @ centre + centre @ centre / 2) / len(centre) + 0.5)


def _cube(base: Floats) -> None:
    base *= base * base


CUBIC = Kernel(lambda d: 1 / d, _terms, _cube)


def _drawn(n: int, m: int, subsets: int, size: int, seed: int) -> tuple[Floats, Floats]:
    """Return who is in which subset, as 0 and 1, shapes (n, subsets) and (m, subsets)."""
    rng = np.random.RandomState(seed)
    in_x, in_y = np.zeros((n, subsets)), np.zeros((m, subsets))
    for subset in range(subsets):
        in_x[rng.choice(n, size, replace=False), subset] = 1
        in_y[rng.choice(m, size, replace=False), subset] = 1
    return in_x, in_y


def _over_subsets(sums: Discrepancy, subsets: int, size: int, seed: int) -> Published:
    within = (sums.real.subsets + sums.fake.subsets) / (size * (size - 1))
    each = within - 2 * sums.cross.subsets / size**2
    return Published(
        float(each.mean()), float(each.std()), f"{subsets} subsets of {size:,}, seed {seed}"
    )
