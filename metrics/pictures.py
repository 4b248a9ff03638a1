"""A picture of samples beside the real images nearest to them: the closest and the farthest."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from metrics.errors import TooFewImages
from metrics.extractors.base import Images, require_images

LEAST_PX, MOST_PX = 96, 160
"""An image is shown at its first whole multiple of at least, or shrunk to at most, this size."""

ACROSS = 4
MARGIN_PX, GAP_PX, ROW_GAP_PX, INNER_PX, FRAME_PX = 44, 40, 20, 8, 3
TITLE_PX, HEADING_PX, TEXT_PX, LABEL_PX = 26, 18, 14, 15
PAPER, INK, QUIET, ACCENT = "#fbfaf7", "#1c1b19", "#6d6a64", "#0072b2"

TITLE = "Samples and the real images nearest to them"
CLOSEST, FARTHEST = "Closest to a training image", "Farthest from any training image"
NOTE = """Framed: the sample. Beside it: the nearest training image{held_out}.
Below: how far the sample is from that training image. 0 is an exact copy;
1 is as far as that training image is from its own fifth neighbour."""  # ASCII: the font has no more


@dataclass(frozen=True)
class Comparison:
    """A sample and the real images nearest to it, each uint8 (H, W, 1 or 3), and `Match.ratio`.

    `held_out` is None where no images were held out.
    """

    sample: Images
    train: Images
    held_out: Images | None
    ratio: float

    @property
    def images(self) -> tuple[Images, ...]:
        """The images from left to right."""
        shown = (self.sample, self.train)
        return shown if self.held_out is None else (*shown, self.held_out)


def neighbour_sheet(closest: Sequence[Comparison], farthest: Sequence[Comparison]) -> bytes:
    """Return a PNG that shows both lists in order, four comparisons across, on light ground.

    Small images grow by whole multiples without smoothing, so that every pixel can be judged;
    large ones shrink. Raises TooFewImages if both lists are empty, ImageMismatch for other arrays.
    """
    sections = [(name, each) for name, each in ((CLOSEST, closest), (FARTHEST, farthest)) if each]
    if not sections:
        raise TooFewImages("a picture needs at least 1 comparison, got 0")
    heading = _heading(any(each.held_out is not None for each in (*closest, *farthest)))
    sheet = _stacked([heading, *(_section(*section) for section in sections)], GAP_PX)
    file = io.BytesIO()
    _framed(sheet, MARGIN_PX, PAPER).save(file, "PNG")
    return file.getvalue()


def _heading(has_held_out: bool) -> Image.Image:
    note = NOTE.format(held_out=", then the nearest held-out image" if has_held_out else "")
    return _stacked([_text(TITLE, TITLE_PX, INK), _text(note, TEXT_PX, QUIET)], INNER_PX)


def _section(name: str, comparisons: Sequence[Comparison]) -> Image.Image:
    strips = [_strip(each) for each in comparisons]
    rows = [strips[start : start + ACROSS] for start in range(0, len(strips), ACROSS)]
    grid = [_row(row, GAP_PX) for row in rows]
    return _stacked([_text(name, HEADING_PX, INK), *grid], ROW_GAP_PX)


def _strip(comparison: Comparison) -> Image.Image:
    """Return a comparison's images in a row, the sample framed, and its ratio below them."""
    sample, *reals = (_shown(image) for image in comparison.images)
    tiles = [_framed(sample, FRAME_PX, ACCENT), *(_framed(real, FRAME_PX, PAPER) for real in reals)]
    ratio = f"{comparison.ratio:.2f}" if np.isfinite(comparison.ratio) else "infinitely far"
    return _stacked([_row(tiles, INNER_PX), _text(ratio, LABEL_PX, INK)], INNER_PX)


def _shown(image: Images) -> Image.Image:
    require_images(image[None])
    picture = Image.fromarray(np.broadcast_to(image, (*image.shape[:2], 3)).copy())
    longest = max(picture.size)
    if longest > MOST_PX:
        size = [max(1, round(side * MOST_PX / longest)) for side in picture.size]
        return picture.resize(size, Image.Resampling.LANCZOS)
    multiple = -(-LEAST_PX // longest)
    return picture.resize([side * multiple for side in picture.size], Image.Resampling.NEAREST)


def _row(parts: Sequence[Image.Image], gap_px: int) -> Image.Image:
    width = sum(part.width for part in parts) + gap_px * (len(parts) - 1)
    joined = Image.new("RGB", (width, max(part.height for part in parts)), PAPER)
    left = 0
    for part in parts:
        joined.paste(part, (left, 0))
        left += part.width + gap_px
    return joined


def _stacked(parts: Sequence[Image.Image], gap_px: int) -> Image.Image:
    turned = [part.transpose(Image.Transpose.TRANSPOSE) for part in parts]
    return _row(turned, gap_px).transpose(Image.Transpose.TRANSPOSE)


def _framed(picture: Image.Image, width_px: int, colour: str) -> Image.Image:
    return ImageOps.expand(picture, width_px, colour)


def _text(words: str, size_px: int, colour: str) -> Image.Image:
    font = ImageFont.load_default(size_px)
    spacing = size_px // 2
    box = ImageDraw.Draw(Image.new("RGB", (1, 1))).multiline_textbbox(
        (0, 0), words, font, spacing=spacing
    )
    line = Image.new("RGB", (math.ceil(box[2]), math.ceil(box[3])), PAPER)
    ImageDraw.Draw(line).multiline_text((0, 0), words, colour, font, spacing=spacing)
    return line
