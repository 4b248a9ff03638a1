"""Antialiased resizing as two matrix products, one along each axis."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

CUBIC_A = -0.5  # Keys (1981), the choice of Pillow and of most published protocols


@lru_cache(maxsize=64)
def bicubic_weights(source_px: int, target_px: int) -> torch.Tensor:
    """Return the (target_px, source_px) float32 matrix that resamples one axis.

    The cubic of Keys (1981) with half-pixel centres, widened by the reduction factor when the axis
    shrinks (so it is antialiased) and renormalised at the borders, as Pillow's BICUBIC does.
    """
    scale = source_px / target_px
    widening = max(scale, 1.0)
    centres = (np.arange(target_px) + 0.5) * scale
    distance = np.abs(np.arange(source_px) + 0.5 - centres[:, None]) / widening
    weights = _cubic(distance)
    return torch.from_numpy((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def resize(pixels: torch.Tensor, size_px: int) -> torch.Tensor:
    """Resize float32 (n, c, H, W) in [0, 255] to (n, c, size_px, size_px), clipped to [0, 255]."""
    height, width = pixels.shape[-2:]
    rows = bicubic_weights(height, size_px)
    columns = bicubic_weights(width, size_px)
    return (rows @ pixels @ columns.T).clamp_(0.0, 255.0)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    a, x = CUBIC_A, distance
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
