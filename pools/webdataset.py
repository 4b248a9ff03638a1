"""Images in WebDataset's form: KEY.jpg, and beside it KEY.cls with its class number, KEY.json, KEY.txt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from pools.decode import SUFFIXES
from pools.entries import Entry, File, Source
from pools.errors import Rejection
from pools.files import read_bytes, source_of_files
from pools.store import Images

CLASS, BESIDE = ".cls", (".cls", ".json", ".txt")
LARGEST_CLASS = 2**31 - 1


def has_webdataset(files: Sequence[File]) -> bool:
    """Whether something lies beside images, and nothing but what is called as one of them is."""
    images = {_key(file) for file in files if _is_image(file)}
    others = [file for file in files if not _is_image(file)]
    return bool(images and others) and all(
        file.name.lower().endswith(BESIDE) and _key(file) in images for file in others
    )


def source_of_webdataset(files: Sequence[File], split: str) -> Source:
    """All images, with the class numbers of the .cls files; captions and metadata are left out.

    Where there is no .cls the folders are the classes, as ever.
    """
    classes = {_key(file): file for file in files if file.name.lower().endswith(CLASS)}
    source = source_of_files([file for file in files if _is_image(file)], split)
    left_out = sorted({PurePosixPath(file.name).suffix for file in files if not _is_image(file)})
    if not classes:
        doubt = (
            f"the {' and '.join(left_out)} files beside the images are not read: class numbers are taken "
            "from .cls files"
        )
        return replace(source, warning="; ".join(filter(None, (doubt, source.warning))))

    def entries() -> Iterator[Entry]:
        for entry in source:
            yield _with_class(entry, classes)

    return replace(source, labelled=True, entries=entries, class_names=None, warning="")


def _with_class(entry: Entry, classes: Mapping[str, File]) -> Entry:
    try:
        return replace(entry, label=_class(entry.name, classes))
    except Rejection as reason:
        return replace(entry, decode=partial(_refused, str(reason)))


def _class(name: str, classes: Mapping[str, File]) -> int:
    path = PurePosixPath(name)
    file, sample = classes.get(str(path.with_suffix(""))), path.name.split(".")[0]
    if file is None and str(path.with_name(sample)) in classes:
        raise Rejection(f"is a further image of {sample}: keep one image beside each .cls")
    if file is None:
        raise Rejection("has no .cls beside it, as others have")
    text = read_bytes(file).decode("ascii", "replace").strip()
    if not text.isdecimal() or len(text) > len(str(LARGEST_CLASS)) or int(text) > LARGEST_CLASS:
        raise Rejection(f"needs a class number in its .cls, got {text[:20]!r}")
    return int(text)


def _refused(reason: str) -> Images:
    raise Rejection(reason)


def _is_image(file: File) -> bool:
    return file.name.lower().endswith(SUFFIXES)


def _key(file: File) -> str:
    return str(PurePosixPath(file.name).with_suffix(""))
