"""Any number of images through a network in passes of one size, so that batching changes no digit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
    return next(streamed([images], size, network, threads))


def streamed(
    chunks: Iterable[Images], size: int, network: Pass, threads: int = 1
) -> Iterator[Features]:
    """Yield what `in_passes` returns of each chunk of images, without a pause between chunks.

    The next chunk is taken while one is in the network, so that no thread waits for the last pass
    of a chunk. Close the generator to break off what has not begun.
    """
    for found in _begun_ahead(chunks, size, network, threads):
        parts = [_first(n, each) for each, n in found]
        probabilities = [part.probabilities for part in parts if part.probabilities is not None]
        yield Features(
            np.concatenate([part.features for part in parts]),
            np.concatenate(probabilities) if probabilities else None,
        )


def passes(
    images: Images, size: int, network: Callable[[Images], Found], threads: int = 1
) -> list[tuple[Found, int]]:
    """Return what the network makes of each pass, and of how many images; `threads` at a time.

    Raises ImageMismatch for what is no image.
    """
    return next(_begun_ahead([images], size, network, threads))


def _begun_ahead(
    chunks: Iterable[Images], size: int, network: Callable[[Images], Found], threads: int
) -> Iterator[list[tuple[Found, int]]]:
    begun: deque[list[tuple[Future[Found], int]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for images in chunks:
                full = list(full_passes(images, size))
                begun.append([(pool.submit(network, each), n) for each, n in full])
                if len(begun) > 1:
                    yield [(each.result(), n) for each, n in begun.popleft()]
            if begun:
                yield [(each.result(), n) for each, n in begun.popleft()]
        finally:
            pool.shutdown(cancel_futures=True)


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
