"""A pool: N images of one size in a Zarr array, written in ranges by many, read one by one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import Store
from zarr.codecs import ZstdCodec
from zarr.core.sync import sync
from zarr.errors import ContainsArrayError
from zarr.storage import FsspecStore, LocalStore

from pools.errors import PoolError, told_as

__all__ = [
    "SHARD_IMAGES",
    "UNLABELLED",
    "Images",
    "Labels",
    "Pool",
    "PoolError",
    "content_hash",
    "create",
    "open_pool",
    "remove",
]

SHARD_IMAGES = 1024
"""Writers whose ranges start and end on multiples of this never touch the same object."""

CHUNK_BYTES = 64 * 1024
SHARD_BYTES = 64 * 1024 * 1024
MAX_RESOLUTION_PX = 4096
FORMAT_NAME, FORMAT_VERSION = "uncanny_pool", 1
KEEPS_BLACK = "keeps_black_images"
"""An attribute of pools whose black images are stored like others, so that what is absent is lost."""
UNLABELLED = -1
"""What `Pool.labels` holds for an image of a labelled pool that was written without a label."""

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """N images, uint8, shape (N, height, width, channels), at a local path or an fsspec URL."""

    url: str
    group: zarr.Group

    @cached_property
    def images(self) -> zarr.Array[Any]:
        """The array itself, for who needs more than `read` and `write`."""
        return _array(self.group, "images")

    @cached_property
    def shape(self) -> tuple[int, int, int, int]:
        count, height, width, channels = self.images.shape
        return count, height, width, channels

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def shard_images(self) -> int:
        """Images in one stored object: `SHARD_IMAGES`, or fewer of large images."""
        return _images_within(SHARD_BYTES, self.shape[1:])

    @property
    def labelled(self) -> bool:
        with told_as(PoolError, f"cannot read the pool {self.url}"):
            return "labels" in self.group

    @property
    def labels(self) -> Labels | None:
        """Class numbers, int64, shape (N,), or None if the pool was created without labels."""
        if not self.labelled:
            return None
        with told_as(PoolError, f"cannot read the labels of the pool {self.url}"):
            return np.asarray(_array(self.group, "labels")[:])

    def read(self, start: int, stop: int) -> Images:
        """Images start to stop (exclusive), uint8, shape (stop - start, H, W, C)."""
        self._require_range(start, stop)
        return np.asarray(self._get(slice(start, stop)))

    def image(self, index: int) -> Images:
        """One image, uint8, shape (H, W, C); decodes about 64 KiB, whatever the pool's size."""
        self._require_range(index, index + 1)
        return np.asarray(self._get(index))

    def batches(self, size: int) -> Iterator[Images]:
        """All images in order, `size` at a time; the last batch may be shorter."""
        if size < 1:
            raise PoolError(f"a batch needs at least 1 image, got {size}")
        for start in range(0, len(self), size):
            yield self.read(start, min(start + size, len(self)))

    def write(self, start: int, images: Images, labels: Labels | None = None) -> None:
        """Stores uint8 images (n, H, W, C), and their n labels, from position `start` on.

        Writers in different processes may work at once if each range starts and ends on a
        multiple of `SHARD_IMAGES` (or at the pool's end).
        """
        stop = start + len(images)
        self._require_range(start, stop)
        self._require_images(images)
        if labels is not None:
            self._require_labels(stop - start, labels)
        with told_as(PoolError, f"cannot write to the pool {self.url}"):
            if labels is not None:
                _array(self.group, "labels")[start:stop] = labels
            self.images.with_config({"write_empty_chunks": True})[start:stop] = images

    def require_whole(self) -> None:
        """Raise PoolError if images were never written, or not copied with the rest: they read as black.

        Of a pool of before black images were stored this cannot be told.
        """
        with told_as(PoolError, f"cannot read the pool {self.url}"):
            is_whole = self.images.nchunks_initialized >= self.images.nchunks
            keeps_black = self.group.attrs.get(KEEPS_BLACK)
        if keeps_black and not is_whole:
            raise PoolError(
                f"the pool {self.url} lacks some of its {len(self):,} images: it was copied in part, or "
                "is still being written"
            )

    def content_hash(self) -> str:
        """SHA-256 (hex) of shape and pixels: equal for equal images, however they are stored."""
        return content_hash(self.shape, self.batches(self.shard_images))

    def _get(self, where: int | slice) -> Any:
        with told_as(PoolError, f"cannot read the pool {self.url}"):
            return self.images[where]

    def _require_range(self, start: int, stop: int) -> None:
        if not 0 <= start < stop <= len(self):
            raise PoolError(
                f"the pool {self.url} holds images 0 to {len(self) - 1}, got {start} to {stop - 1}"
            )

    def _require_images(self, images: Images) -> None:
        if images.dtype != np.uint8 or images.shape[1:] != self.shape[1:]:
            raise PoolError(
                f"the pool {self.url} takes uint8 images of shape {self.shape[1:]}, "
                f"got {images.dtype} of shape {images.shape[1:]}"
            )

    def _require_labels(self, count: int, labels: Labels) -> None:
        if not self.labelled:
            raise PoolError(f"the pool {self.url} was created without labels, got {len(labels)}")
        if labels.shape != (count,) or labels.dtype.kind not in "iu":
            raise PoolError(
                f"{count} images need as many integer labels, "
                f"got {labels.dtype} of shape {labels.shape}"
            )


