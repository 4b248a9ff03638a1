"""Images as the browser gets them: PNG within the answer itself."""

from base64 import b64encode

import numpy as np

from pools import stimulus
from pools.store import Images

THUMB_PX, LARGE_PX, LARGEST_PX = 56, 256, 336


def as_address(image: Images) -> str:
    """One image, uint8 (H, W, C), as a data: address."""
    png = stimulus.encode_grid(image[np.newaxis], 1)
    return f"data:{stimulus.MEDIA_TYPE};base64,{b64encode(png).decode()}"


def as_addresses(images: Images) -> list[str]:
    """Images (N, H, W, C) as data: addresses."""
    return [as_address(image) for image in images]


def multiple(resolution_px: int, wanted_px: int) -> int:
    """The side that an image is drawn with: a whole multiple of its own, at most `wanted_px` if it can be.

    >>> multiple(28, THUMB_PX), multiple(64, LARGE_PX), multiple(128, THUMB_PX)
    (56, 256, 128)
    """
    return resolution_px * max(1, wanted_px // resolution_px)
