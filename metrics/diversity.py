"""LPIPS-like diversity: how different the images of a pool look from one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metrics.errors import MetricError, TooFewImages
from metrics.estimate import Estimate
from metrics.extractors.base import Images, require_images
from metrics.rows import Floats

PAIRS = 1000
BATCH_IMAGES = 16
EPSILON = 1e-10
"""As in LPIPS: keeps a position where no channel answers at 0."""

Stages = list[NDArray[np.float32]]


@runtime_checkable
class ActivationExtractor(Protocol):
    """An extractor whose network can be watched at several depths."""

    def activations(self, images: Images) -> Stages:
        """Return float32 arrays (n, c, h, w), one a stage, of n ≥ 1 uint8 images."""


def diversity(images: Images, extractor: object, *, pairs: int = PAIRS, seed: int = 0) -> Estimate:
    """Return the mean distance between two different images of a pool, uint8 (n, H, W, 1 or 3).

    The distance is that of Zhang et al. (2018) without learned weights (the `lpips=False` of their
    code) but on the extractor's stages: activations are scaled to length 1 over channels, squared
    differences summed over channels and averaged over positions. Here it is also averaged over
    stages, so that it is 0 for equal images and at most 2 for activations that are never negative,
    whatever the network. It is not LPIPS, and compares only with itself on the same extractor.

    The images are put in a random order drawn from `seed`, and each is compared with the next, up
    to `pairs` times: every image passes the network once and is in at most two pairs. The standard
    error counts on that: the mean's variance is (γ0 + 2 γ1) / pairs, with γ1 the covariance, not
    below 0, of pairs that share an image. It is None with fewer than 2 pairs.

    Raises MetricError for an extractor without `activations` or pairs < 1, ImageMismatch for other
    arrays, TooFewImages for n < 2.
    """
    require_images(images)
    if not isinstance(extractor, ActivationExtractor):
        name = getattr(extractor, "name", type(extractor).__name__)
        raise MetricError(f"diversity needs an extractor with activations, {name} has none")
    if pairs < 1:
        raise MetricError(f"diversity needs at least 1 pair, got {pairs}")
    if len(images) < 2:
        raise TooFewImages(f"diversity needs at least 2 images, got {len(images)}")
    order = np.random.default_rng(seed).permutation(len(images))[: pairs + 1]
    steps = _steps(images, order, extractor)
    distances = np.concatenate([_distances(a, b) for a, b in steps])
    return Estimate(
        float(distances.mean()),
        _se(distances),
        f"{len(distances):,} pairs, each image in two",
        freedom=len(distances) - 1,
    )


def _steps(
    images: Images, order: NDArray[np.intp], extractor: ActivationExtractor
) -> Iterator[tuple[Stages, Stages]]:
    """Yield the stages of images and of those next in order, a batch at a time."""
    last = extractor.activations(images[order[:1]])
    for start in range(1, len(order), BATCH_IMAGES):
        batch = extractor.activations(images[order[start : start + BATCH_IMAGES]])
        before = [np.concatenate([a, b[:-1]]) for a, b in zip(last, batch, strict=True)]
        yield before, batch
        last = [stage[-1:] for stage in batch]


def _distances(a: Stages, b: Stages) -> Floats:
    """Return the distance of each image of a to that of b, shape (n,)."""
    stages = [
        ((_unit(x) - _unit(y)) ** 2).sum(axis=1).mean(axis=(1, 2))
        for x, y in zip(a, b, strict=True)
    ]
    return np.asarray(np.mean(stages, axis=0))


def _unit(stage: NDArray[np.float32]) -> Floats:
    wide = stage.astype(np.float64)
    return np.asarray(wide / (np.sqrt((wide**2).sum(axis=1, keepdims=True)) + EPSILON))


def _se(distances: Floats) -> float | None:
    n = len(distances)
    if n < 2:
        return None
    deviations = distances - distances.mean()
    shared = max(0.0, deviations[1:] @ deviations[:-1] / (n - 1))
    return float(np.sqrt((distances.var(ddof=1) + 2 * shared) / n))
