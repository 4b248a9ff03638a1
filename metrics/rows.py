"""Features as every metric wants them: rows of numbers, finite, enough of them, never all copied."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.errors import MetricError, NotFinite, TooFewImages

Floats = NDArray[np.float64]
Rows = NDArray[np.float32] | NDArray[np.float64]

CHUNK_ROWS = 256
"""Rows turned to float64 at once: few enough to stay in the processor's cache."""


def feature_rows(features: ArrayLike, *, at_least: int = 2) -> Rows:
    """Return features as an (n, d) array: float32 as it came, memory map or not, else float64.

    Raises MetricError if they are not two-dimensional, TooFewImages if n < at_least, and NotFinite
    naming the first image whose features are NaN or infinite.
    """
    given = np.asarray(features)
    rows: Rows = given if given.dtype == np.float32 else np.asarray(given, np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise MetricError(f"features need shape (images, dimensions), got {rows.shape}")
    if len(rows) < at_least:
        raise TooFewImages(f"a set needs at least {at_least} images, got {len(rows)}")
    require_finite(rows)
    return rows


def both_rows(real: ArrayLike, fake: ArrayLike) -> tuple[Rows, Rows]:
    """Return the features of both sets as `feature_rows` does, of the same number of dimensions."""
    rows = feature_rows(real), feature_rows(fake)
    require_same_dimensions(*rows)
    return rows


def require_same_dimensions(real: Rows, fake: Rows) -> None:
    """Raise MetricError unless both sets of rows have the same number of dimensions."""
    if real.shape[-1] != fake.shape[-1]:
        raise MetricError(
            "both sets need features of the same dimensions, "
            f"got {real.shape[-1]:,} (real) and {fake.shape[-1]:,} (fake)"
        )


def require_finite(rows: NDArray[np.floating], *, first_image: int = 0) -> None:
    """Raise NotFinite naming the first row with NaN or infinity, counted from first_image."""
    finite = np.ones(len(rows), np.bool_)
    for part in blocks(len(rows), CHUNK_ROWS):
        finite[part] = np.isfinite(rows[part]).all(axis=1)
    bad = np.flatnonzero(~finite)
    if bad.size:
        raise NotFinite(
            f"features must be finite, got NaN or infinity in {bad.size:,} of {len(rows):,} "
            f"images, first in image {first_image + bad[0]:,}"
        )


def blocks(n: int, size: int, start: int = 0) -> Iterator[slice]:
    """Cut start to n into slices of at most `size`.

    >>> list(blocks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return (slice(at, min(at + size, n)) for at in range(start, n, size))


def float64_chunks(rows: Rows) -> Iterator[Floats]:
    """Give the rows in order, CHUNK_ROWS at a time, in float64."""
    return (rows[part].astype(np.float64) for part in blocks(len(rows), CHUNK_ROWS))


def mean_row(rows: Rows) -> Floats:
    """Return the mean over rows, shape (d,), summed in float64."""
    total = np.zeros(rows.shape[1])
    for chunk in float64_chunks(rows):
        total += chunk.sum(axis=0)
    return total / len(rows)
