"""Squared maximum mean discrepancy over all pairs, in one pass over the kernel matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from metrics.estimate import Estimate, jackknife_se
from metrics.rows import CHUNK_ROWS, Floats, Rows, blocks, mean_row

BLOCK_ROWS = 1280
"""Rows and columns of the kernel matrix held at once: 6.6 MB in float32, whatever n is."""

STRIP_ROWS = 64
"""Rows of it turned to float64 and summed at once: few enough to stay in the cache."""


@dataclass(frozen=True)
class Kernel:
    """k(x, y) = shape(slope(d) · x·y + t_x + t_y) of rows (n, d) centred at a point common to all.

    `terms` takes centred rows and the centre, and returns t (n,); `shape` works in place.
    """

    slope: Callable[[int], float]
    terms: Callable[[Floats, Floats], Floats]
    shape: Callable[[Floats], object]


@dataclass(frozen=True)
class Sums:
    """Kernel sums: of each row with a set, `rows` (n,), and within each subset, `subsets` (s,)."""

    rows: Floats
    subsets: Floats


@dataclass(frozen=True)
class Discrepancy:
    """Kernel sums within the reals, within the fakes (no image with itself) and between them."""

    real: Sums
    fake: Sums
    cross: Sums

    def unbiased(self) -> Estimate:
        """Return the U-statistic of Gretton et al. (2012), with its error over the fakes.

        The error is the delete-one jackknife in closed form, None with fewer than 3 fakes.
        """
        n, m = len(self.real.rows), len(self.fake.rows)
        real = self.real.rows.sum() / (n * (n - 1))
        fake, cross = self.fake.rows, self.cross.rows
        value = float(real + fake.sum() / (m * (m - 1)) - 2 * cross.sum() / (n * m))
        if m < 3:
            return Estimate(value, None, "none: a jackknife needs at least 3 images")
        without = (fake.sum() - 2 * fake) / ((m - 1) * (m - 2))
        without -= 2 * (cross.sum() - cross) / (n * (m - 1))
        return Estimate(value, jackknife_se(without), "jackknife", freedom=m - 1)


def discrepancy(
    real: Rows,
    fake: Rows,
    kernel: Kernel,
    in_real: Floats | None = None,
    in_fake: Floats | None = None,
) -> Discrepancy:
    """Return all kernel sums of features (n, d) and (m, d).

    `in_real` (n, s) and `in_fake` (m, s) say with ones and zeros who is in which of s subsets.
    Products of rows are in the precision of the features, all else in float64. The rows are
    centred, and exactly so where they are zero, which features often are: the roundings of float32
    then go either way, and move a mean over pairs by less than a millionth of its standard error
    on the features of networks. Features in float64 are free of them.
    """
    centre = ((mean_row(real) + mean_row(fake)) / 2).astype(real.dtype).astype(np.float64)
    x, y = _Side.of(real, centre, kernel, in_real), _Side.of(fake, centre, kernel, in_fake)
    return Discrepancy(_within(x, kernel), _within(y, kernel), _between(x, y, kernel))


@dataclass(frozen=True)
class _Side:
    """Centred rows (n, d), their terms (n,), and who is in which subset (n, s)."""

    near: Rows
    terms: Floats
    chosen: Floats

    @classmethod
    def of(cls, rows: Rows, centre: Floats, kernel: Kernel, chosen: Floats | None) -> _Side:
        near, terms = np.empty_like(rows), np.empty(len(rows))
        for part in blocks(len(rows), CHUNK_ROWS):
            centred = rows[part] - centre
            near[part], terms[part] = centred, kernel.terms(centred, centre)
        return cls(near, terms, np.empty((len(rows), 0)) if chosen is None else chosen)

    def __len__(self) -> int:
        return len(self.near)


def _within(x: _Side, kernel: Kernel) -> Sums:
    """Sum over the pairs above the diagonal, each for both of its rows."""
    sums, subsets = np.zeros(len(x)), np.zeros(x.chosen.shape[1])
    for a in blocks(len(x), BLOCK_ROWS):
        for part, strip in _strips(x, a, x, a, kernel):
            np.fill_diagonal(strip[:, part.start - a.start :], 0)
            sums[part] += strip.sum(axis=1)
            subsets += _chosen_sum(x.chosen[part], strip, x.chosen[a])
        for b in blocks(len(x), BLOCK_ROWS, start=a.stop):
            for part, strip in _strips(x, a, x, b, kernel):
                sums[part] += strip.sum(axis=1)
                sums[b] += strip.sum(axis=0)
                subsets += 2 * _chosen_sum(x.chosen[part], strip, x.chosen[b])
    return Sums(sums, subsets)


def _between(x: _Side, y: _Side, kernel: Kernel) -> Sums:
    """Sum over all pairs, for each row of y."""
    sums, subsets = np.zeros(len(y)), np.zeros(y.chosen.shape[1])
    for a in blocks(len(x), BLOCK_ROWS):
        for b in blocks(len(y), BLOCK_ROWS):
            for part, strip in _strips(x, a, y, b, kernel):
                sums[b] += strip.sum(axis=0)
                subsets += _chosen_sum(x.chosen[part], strip, y.chosen[b])
    return Sums(sums, subsets)


def _strips(
    x: _Side, a: slice, y: _Side, b: slice, kernel: Kernel
) -> Iterator[tuple[slice, Floats]]:
    """Give the kernel of rows a and b in strips of rows, and which of x these are."""
    products, slope = x.near[a] @ y.near[b].T, kernel.slope(x.near.shape[1])
    for rows in blocks(len(products), STRIP_ROWS):
        part = slice(a.start + rows.start, a.start + rows.stop)
        strip = np.multiply(products[rows], slope, dtype=np.float64)
        strip += x.terms[part, None]
        strip += y.terms[b]
        kernel.shape(strip)
        yield part, strip


def _chosen_sum(in_a: Floats, kernel: Floats, in_b: Floats) -> Floats:
    return np.asarray(((in_a.T @ kernel) * in_b.T).sum(axis=1))
