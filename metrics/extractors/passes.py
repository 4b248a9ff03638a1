"""Any number of images through a network in passes of one size, so that batching changes no digit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from metrics.extractors.base import Features, Images, require_images

Pass = Callable[[Images], Features]
"""Features of exactly as many images as a pass has."""

Found = TypeVar("Found")


def in_passes(images: Images, size: int, network: Pass, threads: int = 1) -> Features:
    """Return the features of n ≥ 1 uint8 images (n, H, W, C), each pass filled up with blank ones.

    The rounding of a matrix product depends on its size: only passes of one size give an image the
    same features alone and among others. Raises ImageMismatch for what is no image.
    """
    parts = [_first(n, found) for found, n in passes(images, size, network, threads)]
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    return Features(
        np.concatenate([part.features for part in parts]),
        np.concatenate(probabilities) if probabilities else None,
    )


def passes(
    images: Images, size: int, network: Callable[[Images], Found], threads: int = 1
) -> list[tuple[Found, int]]:
    """Return what the network makes of each pass, and of how many images; `threads` at a time.

    Raises ImageMismatch for what is no image.
    """
    full = list(full_passes(images, size))
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(network, [each for each, _ in full])
        return list(zip(found, [n for _, n in full], strict=True))


def full_passes(images: Images, size: int) -> Iterator[tuple[Images, int]]:
    """Yield `size` images at a time, the last filled up with blank ones, and how many are none.

    Raises ImageMismatch for what is no image.
    """
    require_images(images)
    for start in range(0, len(images), size):
        part = images[start : start + size]
        full = np.zeros((size, *images.shape[1:]), np.uint8)
        full[: len(part)] = part
        yield full, len(part)


def _first(n: int, found: Features) -> Features:
    probabilities = found.probabilities
    return Features(found.features[:n], None if probabilities is None else probabilities[:n])
