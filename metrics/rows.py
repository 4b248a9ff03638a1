"""Features as every metric wants them: float64 rows, finite, and enough of them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.errors import MetricError, NotFinite, TooFewImages

Floats = NDArray[np.float64]


def feature_rows(features: ArrayLike, *, at_least: int = 2) -> Floats:
    """Return features as a float64 (n, d) array.

    Raises MetricError if they are not two-dimensional, TooFewImages if n < at_least, and NotFinite
    naming the first image whose features are NaN or infinite.
    """
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise MetricError(f"features need shape (images, dimensions), got {rows.shape}")
    if len(rows) < at_least:
        raise TooFewImages(f"a set needs at least {at_least} images, got {len(rows)}")
    require_finite(rows)
    return rows


def require_same_dimensions(real: Floats, fake: Floats) -> None:
    """Raise MetricError unless both sets of rows have the same number of dimensions."""
    if real.shape[-1] != fake.shape[-1]:
        raise MetricError(
            "both sets need features of the same dimensions, "
            f"got {real.shape[-1]:,} (real) and {fake.shape[-1]:,} (fake)"
        )


def require_finite(rows: NDArray[np.floating], *, first_image: int = 0) -> None:
    """Raise NotFinite naming the first row with NaN or infinity, counted from first_image."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        raise NotFinite(
            f"features must be finite, got NaN or infinity in {bad.size:,} of {len(rows):,} "
            f"images, first in image {first_image + bad[0]:,}"
        )
