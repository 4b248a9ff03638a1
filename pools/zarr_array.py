"""Images in a plain Zarr array of format 2 or 3, of which as few are read at once as lie together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore

from pools.entries import Entry, Source
from pools.errors import SourceError, told_as
from pools.npy import channels_last

READ_BYTES = 16 * 1024 * 1024
MAX_CHUNK_BYTES = 1024 * 1024 * 1024
"""A chunk is decoded as a whole, however few images of it are wanted."""


def opened_array(path: Path) -> zarr.Array[Any] | None:
    """Return the Zarr array at a folder, or None if there is a group; raises SourceError."""
    with told_as(SourceError, f"there is no readable Zarr in {path.name}"):
        found = zarr.open(LocalStore(path, read_only=True), mode="r")
    return found if isinstance(found, zarr.Array) else None


def source_of_zarr(array: zarr.Array[Any], name: str) -> Source:
    """uint8 images in the shapes that an .npz may have (`channels_last`), without labels."""
    with told_as(SourceError, f"cannot read {name}"):
        images = channels_last(np.broadcast_to(np.zeros((), array.dtype), array.shape), name)
        _require_chunks(array, name)
        step = _images_at_once(array)

    def entries() -> Iterator[Entry]:
        for start in range(0, len(images), step):
            with told_as(SourceError, f"cannot read {name}"):
                block = channels_last(np.asarray(array[start : start + step]), name)
            for index, image in enumerate(block, start):
                yield Entry(f"image {index}", None, partial(np.asarray, image))

    return Source(len(images), False, entries, warning=_warning(array, name))


def _warning(array: zarr.Array[Any], name: str) -> str:
    """Writers may leave out chunks that are all black, and copies that were broken off, any."""
    with told_as(SourceError, f"cannot read {name}"):
        absent = array.nchunks - array.nchunks_initialized
    if absent < 1:
        return ""
    return (
        f"{absent:,} of the {array.nchunks:,} chunks of {name} are absent and read as "
        f"{array.fill_value}: was it copied in part?"
    )


def _images_at_once(array: zarr.Array[Any]) -> int:
    """A multiple of the images of a chunk, so that none is decoded twice."""
    row = array.chunks[0] * math.prod(array.shape[1:])
    return int(array.chunks[0]) * max(READ_BYTES // row, 1)


def _require_chunks(array: zarr.Array[Any], name: str) -> None:
    needed = max(math.prod(array.chunks), array.chunks[0] * math.prod(array.shape[1:]))
    if needed > MAX_CHUNK_BYTES:
        raise SourceError(
            f"{name} lies in chunks of {array.chunks}, and whole images of them need "
            f"{needed:,} bytes of memory, of at most {MAX_CHUNK_BYTES:,}: save it in smaller chunks"
        )
