"""What a network makes of images on its way to the features, stage by stage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metrics.extractors.base import Floats32, Images
from metrics.extractors.passes import passes

Stages = Callable[[Images], list[Floats32]]
"""Activations (size, c, h, w) of each stage, of exactly as many images as a pass has."""


def in_passes(images: Images, size: int, stages: Stages, threads: int = 1) -> list[Floats32]:
    """Return each stage's activations (n, c, h, w) of n ≥ 1 images, passes filled with blank ones.

    Raises ImageMismatch for what is no image.
    """
    parts = [[stage[:n] for stage in found] for found, n in passes(images, size, stages, threads)]
    return [np.concatenate(stage) for stage in zip(*parts, strict=True)]
