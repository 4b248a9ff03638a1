"""Images and labels in the idx files that MNIST made common, gzipped or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from math import prod
from pathlib import PurePosixPath

import numpy as np

from pools.entries import File, Source, source_of_array
from pools.errors import SourceError
from pools.store import Images, Labels
from pools.unpack import unpacked

MAGIC = b"\x00\x00\x08"
NAME = re.compile(r"(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?", re.IGNORECASE)
PREFIXES = {"train": "train", "test": "t10k"}


def has_idx(files: Sequence[File]) -> bool:
    return any(NAME.fullmatch(_base_name(file)) for file in files)


def source_of_idx(files: Sequence[File], split: str, stack: ExitStack) -> Source:
    """The training or test half of the four classic files; labels may be absent."""
    images = _find(files, PREFIXES[split], "images")
    if images is None:
        raise SourceError(f"there is no {PREFIXES[split]}-images-idx3-ubyte among the idx files")
    return source_of_pair(images, _find(files, PREFIXES[split], "labels"), stack)


def source_of_pair(images: File, labels: File | None, stack: ExitStack) -> Source:
    """Images from one idx file, and their labels from another, if there is one."""
    pixels = _array(images, 3, stack)[..., np.newaxis]
    if labels is None:
        return source_of_array(pixels)
    return source_of_array(pixels, _labels(labels, len(pixels), stack))


def labels_name(images_name: str) -> str:
    """The name of the labels that belong to a file of images.

    >>> labels_name("t10k-images-idx3-ubyte.gz")
    't10k-labels-idx1-ubyte.gz'
    """
    return images_name.replace("images", "labels").replace("idx3", "idx1")


def _labels(file: File, count: int, stack: ExitStack) -> Labels:
    labels = _array(file, 1, stack)
    if len(labels) != count:
        raise SourceError(f"{file.name} has {len(labels)} labels for {count} images")
    return labels.astype(np.int64)


def _find(files: Sequence[File], prefix: str, kind: str) -> File | None:
    for file in files:
        match = NAME.fullmatch(_base_name(file))
        if match and match[1].lower() == prefix and match[2].lower() == kind:
            return file
    return None


def _array(file: File, dimensions: int, stack: ExitStack) -> Images:
    plain = unpacked(file, stack)
    header = plain.read(4)
    if header != MAGIC + bytes([dimensions]):
        raise SourceError(
            f"{file.name} is no idx file of bytes in {dimensions} dimensions: "
            f"it starts with {header.hex(' ')}"
        )
    shape = tuple(int.from_bytes(plain.read(4), "big") for _ in range(dimensions))
    offset = 4 * (1 + dimensions)
    size_bytes = plain.seek(0, 2)
    if not prod(shape):
        raise SourceError(f"{file.name} is empty: its shape is {shape}")
    if size_bytes != offset + prod(shape):
        raise SourceError(
            f"{file.name} should have {offset + prod(shape):,} bytes for {shape}, "
            f"got {size_bytes:,}"
        )
    return np.memmap(plain, np.uint8, "r", offset, shape)


def _base_name(file: File) -> str:
    return PurePosixPath(file.name).name
