"""Pictures from pictures: what a trained translation makes of real images, or of ready inputs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.config import Translation
from generators.data import Images
from generators.noise import BLOCK_IMAGES
from generators.pairs import input_shape, inputs_of
from generators.sampling import TrainedGenerator, pixels

BACK = "back"
BATCH = 4 * BLOCK_IMAGES


class TranslationError(ValueError):
    """Images that a generator cannot translate; the message says what was got and wanted."""


@dataclass(frozen=True)
class Originals:
    """The images (N, H, W, C) that a pool is made from, and the classes (N,) that it will show."""

    images: Images
    labels: NDArray[np.int64] | None


def translates(generator: TrainedGenerator) -> bool:
    """Whether the generator makes images of images, and not of noise."""
    return generator.config.translation.task != "none"


def translate(generator: TrainedGenerator, images: Images, *, back: bool = False) -> Images:
    """What the generator makes of images as its data set has them, uint8 (N, H, W, C) both.

    The input, such as the edges, is derived from each. With `back` a CycleGAN makes images of
    `from_class` of those of `to_class`. Raises TranslationError for images of another kind.
    """
    return apply(generator, inputs(generator, images), back=back)


def inputs(generator: TrainedGenerator, images: Images) -> Images:
    """The inputs uint8 (N, h, w, c) that are derived from images uint8 (N, H, W, C)."""
    check_direction(generator, back=False)
    shape = generator.shape
    _require(images, shape.channels, shape.resolution_px, "images")
    return pixels(inputs_of(generator.config.translation, _signed(images)))


@torch.inference_mode()
def apply(generator: TrainedGenerator, inputs: Images, *, back: bool = False) -> Images:
    """What the generator makes of ready inputs uint8 (N, h, w, c): drawings, or small images."""
    check_direction(generator, back=back)
    shape = generator.shape
    wanted = input_shape(generator.config.translation, shape.channels, shape.resolution_px)
    _require(inputs, *wanted, "inputs")
    network = generator.others[BACK] if back else generator.network
    device = next(network.parameters()).device
    blocks = torch.split(_signed(inputs).to(device), BLOCK_IMAGES)
    return np.concatenate([pixels(network(block)) for block in blocks])


def originals(
    translation: Translation,
    images: Images,
    labels: NDArray[Any] | None,
    count: int | None = None,
    *,
    seed: int,
) -> Originals:
    """`count` of the images (None: all) in an order fixed by the seed, none of them twice.

    For a CycleGAN they are of `from_class`, and what is made of them shows `to_class`; elsewhere it
    shows the image's own class. Raises TranslationError if there are fewer.
    """
    rows, words = np.arange(len(images)), "images"
    if translation.task == "classes":
        words = f"images of class {translation.from_class}"
        rows = rows[:0] if labels is None else np.flatnonzero(labels == translation.from_class)
    count = len(rows) if count is None else count
    if not 1 <= count <= len(rows):
        raise TranslationError(
            f"a pool of {count:,} images needs as many inputs, each used once: there are "
            f"{len(rows):,} {words}"
        )
    rows = np.random.default_rng(seed).permutation(rows)[:count]
    if labels is None:
        return Originals(images[rows], None)
    shown = labels[rows].astype(np.int64)
    if translation.task == "classes":
        shown = np.full_like(shown, translation.to_class)
    return Originals(images[rows], shown)


def translations(
    generator: TrainedGenerator,
    images: Images,
    *,
    back: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Images]:
    """`translate`, in batches; `progress` is called with the number of images made so far."""
    for start in range(0, len(images), BATCH):
        made = translate(generator, images[start : start + BATCH], back=back)
        yield made
        if progress:
            progress(start + len(made))


def check_direction(generator: TrainedGenerator, *, back: bool) -> None:
    """Raises TranslationError unless the generator translates images, in this direction."""
    title = generator.config.title
    if not translates(generator):
        raise TranslationError(f"{title!r} makes images of noise, not of images")
    if back and BACK not in generator.others:
        raise TranslationError(f"{title!r} leads one way only: a model 'cyclegan' leads back too")


def _require(images: Images, channels: int, side_px: int, what: str) -> None:
    if (
        images.dtype != np.uint8
        or images.shape[1:] != (side_px, side_px, channels)
        or not len(images)
    ):
        raise TranslationError(
            f"{what} must be uint8 (N, {side_px}, {side_px}, {channels}), at least one, got "
            f"{images.dtype} {images.shape}"
        )


def _signed(images: Images) -> Tensor:
    """Images uint8 (N, H, W, C) as float (N, C, H, W) in [−1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
