"""Data sets in one file each: a zip of one tall PNG a split, labels, licence and checksums."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pools.datasets import DATASETS
from pools.decode import decode
from pools.entries import File, ImageSet, Source, source_of_array
from pools.errors import SourceError, told_as
from pools.files import read_bytes
from pools.store import Images, Labels, content_hash

FOLDER = Path(__file__).parent / "packs"
CONTENTS = "pack.json"
COUNTS = {"train": 10_000, "test": 2_000}
SEED = 1
WRITTEN = (1980, 1, 1, 0, 0, 0)
"""The time stamp of every member, so that a pack made again is the same file."""


def available_packs() -> tuple[str, ...]:
    """The names of the data sets that are shipped."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.zip")))


def pack_path(name: str) -> Path:
    """Where the pack of a shipped data set lies.

    >>> pack_path("mnist").name
    'mnist.zip'
    """
    if name not in available_packs():
        raise SourceError(f"there is no pack {name!r}; there are {', '.join(available_packs())}")
    return FOLDER / f"{name}.zip"


def has_pack(files: Sequence[File]) -> bool:
    return any(file.name == CONTENTS for file in files)


def source_of_pack(files: Sequence[File], split: str) -> Source:
    """One split of a pack; raises SourceError if its pixels are not those it was made of."""
    by_name = {file.name: file for file in files}
    with told_as(SourceError, "cannot read the pack"):
        contents = json.loads(read_bytes(by_name[CONTENTS]))
        half = contents["splits"][split]
        labels = np.array(half["labels"], np.int64)
        tall = decode(read_bytes(by_name[f"{split}.png"]))
        images = tall.reshape(len(labels), -1, *tall.shape[1:])
        class_names = tuple(contents["class_names"])
    if content_hash(images.shape, [images]) != half["sha256"]:
        raise SourceError(f"the {split} images of the pack are damaged: their checksum is wrong")
    return source_of_array(images, labels, class_names)


def write_pack(name: str, halves: dict[str, ImageSet], out: Path) -> None:
    """Makes a pack of labelled images, given by split.

    Of each class an equal number is drawn from `SEED`, `COUNTS` in all, in shuffled order; the
    licence is the file NAME.LICENSE.txt beside the shipped packs.
    """
    rng = np.random.default_rng(SEED)
    members, splits = {}, {}
    for split, half in halves.items():
        if half.labels is None:
            raise SourceError(f"a pack needs labels, the {split} images have none")
        chosen = balanced(half.labels, COUNTS[split], rng)
        members[f"{split}.png"] = _tall_png(half.images[chosen])
        splits[split] = _contents(half.images[chosen], half.labels[chosen])
    members[CONTENTS] = json.dumps(_description(name) | {"splits": splits}).encode()
    members["LICENSE.txt"] = (FOLDER / f"{name}.LICENSE.txt").read_bytes()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member, WRITTEN), data, zipfile.ZIP_DEFLATED)


def balanced(labels: Labels, count: int, rng: np.random.Generator) -> Labels:
    """Shuffled positions of `count` labels, as many of each class; SourceError if one runs out."""
    classes = np.unique(labels)
    per_class, rest = divmod(count, len(classes))
    have = min(np.count_nonzero(labels == each) for each in classes)
    if rest or have < per_class:
        raise SourceError(
            f"{count:,} images of {len(classes)} classes need {count / len(classes):,.1f} of each, "
            f"got {have:,} of the rarest"
        )
    of_each = [rng.choice(np.flatnonzero(labels == c), per_class, replace=False) for c in classes]
    return rng.permutation(np.concatenate(of_each))


def _tall_png(images: Images) -> bytes:
    """Images below one another: neighbouring rows then belong to one image, and compress best."""
    tall = images.reshape(-1, *images.shape[2:])
    out = BytesIO()
    Image.fromarray(tall[..., 0] if tall.shape[2] == 1 else tall).save(out, "PNG", optimize=True)
    return out.getvalue()


def _contents(images: Images, labels: Labels) -> dict[str, Any]:
    return {"sha256": content_hash(images.shape, [images]), "labels": labels.tolist()}


def _description(name: str) -> dict[str, Any]:
    known = DATASETS[name]
    return {
        "name": name,
        "title": known.title,
        "source": known.source,
        "licence": known.licence,
        "class_names": known.class_names,
        "chosen": f"an equal number of each class, drawn with seed {SEED}",
    }
