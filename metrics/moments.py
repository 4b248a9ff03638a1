"""Mean and covariance of features in float64, mergeable exactly over any split of the images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.errors import TooFewImages
from metrics.rows import Floats, Rows, blocks, feature_rows, require_same_dimensions

CHUNK_ROWS = 4096
"""Rows centred at once, in float64: few enough for memory, enough for a fast matrix product."""


@dataclass(frozen=True)
class Moments:
    """The first two moments of n feature vectors: sufficient for a Fréchet distance.

    `mean` has shape (d,); `scatter`, shape (d, d), is the sum of outer products of the deviations
    from the mean, so that merging needs no division.
    """

    n: int
    mean: Floats
    scatter: Floats

    @property
    def covariance(self) -> Floats:
        """The unbiased covariance (divisor n - 1), shape (d, d)."""
        if self.n < 2:
            raise TooFewImages(f"a covariance needs at least 2 images, got {self.n}")
        return self.scatter / (self.n - 1)

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets together, by the pairwise update of Chan et al. (1979).

        >>> a, b = moments([[0.0], [2.0]]), moments([[7.0]])
        >>> merged = a.merge(b)
        >>> (merged.n, float(merged.mean[0]), float(merged.scatter[0, 0]))
        (3, 3.0, 26.0)
        """
        require_same_dimensions(self.mean, other.mean)
        n = self.n + other.n
        shift = other.mean - self.mean
        scatter = self.scatter + other.scatter
        scatter += np.outer(shift, shift * (self.n * other.n / n))
        return Moments(n, self.mean + shift * (other.n / n), scatter)


def moments(features: ArrayLike) -> Moments:
    """Return the moments of finite features, shape (n, d) with n ≥ 1, read a chunk at a time."""
    return row_moments(feature_rows(features, at_least=1))


def row_moments(rows: Rows, only: NDArray[np.intp] | None = None) -> Moments:
    """Return the moments of rows that are known to be finite, or of those with some indices."""
    parts = blocks(len(rows) if only is None else len(only), CHUNK_ROWS)
    return merged(_of_chunk(rows[part if only is None else only[part]]) for part in parts)


def merged(parts: Iterable[Moments]) -> Moments:
    """Return the moments of all parts together, merged in the order given."""
    return reduce(Moments.merge, parts)


def _of_chunk(rows: Rows) -> Moments:
    mean = rows.mean(axis=0, dtype=np.float64)
    deviations = rows - mean
    return Moments(len(rows), mean, deviations.T @ deviations)
