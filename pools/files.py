"""Image files by name: which are junk, which class folder they lie in, which half of the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import IO

from pools.decode import MAX_FILE_BYTES, SUFFIXES, decode
from pools.entries import Entry, File, Source
from pools.errors import Rejection, SourceError, told_as
from pools.store import Images

JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
}
"""Which part of the data a folder of that name is, in letters of any size."""


def refused(reason: str) -> IO[bytes]:
    """Stands in for opening what cannot be read: links, devices, encrypted members."""
    raise Rejection(reason)


def listed(files: Iterable[File]) -> list[File]:
    """The files that count, in byte order of their names, without hidden files and system junk.

    Of several files with one name each but the first is kept as one that cannot be read.
    """
    named = [replace(file, name=_plain(file.name)) for file in files]
    kept = sorted((f for f in named if not _is_junk(f.name)), key=lambda f: _byte_order(f.name))
    twice = partial(refused, "is the second file of this name")
    return [
        replace(file, open=twice) if before and file.name == before.name else file
        for before, file in zip([None, *kept], kept, strict=False)
    ]


def source_of_files(files: Sequence[File], split: str) -> Source:
    """Images of a folder or archive: flat, or with one sub-folder a class.

    A folder that wraps everything is looked into. Where the folders are `train` and `test`, or
    `val` where there is no `test`, `split` says which; elsewhere only "train", meaning everything,
    can be had.
    """
    halves = _halves([(file.name.split("/"), file) for file in files])
    if not halves.get(split):
        raise SourceError(f"there are no images for {split}" if files else "there are no images")
    names = _class_names(path for half in halves.values() for path, _ in half)
    labels = {name: label for label, name in enumerate(names)}

    def entries() -> Iterator[Entry]:
        for path, file in halves[split]:
            label = labels.get(path[0]) if len(path) > 1 else None
            orphan = bool(labels) and label is None
            yield Entry(file.name, label, partial(_image, file, orphan))

    return Source(
        len(halves[split]), bool(labels), entries, names or None, warning=_doubt_of_classes(names)
    )


def read_bytes(file: File) -> bytes:
    """All of one file; raises Rejection if it is too large or cannot be read."""
    if file.size_bytes > MAX_FILE_BYTES:
        raise Rejection(f"is larger than {MAX_FILE_BYTES >> 20} MiB")
    with told_as(Rejection, "cannot be read"), file.open() as stream:
        return stream.read(MAX_FILE_BYTES + 1)


def _image(file: File, orphan: bool) -> Images:
    image = decode(read_bytes(file))
    if orphan:
        raise Rejection("lies beside the class folders, so it has no class")
    return image


Paths = list[tuple[list[str], File]]


def _halves(paths: Paths) -> dict[str, Paths]:
    """The paths of each split, without the folders that wrap them all."""
    paths = _unwrapped(paths)
    parts = {path[0]: SPLITS.get(path[0].lower()) for path, _ in paths if len(path) > 1}
    if not parts or None in parts.values():
        return {"train": paths}
    loose = [(path, file) for path, file in paths if len(path) == 1]
    filed = [(path, file) for path, file in paths if len(path) > 1]
    inner = _unwrapped([(path[1:], file) for path, file in filed])
    halves: dict[str | None, Paths] = {part: list(loose) for part in parts.values()}
    for (outer, _), member in zip(filed, inner, strict=True):
        halves[parts[outer[0]]].append(member)
    held_out = halves.get("test") or halves.get("val") or []
    return {"train": halves.get("train", []), "test": held_out}


def _unwrapped(paths: Paths) -> Paths:
    while len({path[0] for path, _ in paths}) == 1 and all(len(path) > 1 for path, _ in paths):
        paths = [(path[1:], file) for path, file in paths]
    return paths


def _class_names(paths: Iterable[list[str]]) -> tuple[str, ...]:
    """The first folders of all pictures; one folder alone was a wrapper and is gone by now."""
    pictures = (path for path in paths if path[-1].lower().endswith(SUFFIXES))
    return tuple(sorted({path[0] for path in pictures if len(path) > 1}, key=_byte_order))


def _doubt_of_classes(names: Sequence[str]) -> str:
    """What is wrong with classes that are called as the parts of a data set are."""
    parts = [name for name in names if name.lower() in SPLITS]
    if len({SPLITS[name.lower()] for name in parts}) < 2:
        return ""
    other = next(name for name in names if name not in parts)
    return (
        f"the folders {', '.join(parts)} are taken for classes, since others lie beside them ({other}): "
        "are they parts of the data?"
    )


def _plain(name: str) -> str:
    """A name as a relative path: nothing is ever written to it, so that it only has to be read."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _is_junk(name: str) -> bool:
    return any(part.startswith(".") or part.lower() in JUNK for part in name.split("/"))


def _byte_order(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
