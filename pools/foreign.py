"""Forms that images come in and that are not read: what each is, and how to make of it one that is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pools.decode import FOREIGN_PICTURES, SUFFIXES
from pools.entries import File
from pools.errors import Rejection, SourceError

START_BYTES = 32
LOOKED_INTO = 3
"""Of so many files the first bytes are read; of the others the name says enough."""

SAVE = (
    "save its images as PNG files in a folder, a sub-folder a class, or as uint8 (N, H, W, C) with "
    'numpy.savez("set.npz", images=…, labels=…)'
)
TRUST = "if you trust who made it, since a pickle can run any code"
ROWS = 'numpy.fromfile(FILE, "u1")'


@dataclass(frozen=True)
class Form:
    """A form by a pattern of its file names, or by its first bytes; `read` is what reads it."""

    is_called: str
    name: str
    start: bytes | None
    read: str


FORMS = (
    Form(
        "CIFAR-10's binary version", r"(data_batch_\d|test_batch)\.bin", None,
        "take cifar-10-python.tar.gz of the same publisher, which is read",
    ),
    Form(
        "CIFAR-100's binary version", r"(train|test)\.bin", None,
        f"its images are {ROWS}.reshape(-1, 3074)[:, 2:].reshape(-1, 3, 32, 32); {SAVE}",
    ),
    Form(
        "STL-10's binary version", r"(train|test|unlabeled)_X\.bin", None,
        f"its images are {ROWS}.reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1), its labels less 1 "
        f"those of the _y.bin beside it; {SAVE}",
    ),
    Form(
        "one batch of CIFAR-10", r"(data_batch_\d|test_batch)", None,
        "name the folder that holds all of them, or cifar-10-python.tar.gz",
    ),
    Form(
        "a Parquet file, as of HuggingFace", r".*\.parquet", b"PAR1",
        f"read it with pandas.read_parquet, where image.bytes are files already; {SAVE}",
    ),
    Form(
        "an Arrow file, as of HuggingFace", r".*\.arrow", b"ARROW1",
        f"read it with datasets.load_from_disk; {SAVE}",
    ),
    Form("a MATLAB file", r".*\.mat", b"MATLAB ", f"read it with scipy.io.loadmat; {SAVE}"),
    Form("an HDF5 file", r".*\.(h5|hdf5)", b"\x89HDF", f"read it with h5py.File; {SAVE}"),
    Form(
        "a file of PyTorch", r".*\.(pt|pth)|.*/data\.pkl", None,
        f"read it with torch.load, weights_only=True; {SAVE}",
    ),
    Form("an LMDB database", r".*\.mdb", None, f"read it with the package lmdb; {SAVE}"),
    Form(
        "a TFRecord file", r".*\.tfrecords?(-.*)?", None,
        f"read it with tf.data.TFRecordDataset; {SAVE}",
    ),
    Form("a RAR archive", r".*\.rar", b"Rar!", "unpack it, and name the folder"),
    Form("a 7z archive", r".*\.7z", b"7z\xbc\xaf", "unpack it, and name the folder"),
    Form(
        "a pickle", r".*\.(pkl|pickle)", None, f"read it with pickle.load, {TRUST}; {SAVE}"
    ),
)  # fmt: skip
ARCHIVES = Form(
    "an archive inside of another, or of a folder", r".*\.(tar|zip|tgz|tar\.(gz|bz2|xz))", None,
    "name one archive, or unpack all of them into one folder",
)  # fmt: skip
PICKLE = re.compile(rb"\x80[\x02-\x05]")
CIFAR_100 = frozenset({"train", "test", "meta"})


def told(name: str, start: bytes) -> str:
    """What a file is that is no source of images, and what to do; nothing if it is not known.

    >>> told("test.rar", b"")
    'it is a RAR archive, which is not read: unpack it, and name the folder'
    """
    if name.lower().endswith(SUFFIXES):
        return "it is a single image: name the folder that it lies in, of at least two"
    picture = _foreign_picture(start)
    if picture:
        return f"it is {picture}, which is not read: save it as PNG, and name its folder"
    form = _form(name, start)
    return f"it is {form.is_called}, which is not read: {form.read}" if form else ""


def require_pictures(files: Sequence[File]) -> None:
    """Raises SourceError where none of the files is called a picture, and one is of a form above."""
    if any(file.name.lower().endswith(SUFFIXES) for file in files):
        return
    if len(files) > 1 and {PurePosixPath(file.name).name for file in files} <= CIFAR_100:
        raise SourceError(
            f"it is CIFAR-100, whose pickles are not read: load them with pickle.load, {TRUST}, "
            f'take ["data"].reshape(-1, 3, 32, 32), and {SAVE}'
        )
    for index, file in enumerate(files):
        start = _start(file) if index < LOOKED_INTO else b""
        form = _form(file.name, start) or (ARCHIVES if _has_name(ARCHIVES, file.name) else None)
        if form:
            raise SourceError(
                f"there is no image in it, but {file.name}: {form.is_called}, which is not read: {form.read}"
            )


def _form(name: str, start: bytes) -> Form | None:
    by_name = (form for form in FORMS if _has_name(form, name))
    by_start = (form for form in FORMS if form.start and start.startswith(form.start))
    pickled = FORMS[-1] if PICKLE.match(start) else None
    return next(by_name, None) or next(by_start, None) or pickled


def _has_name(form: Form, name: str) -> bool:
    """Patterns with a slash are of whole names."""
    last = PurePosixPath(name).name
    return any(re.fullmatch(form.name, each, re.IGNORECASE) for each in (last, name))


def _foreign_picture(start: bytes) -> str:
    return next((kind for magic, kind in FOREIGN_PICTURES.items() if magic.match(start)), "")


def _start(file: File) -> bytes:
    try:
        with file.open() as stream:
            return stream.read(START_BYTES)
    except (Rejection, OSError):
        return b""
