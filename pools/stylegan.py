"""Images with the `dataset.json` that StyleGAN and EDM write: their folders are shards and no classes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from pools.decode import decode
from pools.entries import Entry, File, Source
from pools.errors import Rejection, SourceError, told_as
from pools.files import read_bytes
from pools.store import Images

CONTENTS = "dataset.json"


def has_stylegan(files: Sequence[File]) -> bool:
    """Whether one `dataset.json` with `labels` lies above all other files."""
    contents = [file for file in files if PurePosixPath(file.name).name == CONTENTS]
    if len(contents) != 1:
        return False
    folder = PurePosixPath(contents[0].name).parent
    if not all(PurePosixPath(file.name).is_relative_to(folder) for file in files):
        return False
    try:
        return "labels" in _contents(contents[0])
    except SourceError:
        return False


def source_of_stylegan(files: Sequence[File], split: str) -> Source:
    """All images, with the class numbers that `labels` gives them by name; null if it gives none.

    Labels that are vectors, as of poses, are no classes: they are left out, with a warning.
    """
    if split != "train":
        raise SourceError(f"there are no images for {split}")
    contents = next(file for file in files if PurePosixPath(file.name).name == CONTENTS)
    folder = PurePosixPath(contents.name).parent
    images = [file for file in files if file is not contents]
    if not images:
        raise SourceError("there are no images")
    given = _labels(_contents(contents)["labels"])
    numbers = {name: label for name, label in given.items() if _is_number(label)}
    labelled = bool(given) and len(numbers) == len(given)

    def entries() -> Iterator[Entry]:
        for file in images:
            name = PurePosixPath(file.name).relative_to(folder).as_posix()
            label = numbers.get(name) if labelled else None
            yield Entry(file.name, label, partial(_image, file, labelled and label is None))

    doubt = "" if labelled or not given else f"{CONTENTS} has labels that are no class numbers"
    return Source(len(images), labelled, entries, warning=doubt and f"{doubt}: they are left out")


def _contents(file: File) -> dict[str, Any]:
    with told_as(SourceError, f"cannot read {CONTENTS}"):
        found = json.loads(read_bytes(file))
    return found if isinstance(found, dict) else {}


def _labels(listed: Any) -> dict[str, Any]:
    with told_as(
        SourceError, f"{CONTENTS} needs labels as a list of [name, class number], or null"
    ):
        return {str(name).replace("\\", "/"): label for name, label in listed or []}


def _is_number(label: Any) -> bool:
    return type(label) is int and 0 <= label < 2**31


def _image(file: File, without_label: bool) -> Images:
    image = decode(read_bytes(file))
    if without_label:
        raise Rejection(f"has no label in {CONTENTS}")
    return image
