"""Images by the pool, as metrics read them: a few at a time, and told apart by their digests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metrics.extractors.base import Images, require_images
from metrics.feature_cache import Digests
from metrics.thumbnails import plain
from pools import store
from pools.store import Labels

Positions = NDArray[np.int64] | Sequence[int]


class ImagePool(Protocol):
    """Images as pools/store.py keeps them: uint8, shape (N, H, W, C), read in ranges."""

    @property
    def shape(self) -> tuple[int, int, int, int]: ...
    @property
    def labels(self) -> Labels | None: ...
    def __len__(self) -> int: ...
    def read(self, start: int, stop: int) -> Images: ...
    def batches(self, size: int) -> Iterator[Images]: ...
    def content_hash(self) -> str: ...


@dataclass(frozen=True)
class ArrayPool:
    """An array of uint8 images (N, H, W, C), and their labels (N,) if any, that reads like a pool."""

    images: Images
    labels: Labels | None = None

    def __post_init__(self) -> None:
        require_images(self.images)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        count, height, width, channels = self.images.shape
        return count, height, width, channels

    def __len__(self) -> int:
        return len(self.images)

    def read(self, start: int, stop: int) -> Images:
        return self.images[start:stop]

    def batches(self, size: int) -> Iterator[Images]:
        return (self.images[start : start + size] for start in range(0, len(self), size))

    def content_hash(self) -> str:
        return store.content_hash(self.shape, self.batches(store.SHARD_IMAGES))


def read_at(pool: ImagePool, positions: Positions) -> Images:
    """Return the images at some positions of a pool, which is read forwards.

    >>> read_at(ArrayPool(np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)), [3, 0, 3]).ravel()
    array([3, 0, 3], dtype=uint8)
    """
    distinct, place = np.unique(positions, return_inverse=True)
    return np.concatenate([pool.read(at, at + 1) for at in distinct.tolist()])[place]


def digests(images: Images) -> Digests:
    """Return 64 bits of BLAKE2b of each image's pixels, shape (n,): equal pixels, equal digests.

    Grey images have the same whether they were saved as grey or as RGB.

    >>> digests(np.zeros((2, 1, 1, 1), np.uint8))
    array([5224996704525874836, 5224996704525874836], dtype=uint64)
    """
    found = (blake2b(plain(image).tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(found), np.dtype("<u8")).astype(np.uint64)
