"""What a network makes of images on its way to the features, stage by stage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metrics.extractors.base import Floats32, Images, require_images

Stages = Callable[[Images], list[Floats32]]
"""Activations (size, c, h, w) of each stage, of exactly as many images as a pass has."""


def in_passes(images: Images, size: int, stages: Stages) -> list[Floats32]:
    """Return each stage's activations (n, c, h, w) of n ≥ 1 images, passes filled with blank ones.

    Raises ImageMismatch for what is no image.
    """
    require_images(images)
    parts = [
        _one(images[start : start + size], size, stages) for start in range(0, len(images), size)
    ]
    return [np.concatenate(stage) for stage in zip(*parts, strict=True)]


def _one(images: Images, size: int, stages: Stages) -> list[Floats32]:
    full = np.zeros((size, *images.shape[1:]), np.uint8)
    full[: len(images)] = images
    return [stage[: len(images)] for stage in stages(full)]
