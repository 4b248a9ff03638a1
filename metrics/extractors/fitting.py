"""Images brought to a network's size and channels, as most published references do it."""

from __future__ import annotations

import numpy as np

from metrics.extractors.base import Images
from pools.resize import fit


def fitted(images: Images, side_px: int | None, channels: int) -> Images:
    """Return uint8 images (n, H, W, C) as (n, side_px, side_px, channels); None keeps their side.

    The centred square by Pillow's antialiased bicubic, which rounds to 8 bits; grey becomes RGB by
    repetition and RGB grey by ITU-R 601 luma. Images that fit are untouched.
    """
    side = side_px or min(images.shape[1:3])
    return np.stack([fit(image, resolution_px=side, channels=channels) for image in images])


def words(side_px: int | None, channels: int) -> str:
    """Return what `fitted` does, for the line that tells extractors apart.

    >>> words(28, 1)
    "centred square, Pillow's antialiased bicubic to 28 × 28 px, 8 bits, grey"
    """
    colours = "RGB" if channels == 3 else "grey"
    if side_px is None:
        return f"centred square, unresized, {colours}"
    return f"centred square, Pillow's antialiased bicubic to {side_px} × {side_px} px, 8 bits, {colours}"
