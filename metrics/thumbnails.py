"""Images made small and grey: what stays of them when noise and detail are averaged away."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from metrics.extractors.base import Floats32, Images
from metrics.rows import Floats

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, what JPEG and most hashes call grey

COARSE_PX = 12
"""Fields a side of coarse pixels: of 7 to 28, they tell noisy copies of digits and clothes best."""

FAINT = 1.0
"""Grey levels of contrast that are not stretched: rounding makes as much."""


def coarse_pixels(images: Images) -> Floats32:
    """Return uint8 images (n, H, W, 1 or 3) as float32 (n, 144), near whatever looks the same.

    Grey, averaged over 12 × 12 fields, less the image's mean, over its contrast: noise, brightness and
    contrast hardly move it. A flat image is all zeros.
    """
    rows, columns = (averages(size, COARSE_PX) for size in images.shape[1:3])
    small = (rows @ grey(images) @ columns.T).reshape(len(images), -1)
    small -= small.mean(axis=1, keepdims=True)
    contrast = np.sqrt((small**2).mean(axis=1, keepdims=True) + FAINT**2)
    return np.asarray(small / contrast, np.float32)


def grey(images: Images) -> Floats:
    """Return the luma of uint8 images (n, H, W, 1 or 3), float64 (n, H, W) in [0, 255]."""
    red, green, blue = np.moveaxis(np.broadcast_to(images, (*images.shape[:3], 3)), 3, 0)
    return np.asarray(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)


def plain(image: Images) -> Images:
    """Return an image (H, W, 1 or 3) as (H, W, 1) if it is grey, whatever it was saved as."""
    if image.shape[2] == 3 and (image == image[..., :1]).all():
        return image[..., :1]
    return image


@lru_cache(maxsize=64)
def averages(source_px: int, target_px: int) -> Floats:
    """Return the (target_px, source_px) matrix of the share that each pixel has in each field.

    >>> averages(3, 2)
    array([[0.66666667, 0.33333333, 0.        ],
           [0.        , 0.33333333, 0.66666667]])
    """
    edges = np.arange(target_px + 1) * (source_px / target_px)
    pixels = np.arange(source_px)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(overlap.clip(0) * (target_px / source_px))
