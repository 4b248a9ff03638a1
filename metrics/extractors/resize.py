"""Resizing as matrix products, one along each axis, by the kernels of the published protocols."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CUBIC_A = -0.5  # Keys (1981), the choice of Pillow and of most published protocols
BAND_PX = 32
"""So many rows or columns at a time where an axis shrinks: each needs few of the source's."""

Kernel = Callable[[int, int], NDArray[np.float64]]
"""The (target_px, source_px) matrix that resamples one axis of source_px; its rows sum to 1."""


def bicubic(source_px: int, target_px: int) -> NDArray[np.float64]:
    """Pillow's BICUBIC: half-pixel centres, antialiased.

    The cubic of Keys (1981), widened by the reduction factor when the axis shrinks, renormalised at
    the borders.
    """
    centres = (np.arange(target_px) + 0.5) * source_px / target_px
    distance = np.abs(np.arange(source_px) + 0.5 - centres[:, None])
    weights = _cubic(distance / max(source_px / target_px, 1.0))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def bilinear(source_px: int, target_px: int) -> NDArray[np.float64]:
    """torch's interpolate(mode="bilinear", align_corners=False): half-pixel centres, not antialiased.

    Positions are rounded to float32, as there.

    >>> bilinear(2, 4)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    scale = np.float32(source_px) / np.float32(target_px)
    centres = np.arange(target_px, dtype=np.float32) + np.float32(0.5)
    return _between(centres * scale - np.float32(0.5), source_px)


def bilinear_tf1(source_px: int, target_px: int) -> NDArray[np.float64]:
    """TensorFlow 1's resize_bilinear(align_corners=False): corners instead of centres meet.

    Positions are rounded to float32, as there.

    >>> bilinear_tf1(2, 4)
    array([[1. , 0. ],
           [0.5, 0.5],
           [0. , 1. ],
           [0. , 1. ]])
    """
    scale = np.float32(source_px) / np.float32(target_px)
    return _between(np.arange(target_px, dtype=np.float32) * scale, source_px)


def resize(pixels: Tensor, size_px: int, kernel: Kernel = bicubic) -> Tensor:
    """Resize float32 (n, c, H, W) in [0, 255] to (n, c, size_px, size_px), clipped to [0, 255].

    An image that has the size already comes back as it is.
    """
    across = _along_last_axis(pixels.contiguous(), size_px, kernel)
    down = _along_last_axis(across.transpose(2, 3), size_px, kernel)
    return down.transpose(2, 3).clamp_(0.0, 255.0)


def _along_last_axis(pixels: Tensor, size_px: int, kernel: Kernel) -> Tensor:
    parts = [
        pixels[..., band] @ matrix.to(pixels.device)
        for band, matrix in _bands(kernel, pixels.shape[-1], size_px)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


@lru_cache(maxsize=64)
def _bands(kernel: Kernel, source_px: int, target_px: int) -> list[tuple[slice, Tensor]]:
    """Which part of an axis, and by which float32 matrix, makes each band of the target."""
    matrix = kernel(source_px, target_px)
    step = BAND_PX if source_px > target_px else target_px
    bands = []
    for rows in np.split(matrix, range(step, target_px, step)):
        used = np.flatnonzero(rows.any(axis=0))
        band = slice(int(used[0]), int(used[-1]) + 1)
        bands.append((band, torch.from_numpy(rows[:, band].T.astype(np.float32))))
    return bands


def _between(positions: NDArray[np.float32], source_px: int) -> NDArray[np.float64]:
    """Weights of a pixel's two neighbours; beyond the border is what is on it."""
    inside = positions.astype(np.float64).clip(0, source_px - 1)
    weights: NDArray[np.float64] = 1 - np.abs(np.arange(source_px) - inside[:, None])
    return weights.clip(0.0)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    a, x = CUBIC_A, distance
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
