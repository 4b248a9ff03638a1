"""The same codes drawn at moments of a training, as an animation and as a strip."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from generators.data import Images
from pools.stimulus import encode_grid

MOST_FRAMES = 40
FRAME_MS, LAST_FRAME_MS = 150, 1_500
MOMENTS, BAR_PX = 6, 6


def animate(sheets: Sequence[Images], *, most_frames: int = MOST_FRAMES) -> bytes:
    """An endless WebP animation of sheets uint8 (H, W, 1 or 3), pixel for pixel, the last held.

    Of more than `most_frames`, as many evenly spaced ones are shown, with the first and the last.
    Raises ValueError if there are no sheets, or they differ in shape.
    """
    first, *others = [_picture(sheet) for sheet in chosen(sheets, most_frames)]
    out = BytesIO()
    first.save(
        out,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=[*([FRAME_MS] * len(others)), LAST_FRAME_MS],
        loop=0,
        lossless=True,
    )
    return out.getvalue()


def strip(sheets: Sequence[Images], *, moments: int = MOMENTS) -> bytes:
    """A PNG of at most so many evenly spaced sheets uint8 (H, W, 1 or 3), from left to right.

    White bars part them. Raises ValueError if there are no sheets, or they differ in shape.
    """
    bar = ((0, 0), (0, BAR_PX), (0, 0))
    parted = [np.pad(sheet, bar, constant_values=255) for sheet in chosen(sheets, moments)]
    return encode_grid(np.concatenate(parted, axis=1)[None, :, :-BAR_PX], 1)


def chosen(sheets: Sequence[Images], most: int) -> list[Images]:
    """At most so many of the sheets, evenly spaced, the first and the last among them.

    Raises ValueError as `animate` does, and for less than 1.

    >>> [int(sheet[0, 0, 0]) for sheet in chosen(np.arange(9, dtype=np.uint8).reshape(9, 1, 1, 1), 3)]
    [0, 4, 8]
    """
    shapes = {sheet.shape for sheet in sheets}
    if len(shapes) != 1 or most < 1:
        raise ValueError(
            f"at least 1 moment of sheets of one shape can be shown, got {most} of {len(sheets)} "
            f"sheets of shapes {sorted(shapes)}"
        )
    places = np.linspace(len(sheets) - 1, 0, min(most, len(sheets))).round().astype(int)
    return [sheets[place] for place in places[::-1]]


def read_sheets(folder: Path) -> list[Images]:
    """The sheets `*.png` of a run's folder of samples, uint8 (H, W, 1 or 3), in order.

    Raises ValueError if there are none, or one is damaged.
    """
    paths = sorted(folder.glob("*.png"))
    if not paths:
        raise ValueError(f"no sample sheets in {folder}: give the folder of a training")
    return [_pixels(path) for path in paths]


def _picture(sheet: Images) -> Image.Image:
    return Image.fromarray(sheet[..., 0] if sheet.shape[2] == 1 else sheet).convert("RGB")


def _pixels(path: Path) -> Images:
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
    except OSError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return pixels if pixels.ndim == 3 else pixels[..., None]
