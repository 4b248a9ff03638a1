"""Features on disk: in parts while they are computed, then whole, by content and extractor."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from metrics.checksum import checksum
from metrics.extractors.base import Extractor, Features, Floats32, identity

DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
"""What reading a file raises that is absent, cut short or altered."""

CHECKSUM = "checksum"
"""The file beside those of a whole that tells whether they have changed."""

Digests = NDArray[np.uint64]
Rows = NDArray[np.float32] | NDArray[np.uint64] | NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """The features of consecutive images from position `start` on, and the digests of their pixels."""

    start: int
    rows: Features
    digests: Digests

    @property
    def stop(self) -> int:
        return self.start + len(self.digests)


@dataclass(frozen=True)
class Whole:
    """The features of all images of a pool, mapped from disk, sorted by the images' digests.

    `order` holds the position in the pool of the image of each row: the order of the rows depends
    on the images alone, and not on the order in which they were stored.
    """

    features: Floats32
    probabilities: Floats32 | None
    digests: Digests
    order: NDArray[np.int64]


@dataclass(frozen=True)
class FeatureCache:
    """Features in a folder, an entry for each content hash and extractor."""

    folder: Path

    def entry(self, content_hash: str, extractor: Extractor) -> Entry:
        """Return where the features of these pixels and this extractor are, or will be."""
        key = f"{content_hash}\n{identity(extractor)}"
        return Entry(self.folder / hashlib.sha256(key.encode()).hexdigest()[:32])


@dataclass(frozen=True)
class Entry:
    """The features of one pool and extractor; any number of processes may write and read at once.

    A reader sees all of a part, or of the whole, or none of it, also if a writer is killed; what
    is damaged counts as absent.
    """

    folder: Path

    def whole(self) -> Whole | None:
        """Return the features of all images, if they are there."""
        try:
            return _whole(self._whole)
        except DAMAGE:
            return None

    def intact(self) -> Whole | None:
        """Return the features of all images, if they are there as they were written.

        What has changed since is removed. Entries of before there were checksums are taken as they are.
        """
        whole = self.whole()
        if whole is None or _is_intact(self._whole):
            return whole
        shutil.rmtree(self._whole, ignore_errors=True)
        return None

    def gaps(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return the ranges of images, from start to stop, whose features are not there."""
        if self.whole() is not None:
            return []
        return [(first, last) for first, last, path in self._pieces(start, stop) if path is None]

    def put(self, part: Part) -> None:
        """Keep the features of some images, unless those of all are there."""
        if self.whole() is not None:
            return
        arrays: dict[str, Rows] = {"features": part.rows.features, "digests": part.digests}
        if part.rows.probabilities is not None:
            arrays["probabilities"] = part.rows.probabilities
        with _told(self.folder):
            self._write(part.start, part.stop, arrays)

    def assemble(self, n: int) -> Whole | None:
        """Return the features of n images from their parts; None if one is absent or damaged.

        Rows are sorted as they are written, a part in memory at a time; the parts are removed.
        """
        pieces = [(first, last, path) for first, last, path in self._pieces(0, n) if path]
        if sum(last - first for first, last, _ in pieces) != n:
            return None
        with _told(self.folder):
            building = Path(tempfile.mkdtemp(dir=self.folder, prefix="building-"))
            try:
                if not _build(building, pieces, n):
                    return None
                self._publish(building)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(self._parts, ignore_errors=True)
        return self.whole()

    @property
    def _parts(self) -> Path:
        return self.folder / "parts"

    @property
    def _whole(self) -> Path:
        return self.folder / "whole"

    def _write(self, start: int, stop: int, arrays: Mapping[str, Rows]) -> None:
        self._parts.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._parts, suffix=".part", delete=False) as file:
            try:
                np.savez(file, allow_pickle=False, **arrays)
                file.close()
                Path(file.name).replace(self._parts / f"{start}-{stop}.npz")
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def _publish(self, building: Path) -> None:
        """The first to finish is kept; one that cannot be read gives way."""
        if self._whole.exists() and self.whole() is None:
            shutil.rmtree(self._whole, ignore_errors=True)
        with suppress(OSError):
            building.rename(self._whole)

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, Path | None]]:
        """Yield (first, last, part) that together make start to stop, part None where there is none."""
        at = start
        for first, last, path in sorted(self._listed()):
            if first > at:
                yield at, min(first, stop), None
            if first >= stop:
                return
            if last > max(at, first):
                yield max(at, first), min(last, stop), path
            at = max(at, last)
            if at >= stop:
                return
        yield at, stop, None

    def _listed(self) -> Iterator[tuple[int, int, Path]]:
        for path in self._parts.glob("*-*.npz"):
            first, _, last = path.stem.partition("-")
            yield int(first), int(last), path


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Name the folder: a full disk does not say which."""
    try:
        yield
    except OSError as error:
        raise OSError(f"features cannot be kept in {folder}: {error.strerror or error}") from error


def _whole(folder: Path) -> Whole:
    mapped = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    whole = Whole(
        mapped["features"], mapped.get("probabilities"), mapped["digests"], mapped["order"]
    )
    if len({len(each) for each in mapped.values()}) != 1:
        raise ValueError("files of different lengths")
    return whole


def _is_intact(folder: Path) -> bool:
    try:
        return (folder / CHECKSUM).read_text() == checksum(folder.glob("*.npy"))
    except FileNotFoundError:
        return True
    except DAMAGE:
        return False


def _build(folder: Path, pieces: list[tuple[int, int, Path]], n: int) -> bool:
    """Write the whole from its parts; where one is damaged, remove it and return False."""
    digests = np.empty(n, np.uint64)
    for first, last, path in pieces:
        rows = _read(path, first, last, only="digests")
        if rows is None:
            return False
        digests[first:last] = rows["digests"]
    order = np.argsort(digests, kind="stable")
    np.save(folder / "digests.npy", digests[order])
    np.save(folder / "order.npy", order)
    position = np.empty(n, np.int64)
    position[order] = np.arange(n)
    for first, last, path in pieces:
        rows = _read(path, first, last)
        if rows is None:
            return False
        for name in rows.keys() - {"digests"}:
            _scatter(folder / f"{name}.npy", n, rows[name], position[first:last])
    (folder / CHECKSUM).write_text(checksum(folder.glob("*.npy")))
    return True


def _read(path: Path, first: int, last: int, only: str | None = None) -> Mapping[str, Rows] | None:
    """Return the arrays of a part, of images first to last; None, and no part, if it is damaged."""
    start, _, stop = path.stem.partition("-")
    try:
        with np.load(path, allow_pickle=False) as part:
            arrays = {name: part[name] for name in ([only] if only else part.files)}
        if any(len(each) != int(stop) - int(start) for each in arrays.values()):
            raise ValueError("a part of another length than it says")
    except DAMAGE:
        path.unlink(missing_ok=True)
        return None
    taken = slice(first - int(start), last - int(start))
    return {name: each[taken] for name, each in arrays.items()}


def _scatter(path: Path, n: int, rows: Rows, positions: NDArray[np.int64]) -> None:
    """Put rows where they belong in the array of n rows at `path`: written, for what is mapped
    counts as memory until the system takes it back."""
    mode = "r+" if path.exists() else "w+"
    shape = (n, *rows.shape[1:])
    mapped = open_memmap(path, mode, rows.dtype, None if mode == "r+" else shape)
    if mapped.shape != shape:
        raise ValueError(f"parts of {mapped.shape[1:]} and {shape[1:]} numbers an image")
    start, size = mapped.offset, rows[0].nbytes
    del mapped
    with path.open("r+b", buffering=0) as file:
        for row, position in zip(np.ascontiguousarray(rows), positions.tolist(), strict=True):
            if os.pwrite(file.fileno(), row.data, start + position * size) != size:
                raise OSError(f"no room for {path}")