def create(
    url: str | Path,
    *,
    count: int,
    resolution_px: int,
    channels: int,
    labelled: bool = False,
    overwrite: bool = False,
) -> Pool:
    """A new pool of `count` square images, all black until written.

    Raises PoolError if the sizes make no sense, if the place cannot be written, or if it holds
    something already and `overwrite` is not set.
    """
    _require_sizes(count, resolution_px, channels)
    with told_as(PoolError, f"cannot create a pool at {url}"):
        place = _store(url, read_only=False)
        if not overwrite and not sync(place.is_empty("")):
            raise PoolError(f"there is something at {url} already")
        group = zarr.create_group(
            store=place,
            overwrite=overwrite,
            attributes={FORMAT_NAME: FORMAT_VERSION, KEEPS_BLACK: True},
        )
        _create_arrays(group, (count, resolution_px, resolution_px, channels), labelled)
    return Pool(str(url), group)


def open_pool(url: str | Path, *, writable: bool = False) -> Pool:
    """The pool at `url`; `writable` is for workers that fill their own ranges of it.

    Raises PoolError if there is none, or if it is damaged or of another format.
    """
    with told_as(PoolError, f"there is no readable pool at {url}"):
        place = _store(url, read_only=not writable)
        try:
            group = zarr.open_group(place, mode="r+" if writable else "r", zarr_format=3)
        except ContainsArrayError:
            raise PoolError(
                f"{url} is an array, and a pool is a group with an array of images in it"
            ) from None
        version = group.attrs.get(FORMAT_NAME)
    if version != FORMAT_VERSION:
        raise PoolError(f"{url} is no pool of format {FORMAT_VERSION}, its format is {version}")
    pool = Pool(str(url), group)
    if pool.images.ndim != 4 or pool.images.dtype != np.uint8:
        raise PoolError(
            f"a pool needs uint8 images of 4 dimensions, "
            f"got {pool.images.dtype} of {pool.images.ndim} at {url}"
        )
    return pool


def remove(url: str | Path) -> None:
    """Deletes the pool at `url`, finished or not; nothing happens if there is none."""
    with told_as(PoolError, f"cannot remove the pool at {url}"):
        sync(_store(url, read_only=False).delete_dir(""))


def content_hash(shape: tuple[int, ...], batches: Iterable[Images]) -> str:
    """SHA-256 (hex) over the shape (N, H, W, C) and the pixels, which may come in any batches."""
    digest = hashlib.sha256("uint8 {} {} {} {}\n".format(*shape).encode())
    for batch in batches:
        digest.update(np.ascontiguousarray(batch).data)
    return digest.hexdigest()


def _store(url: str | Path, *, read_only: bool) -> Store:
    scheme, separator, rest = str(url).partition("://")
    if separator and scheme != "file":
        return FsspecStore.from_url(str(url), read_only=read_only)
    return LocalStore(rest if separator else Path(url), read_only=read_only)


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    with told_as(PoolError, f"{group.store_path} has no readable array {name}"):
        member = group[name]
    if not isinstance(member, zarr.Array):
        raise PoolError(f"{name} in {group.store_path} is no array")
    return member


def _create_arrays(group: zarr.Group, shape: tuple[int, int, int, int], labelled: bool) -> None:
    image_shape = shape[1:]
    group.create_array(
        "images",
        shape=shape,
        dtype="uint8",
        chunks=(_images_within(CHUNK_BYTES, image_shape), *image_shape),
        shards=(_images_within(SHARD_BYTES, image_shape), *image_shape),
        compressors=[ZstdCodec(level=1, checksum=True)],
        fill_value=0,
        dimension_names=["image", "height", "width", "channel"],
    )
    if labelled:
        group.create_array(
            "labels",
            shape=shape[:1],
            dtype="int64",
            chunks=(SHARD_IMAGES,),
            fill_value=UNLABELLED,
            dimension_names=["image"],
        )


def _images_within(size_bytes: int, image_shape: tuple[int, ...]) -> int:
    """The largest power of two of images in `size_bytes`: from 1 to `SHARD_IMAGES`, a multiple."""
    fitting = size_bytes // math.prod(image_shape)
    return min(SHARD_IMAGES, 1 << max(fitting.bit_length() - 1, 0))


def _require_sizes(count: int, resolution_px: int, channels: int) -> None:
    if count < 1:
        raise PoolError(f"a pool needs at least 1 image, got {count}")
    if not 1 <= resolution_px <= MAX_RESOLUTION_PX:
        raise PoolError(f"resolution must be 1 to {MAX_RESOLUTION_PX} px, got {resolution_px}")
    if channels not in (1, 3):
        raise PoolError(f"images have 1 or 3 channels, got {channels}")
