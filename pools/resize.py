"""Any image to a data set's size and channels: the centred square, then an antialiased resize."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pools.store import Images


def fit(image: Images, *, resolution_px: int, channels: int) -> Images:
    """uint8 (H, W, C) to (resolution_px, resolution_px, channels); a fitting image is untouched.

    The largest centred square is resized with Pillow's bicubic filter, whose support grows with
    the reduction. RGB becomes grey by ITU-R 601 luma; grey becomes RGB by repetition.

    >>> fit(np.zeros((40, 28, 3), np.uint8), resolution_px=14, channels=1).shape
    (14, 14, 1)
    """
    return resized(with_channels(image, channels), resolution_px)


def with_channels(image: Images, channels: int) -> Images:
    """uint8 (H, W, 1 or 3) to (H, W, channels), where channels is 1 or 3."""
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).convert("L"))[:, :, np.newaxis]


def resized(image: Images, resolution_px: int) -> Images:
    """The centred square of uint8 (H, W, C), as (resolution_px, resolution_px, C)."""
    height, width, channels = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == resolution_px:
        return np.ascontiguousarray(square)
    picture = Image.fromarray(np.ascontiguousarray(square[:, :, 0] if channels == 1 else square))
    small = picture.resize((resolution_px, resolution_px), Image.Resampling.BICUBIC)
    return np.asarray(small).reshape(resolution_px, resolution_px, channels)
