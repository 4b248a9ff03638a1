"""Kernel inception distance: the unbiased squared MMD with a cubic kernel, over all pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from metrics.errors import MetricError
from metrics.estimate import Estimate, Published, jackknife_se
from metrics.rows import Floats, feature_rows, require_same_dimensions

BLOCK_ROWS = 1024
"""Rows of the kernel matrix held at once: 8 MiB a block, whatever n is."""


def kid(
    real: ArrayLike, fake: ArrayLike, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> Estimate:
    """Return the KID of Bińkowski et al. (2018) of features (n, d), kernel (x·y / d + 1)³.

    The value is the exact U-statistic over all pairs: unbiased, without subset noise, and so
    negative now and then for sets that are alike. Its standard error is the delete-one jackknife
    over the fakes, the reals held fixed (conservative for sets that are alike; None with fewer
    than 3 fakes). `published` is the mean and the standard deviation (divisor `subsets`) over
    seeded subsets, drawn as torch-fidelity 0.4.0 draws them; a subset larger than a set is cut to
    the smaller set. All come from one pass over the kernel matrix in float64.

    Raises MetricError for subsets < 1 or subset_size < 2, TooFewImages for n < 2.
    """
    x, y = feature_rows(real), feature_rows(fake)
    require_same_dimensions(x, y)
    if subsets < 1 or subset_size < 2:
        raise MetricError(
            f"KID needs at least 1 subset of at least 2 images, got {subsets} of {subset_size}"
        )
    size = min(subset_size, len(x), len(y))
    in_x, in_y = _subsets(len(x), len(y), subsets, size, seed)
    xx, xx_subsets = _within(x, in_x)
    yy, yy_subsets = _within(y, in_y)
    xy, xy_subsets = _between(x, y, in_x, in_y)
    means = (xx_subsets + yy_subsets) / (size * (size - 1)) - 2 * xy_subsets / size**2
    return Estimate(
        _mmd(xx.sum(), yy.sum(), xy.sum(), len(x), len(y)),
        _jackknife(xx.sum(), yy, xy, len(x)) if len(y) > 2 else None,
        "jackknife" if len(y) > 2 else "none: a jackknife needs at least 3 images",
        Published(
            float(means.mean()), float(means.std()), f"{subsets} subsets of {size:,}, seed {seed}"
        ),
    )


def _mmd(xx: float, yy: float, xy: float, n: int, m: int) -> float:
    return float(xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m))


def _jackknife(xx: float, yy: Floats, xy: Floats, n: int) -> float:
    """Leave out one fake at a time; yy and xy are each fake's kernel sums with fakes and reals."""
    m = len(yy)
    without = (yy.sum() - 2 * yy) / ((m - 1) * (m - 2)) - 2 * (xy.sum() - xy) / (n * (m - 1))
    return jackknife_se(xx / (n * (n - 1)) + without)


def _subsets(n: int, m: int, subsets: int, size: int, seed: int) -> tuple[Floats, Floats]:
    """Return who is in which subset, as 0 and 1, shapes (n, subsets) and (m, subsets)."""
    rng = np.random.RandomState(seed)
    in_x, in_y = np.zeros((n, subsets)), np.zeros((m, subsets))
    for subset in range(subsets):
        in_x[rng.choice(n, size, replace=False), subset] = 1
        in_y[rng.choice(m, size, replace=False), subset] = 1
    return in_x, in_y


def _within(x: Floats, chosen: Floats) -> tuple[Floats, Floats]:
    """Return each row's kernel sum with all others (n,), and the sum in each subset (subsets,)."""
    sums, in_subsets = np.zeros(len(x)), np.zeros(chosen.shape[1])
    for a in _blocks(len(x)):
        kernel = _kernel(x[a], x[a])
        np.fill_diagonal(kernel, 0)
        sums[a] += kernel.sum(axis=1)
        in_subsets += _chosen_sum(chosen[a], kernel, chosen[a])
        for b in _blocks(len(x), start=a.stop):
            kernel = _kernel(x[a], x[b])
            sums[a] += kernel.sum(axis=1)
            sums[b] += kernel.sum(axis=0)
            in_subsets += 2 * _chosen_sum(chosen[a], kernel, chosen[b])
    return sums, in_subsets


def _between(x: Floats, y: Floats, in_x: Floats, in_y: Floats) -> tuple[Floats, Floats]:
    """Return each y's kernel sum with all x (m,), and the sum in each pair of subsets."""
    sums, in_subsets = np.zeros(len(y)), np.zeros(in_x.shape[1])
    for a in _blocks(len(x)):
        for b in _blocks(len(y)):
            kernel = _kernel(x[a], y[b])
            sums[b] += kernel.sum(axis=0)
            in_subsets += _chosen_sum(in_x[a], kernel, in_y[b])
    return sums, in_subsets


def _kernel(x: Floats, y: Floats) -> Floats:
    base = x @ y.T
    base /= x.shape[1]
    base += 1
    cube = base * base
    cube *= base
    return cube


def _chosen_sum(in_a: Floats, kernel: Floats, in_b: Floats) -> Floats:
    return np.asarray(((in_a.T @ kernel) * in_b.T).sum(axis=1))


def _blocks(n: int, start: int = 0) -> Iterator[slice]:
    return (slice(at, min(at + BLOCK_ROWS, n)) for at in range(start, n, BLOCK_ROWS))
