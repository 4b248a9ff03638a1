"""Images and labels in NumPy's own files: an .npz, an .npy, or the .npy files of a folder or archive."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import prod
from pathlib import PurePosixPath
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from pools.entries import File, Source, source_of_array
from pools.errors import SourceError, told_as
from pools.store import Images, Labels
from pools.unpack import unpacked

IMAGE_KEYS = {
    "train": ("images", "x", "arr_0", "x_train", "train_images"),
    "test": ("x_test", "test_images"),
}
LABEL_KEYS = {
    "train": ("labels", "y", "arr_1", "y_train", "train_labels", "label", "targets"),
    "test": ("y_test", "test_labels"),
}
STATISTICS = frozenset({"mu", "sigma", "mu_s", "sigma_s", "n", "extractor"})
"""What lies beside images in reference batches."""

MAGIC = npy_format.MAGIC_PREFIX
HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def has_npy(files: Sequence[File]) -> bool:
    return bool(files) and all(file.name.endswith(".npy") for file in files)


def source_of_npy(files: Sequence[File], split: str, stack: ExitStack) -> Source:
    """uint8 images (N, H, W), (N, H, W, C) or (N, C, H, W), and integer labels (N,) if any.

    Both are known by their names; images that nothing but labels lies beside may have any name.
    """
    by_key = {PurePosixPath(file.name).stem.lower(): file for file in files}
    images = _first(by_key, IMAGE_KEYS[split]) or (_only(by_key) if split == "train" else None)
    if images is None:
        wanted = ", ".join(IMAGE_KEYS[split])
        raise SourceError(f"images for {split} are looked for as {wanted}; got {', '.join(by_key)}")
    pixels = channels_last(_mapped(images, stack), images.name)
    labels = _first(by_key, LABEL_KEYS[split])
    numbers = None if labels is None else _labels(_mapped(labels, stack), len(pixels), labels.name)
    warning = _unread(by_key, {images, labels}, split)
    return replace(source_of_array(pixels, numbers), warning=warning)


def source_of_one_npy(plain: IO[bytes], name: str) -> Source:
    """Images of a single .npy file, in the shapes above; it is mapped where it lies."""
    return source_of_array(channels_last(_array(plain, name), name))


def channels_last(images: NDArray[Any], name: str) -> Images:
    """A view as (N, H, W, 1 or 3) of uint8 images in any usual order of axes.

    >>> channels_last(np.zeros((5, 3, 32, 32), np.uint8), "images").shape
    (5, 32, 32, 3)
    """
    if images.dtype != np.uint8 and images.ndim in (3, 4):
        raise SourceError(
            f"{name} must be uint8 with values 0 to 255, got {images.dtype}: "
            f"scale the images and save them as uint8"
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim == 4 and images.shape[3] not in (1, 3) and images.shape[1] in (1, 3):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or not images.size:
        raise SourceError(
            f"{name} must have shape (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels, "
            f"got {images.dtype} of shape {images.shape}"
        )
    return images


def header(plain: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and dtype, as an .npy file begins with them."""
    reader = HEADER_READERS.get(npy_format.read_magic(plain), npy_format.read_array_header_2_0)
    return reader(plain)


def _labels(labels: NDArray[Any], count: int, name: str) -> Labels:
    if labels.size != count or labels.shape[:1] != (count,) or labels.dtype.kind not in "iu":
        raise SourceError(
            f"{name} must be {count:,} integers, got {labels.dtype} of shape {labels.shape}"
        )
    return labels.reshape(count).astype(np.int64)


def _mapped(file: File, stack: ExitStack) -> NDArray[Any]:
    """The array of one .npy file, mapped from a temporary copy."""
    return _array(unpacked(file, stack), file.name)


def _array(plain: IO[bytes], name: str) -> NDArray[Any]:
    """The array of an .npy file, mapped; nothing pickled is accepted."""
    with told_as(SourceError, f"cannot read {name}"):
        shape, fortran, dtype = header(plain)
        if dtype.hasobject:
            raise SourceError(f"{name} holds Python objects, which could run code: refused")
        offset, size_bytes = plain.tell(), plain.seek(0, 2)
        wanted_bytes = prod(shape) * dtype.itemsize
        if not wanted_bytes:
            raise SourceError(f"{name} is empty: its shape is {shape}")
        if size_bytes - offset < wanted_bytes:
            raise SourceError(
                f"{name} needs {wanted_bytes:,} bytes for {dtype} of shape {shape}, "
                f"got {size_bytes - offset:,}"
            )
        return np.memmap(plain, dtype, "r", offset, shape, "F" if fortran else "C")


def _unread(by_key: dict[str, File], read: set[File | None], split: str) -> str:
    """What to say of arrays that are neither images, labels nor statistics: they may be meant to be."""
    known = {key for keys in (IMAGE_KEYS, LABEL_KEYS) for key in keys["test"]} | STATISTICS
    if split == "test":
        known |= {key for keys in (IMAGE_KEYS, LABEL_KEYS) for key in keys["train"]}
    names = [key for key, file in by_key.items() if file not in read and key not in known]
    if not names:
        return ""
    wanted = ", ".join(LABEL_KEYS[split])
    return (
        f"{', '.join(names)} beside the images: not read, since labels are looked for as {wanted}"
    )


def _first(by_key: dict[str, File], keys: Sequence[str]) -> File | None:
    return next((by_key[key] for key in keys if key in by_key), None)


def _only(by_key: dict[str, File]) -> File | None:
    """The file whose name says nothing, if there is one."""
    told = {*IMAGE_KEYS["test"], *LABEL_KEYS["train"], *LABEL_KEYS["test"]}
    unknown = [file for key, file in by_key.items() if key not in told]
    return unknown[0] if len(unknown) == 1 else None
