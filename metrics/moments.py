"""Mean and covariance of features in float64, mergeable exactly over any split of the images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from metrics.errors import TooFewImages
from metrics.rows import Floats, feature_rows, require_same_dimensions

CHUNK_ROWS = 4096
"""Rows centred at once: bounds the copy while the matrix product stays efficient."""


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
    """Return the moments of finite features, shape (n, d) with n ≥ 1."""
    rows = feature_rows(features, at_least=1)
    starts = range(0, len(rows), CHUNK_ROWS)
    return merged(_of_chunk(rows[start : start + CHUNK_ROWS]) for start in starts)


def merged(parts: Iterable[Moments]) -> Moments:
    """Return the moments of all parts together, merged in the order given."""
    return reduce(Moments.merge, parts)


def _of_chunk(rows: Floats) -> Moments:
    mean = rows.mean(axis=0)
    deviations = rows - mean
    return Moments(len(rows), mean, deviations.T @ deviations)
