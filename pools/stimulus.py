"""The bytes a browser gets: one encoder for every image, real or generated."""

from __future__ import annotations

from io import BytesIO
from math import ceil

import numpy as np
from PIL import Image

from pools.store import Images

MEDIA_TYPE = "image/png"
GAP_PX = 1


def encode(image: Images) -> bytes:
    """A PNG of one image, uint8 (H, W, 1 or 3), whose length depends on the shape alone.

    Nothing is compressed and nothing but the pixels is written: a real digit compresses better
    than a forged one, so that the size of a compressed file would tell them apart.

    >>> len(encode(np.zeros((28, 28, 1), np.uint8)))
    880
    """
    return _png(image, compress_level=0)


def encode_grid(images: Images, columns: int) -> bytes:
    """A compressed PNG of `grid(images, columns)`, for sheets of samples."""
    return _png(grid(images, columns), compress_level=6)


def grid(images: Images, columns: int) -> Images:
    """Images (N, H, W, C) in rows of `columns`, one black pixel apart; unused cells are black.

    >>> grid(np.ones((5, 28, 28, 3), np.uint8), 3).shape
    (57, 86, 3)
    """
    if columns < 1 or not len(images):
        raise ValueError(
            f"a grid needs at least 1 image and 1 column, got {len(images)} and {columns}"
        )
    count, height, width, channels = images.shape
    rows = ceil(count / columns)
    cells = np.zeros((rows * columns, height + GAP_PX, width + GAP_PX, channels), np.uint8)
    cells[:count, :height, :width] = images
    table = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    return table.reshape(rows * (height + GAP_PX), -1, channels)[:-GAP_PX, :-GAP_PX]


def _png(image: Images, compress_level: int) -> bytes:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(
            f"an image is uint8 (H, W, 1 or 3), got {image.dtype} of shape {image.shape}"
        )
    pixels = np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image)
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=compress_level)
    return out.getvalue()
