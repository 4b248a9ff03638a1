"""Images of a folder, archive or file of any size, decoded as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from metrics.errors import ImageMismatch, MetricError
from metrics.extractors.base import Images
from metrics.features import Progress
from pools import store
from pools.entries import Entry, Source
from pools.errors import BadImages, Rejected, Rejection
from pools.resize import with_channels
from pools.sources import open_source
from pools.store import Labels


@dataclass
class SourcePool:
    """The images that `open_images` found: a pool, which pickles without its open files.

    Labels (N,) are class numbers, or None; `class_names` are their names, where classes have any.
    """

    path: str | Path
    split: str
    shape: tuple[int, int, int, int]
    labels: Labels | None
    class_names: tuple[str, ...] | None
    warning: str
    """What seems to be wrong with the source; empty if nothing does."""
    _hash: str | None
    _reader: _Reader | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, start: int, stop: int) -> Images:
        """Images start to stop (exclusive); to read on from the last ones opens nothing anew."""
        if self._reader is None or self._reader.at > start:
            self._reader = _Reader(self._opened())
        return np.stack([self._image(each) for each in self._reader.entries(start, stop)])

    def batches(self, size: int) -> Iterator[Images]:
        """All images in order, `size` at a time; the last batch may be shorter."""
        for start in range(0, len(self), size):
            yield self.read(start, min(start + size, len(self)))

    def content_hash(self) -> str:
        """The hash that pools/store.py gives to these pixels."""
        if self._hash is None:
            self._hash = store.content_hash(self.shape, self.batches(store.SHARD_IMAGES))
        return self._hash

    def numbered_as(self, other: SourcePool) -> SourcePool:
        """The same pool, whose classes have the numbers that their names have in another.

        Names that the other has not come after its own. Without names on either side, numbers
        are taken to mean the same.
        """
        if self.labels is None or not self.class_names or not other.class_names:
            return self
        names = tuple(dict.fromkeys([*other.class_names, *self.class_names]))
        numbers = np.array([names.index(name) for name in self.class_names])
        return replace(self, labels=numbers[self.labels], class_names=names, _reader=None)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_reader": None}

    def _opened(self) -> Source:
        source = open_source(self.path, split=self.split)
        if len(source) != len(self):
            raise MetricError(
                f"{self.path} has changed: it had {len(self):,} images, got {len(source):,}"
            )
        return source

    def _image(self, entry: Entry) -> Images:
        try:
            image = with_channels(entry.decode(), self.shape[3])
        except Rejection as reason:
            refused = Rejected(entry.name, str(reason))
            raise MetricError(f"{self.path} has changed: {refused}") from None
        if image.shape != self.shape[1:]:
            raise ImageMismatch(f"{self.path} has changed: {entry.name} is of another size")
        return image


def open_images(
    path: str | Path, *, split: str = "train", progress: Progress | None = None
) -> SourcePool:
    """Look at every image of a source, and return them as a pool that decodes them when read.

    `path` and `split` are what pools.sources.open_source takes. Images must all be of one size;
    grey ones become RGB where any is RGB. Raises MetricError naming the source and every file of
    it that cannot be taken, SourceError if there is no such source.
    """
    with open_source(path, split=split) as source:
        survey = _Survey(source, progress)
        images = survey.images()
        first = next(images, None)
        if first is None:
            raise MetricError(f"{path}: {BadImages(survey.rejected)}")
        content_hash = store.content_hash((len(source), *first.shape), chain([first], images))
    if survey.rejected:
        raise MetricError(f"{path}: {BadImages(survey.rejected)}")
    height, width, _ = first.shape
    channels = max(survey.channels)
    return SourcePool(
        path,
        split,
        (len(source), height, width, channels),
        np.array(survey.labels, np.int64) if source.labelled else None,
        source.class_names,
        source.warning,
        content_hash if len(survey.channels) == 1 else None,
    )


class _Reader:
    """A source read forwards."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._entries = iter(source)
        self.at = 0

    def entries(self, start: int, stop: int) -> Iterator[Entry]:
        skipped, self.at = start - self.at, stop
        return islice(self._entries, skipped, skipped + stop - start)


@dataclass
class _Survey:
    """What there is to know of a source before its images are used."""

    source: Source
    progress: Progress | None
    labels: list[int | None] = field(default_factory=list)
    channels: set[int] = field(default_factory=set)
    rejected: list[Rejected] = field(default_factory=list)

    def images(self) -> Iterator[Images]:
        """Decode all images that can be taken; the others are added to `rejected`."""
        size = None
        for done, entry in enumerate(self.source, 1):
            try:
                image = entry.decode()
                size = size or image.shape[:2]
                _require_size(image, size)
                self.labels.append(entry.label)
                self.channels.add(image.shape[2])
                yield image
            except Rejection as reason:
                self.rejected.append(Rejected(entry.name, str(reason)))
            if self.progress:
                self.progress(done, len(self.source))


def _require_size(image: Images, size: tuple[int, ...]) -> None:
    if image.shape[:2] != size:
        height, width = image.shape[:2]
        raise Rejection(
            f"is {width} × {height} px, the first image is {size[1]} × {size[0]}: "
            "all need to be of one size"
        )
