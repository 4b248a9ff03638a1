"""What became of images: the forged ones, and what the classifier says of them and of the originals."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifiers.shares import Share
from generators.data import Images

Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]
SHARED = "shared_queries"


@dataclass(frozen=True)
class Forged:
    """What a rung came to, for n images; success is judged on the 8 bits a pixel that people see.

    `images` uint8 (n, H, W, C) were made of `originals`; `predictions` and `clean_predictions` (n,)
    are the classifier's answers to both. `fooled` (n,): the target was reached or, without one, the
    label missed. `counted` (n,): whether that can be the attack's doing: the original was got right
    or, with a target, not taken for it. `queries` (n,) are the attack's; `shared_queries` were asked
    once for all images.
    """

    originals: Images
    images: Images
    predictions: Labels
    clean_predictions: Labels
    fooled: Mask
    counted: Mask
    queries: Labels
    shared_queries: int = 0

    def __len__(self) -> int:
        return len(self.images)

    @property
    def success(self) -> Share | None:
        """The share of counted images that fool, with Wilson's interval; None if none count."""
        n = int(self.counted.sum())
        return Share.of(int((self.fooled & self.counted).sum()), n) if n else None

    @property
    def sizes(self) -> dict[str, NDArray[np.float64]]:
        """How far each image was moved, (n,): l∞ as a share of the range of a pixel, and l2."""
        moved = (self.images.astype(np.float64) - self.originals) / 255
        flat = moved.reshape(len(moved), -1)
        return {"linf": np.abs(flat).max(axis=1), "l2": np.linalg.norm(flat, axis=1)}

    def arrays(self) -> dict[str, Any]:
        """Everything that there is one of for each image."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != SHARED}

    def rows(self, wanted: slice) -> Self:
        """Some of the images."""
        return replace(self, **{name: array[wanted] for name, array in self.arrays().items()})


def joined(parts: Sequence[Forged]) -> Forged:
    """The images of all parts, at least one, one after the other."""
    arrays = [part.arrays() for part in parts]
    whole: dict[str, Any] = {
        name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]
    }
    return replace(parts[0], **whole)


def mirrored(originals: Images, made: Images) -> Images:
    """The control of Elsayed et al. 2018: the same change, mirrored from left to right, clipped.

    All uint8 (n, H, W, C).

    >>> mirrored(np.array([[[[9], [9]]]], np.uint8), np.array([[[[9], [4]]]], np.uint8)).ravel()
    array([4, 9], dtype=uint8)
    """
    change = made.astype(np.int16) - originals
    return np.clip(originals + change[:, :, ::-1], 0, 255).astype(np.uint8)


def kept_within(originals: Images, made: Images, epsilon: float) -> Images:
    """The images with no value further than ε · 255 levels from the originals, all uint8.

    Rounding to 8 bits can lead out of a ball by half a level.

    >>> kept_within(np.array([9], np.uint8), np.array([23], np.uint8), 0.05)  # 12.75 levels
    array([21], dtype=uint8)
    """
    most = int(255 * epsilon + 1e-6)
    within: Images = np.clip(
        made, originals.astype(np.int16) - most, originals.astype(np.int16) + most
    )
    return within.astype(np.uint8)


def as_levels(images: Tensor) -> Images:
    """Images (n, C, H, W) in [0, 1] as people see them, uint8 (n, H, W, C)."""
    levels: Images = (255 * images).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))
