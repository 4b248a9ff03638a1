"""CIFAR-10's python archive, whose pickles are read as tokens and never executed."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from pools.datasets import DATASETS
from pools.entries import File, Source, source_of_array
from pools.errors import SourceError, told_as
from pools.files import read_bytes
from pools.store import Images, Labels

BATCHES = {"train": tuple(f"data_batch_{n}" for n in range(1, 6)), "test": ("test_batch",)}
IMAGES_PER_BATCH = 10_000
MAX_LABEL = 9
SHAPE = (3, 32, 32)
BATCH_BYTES = IMAGES_PER_BATCH * 3 * 32 * 32
NEEDED_GLOBALS = frozenset(
    {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
    | {"numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer"}
    | {"numpy ndarray", "numpy dtype", "_codecs encode"}
)
"""What a batch names, as Python 2 wrote it, or Python 3 once more."""

ENCODING = b"latin1"
"""How `_codecs encode` makes bytes of the text before it: not what that text is a key of."""

EXECUTING = frozenset(
    {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"}
    | {"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID"}
)
STRINGS = frozenset(
    {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
)
ORDERS: dict[str, Literal["C", "F"]] = {"NEWFALSE": "C", "NEWTRUE": "F"}
LETTERS: dict[bytes, Literal["C", "F"]] = {b"C": "C", b"F": "F"}
INTEGERS = frozenset({"INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2"})


def has_cifar(files: Sequence[File]) -> bool:
    wanted = {name for names in BATCHES.values() for name in names}
    return any(PurePosixPath(file.name).name in wanted for file in files)


def source_of_cifar(files: Sequence[File], split: str) -> Source:
    """The 50,000 training or 10,000 test images, 32 × 32 px RGB, with their classes."""
    by_name = {PurePosixPath(file.name).name: file for file in files}
    images, labels = [], []
    for name in BATCHES[split]:
        if name not in by_name:
            raise SourceError(f"CIFAR-10's {split} images need {name}, which is not there")
        with told_as(SourceError, f"cannot read {name}"):
            batch = read_batch(read_bytes(by_name[name]))
        images.append(batch[0])
        labels.append(batch[1])
    class_names = DATASETS["cifar10"].class_names
    return source_of_array(np.concatenate(images), np.concatenate(labels), class_names)


def read_batch(data: bytes) -> tuple[Images, Labels]:
    """Images (10,000, 32, 32, 3) and labels (10,000,) of one batch, taken from its pickle's tokens.

    A batch holds one long string, the pixels, preceded by whether they are stored column by
    column (protocol 5: followed by it), and after the key `labels` a list of small integers.
    Nothing is unpickled: a token that names any function or class beyond those that rebuild a
    NumPy array raises SourceError, as does a batch that is not complete.
    """
    pixels, order, labels = _tokens(data)
    if not pixels or len(labels) != IMAGES_PER_BATCH:
        raise SourceError(
            f"a CIFAR-10 batch has {BATCH_BYTES:,} bytes of pixels and {IMAGES_PER_BATCH:,} labels, "
            f"got {len(pixels):,} and {len(labels):,}"
        )
    classes = np.array(labels, np.int64)
    if classes.min() < 0 or classes.max() > MAX_LABEL:
        raise SourceError(
            f"CIFAR-10's labels are 0 to {MAX_LABEL}, got {classes.min()} to {classes.max()}"
        )
    if order is None:
        raise SourceError("a CIFAR-10 batch says whether its pixels are stored row by row")
    return _images(pixels, order), classes


def _tokens(data: bytes) -> tuple[bytes, Literal["C", "F"] | None, list[Any]]:
    """The pixels of a batch, the order they are stored in if it is said, and the labels."""
    pixels, key, labels = b"", b"", []
    order: Literal["C", "F"] | None = None
    for name, argument in _opcodes(data):
        if name in EXECUTING and argument not in NEEDED_GLOBALS:
            raise SourceError(
                f"a pickle that calls {argument or name} is no CIFAR-10 batch as it was published"
            )
        if name == "STACK_GLOBAL" and argument.endswith(" _frombuffer"):
            order = None  # it follows
        elif name in STRINGS and (text := _bytes(argument)) != ENCODING:
            key = text
            if pixels and not order:
                order = LETTERS.get(text)
        elif name in INTEGERS and key == b"labels":
            labels.append(argument)
        elif name in ORDERS and not pixels:
            order = ORDERS[name]
        if len(key) == BATCH_BYTES:
            pixels, key = key, b""
    return pixels, order, labels


def _opcodes(data: bytes) -> Iterator[tuple[str, Any]]:
    """The pickle's opcodes, each with its argument; STACK_GLOBAL's are the two strings before it."""
    strings, memo = ["", ""], list[str]()
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name in STRINGS:
            strings = [strings[1], argument if isinstance(argument, str) else ""]
        elif name == "MEMOIZE":
            memo.append(strings[1])
        elif name in ("BINGET", "LONG_BINGET") and argument is not None:
            strings = [strings[1], "".join(memo[argument : argument + 1])]
        yield name, " ".join(strings) if name == "STACK_GLOBAL" else argument


def _bytes(text: Any) -> bytes:
    """Python 2 wrote strings, which pickletools gives as Latin-1 text."""
    return text.encode("latin-1") if isinstance(text, str) else bytes(text)


def _images(pixels: bytes, order: Literal["C", "F"]) -> Images:
    rows = np.frombuffer(pixels, np.uint8).reshape((IMAGES_PER_BATCH, -1), order=order)
    return rows.reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
