"""What every kind of source comes down to: files with names, and images that decode when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import IO

import numpy as np

from pools.store import Images, Labels


@dataclass(frozen=True)
class File:
    """A file in a folder or archive; `open` raises Rejection where there is nothing to read."""

    name: str
    size_bytes: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Entry:
    """One image: its name, its class number or None, and how to get its pixels."""

    name: str
    label: int | None
    decode: Callable[[], Images]
    """uint8 (H, W, 1 or 3); raises Rejection."""


@dataclass(frozen=True)
class Source:
    """Images in a fixed order; a context manager, since it may hold files open."""

    count: int
    labelled: bool
    entries: Callable[[], Iterator[Entry]]
    class_names: tuple[str, ...] | None = None
    resources: ExitStack = field(default_factory=ExitStack)
    warning: str = ""
    """What seems to be wrong with it, if anything."""

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Entry]:
        return self.entries()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.resources.close()


@dataclass(frozen=True)
class ImageSet:
    """Images in memory: uint8 (N, H, W, C), labels int64 (N,) or None, names of the classes."""

    images: Images
    labels: Labels | None
    class_names: tuple[str, ...] | None


def source_of_array(
    images: Images, labels: Labels | None = None, class_names: tuple[str, ...] | None = None
) -> Source:
    """A source of uint8 images (N, H, W, C) that are in memory, or mapped into it."""

    def entries() -> Iterator[Entry]:
        for index in range(len(images)):
            label = None if labels is None else int(labels[index])
            yield Entry(f"image {index}", label, partial(_nth, images, index))

    return Source(len(images), labels is not None, entries, class_names)


def _nth(images: Images, index: int) -> Images:
    return np.asarray(images[index])
