"""Compressed streams to temporary files, with a limit on how far they may expand."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Any, cast

from pools.entries import File
from pools.errors import SourceError, told_as

MAX_UNPACKED_BYTES = 64 * 1024**3
MAX_EXPANSION = 200
"""Unpacked bytes per packed byte; MNIST's gzipped files, easy to compress, reach 5."""

FREE_BYTES = 256 * 1024 * 1024
"""Any archive may expand to this."""

BLOCK_BYTES = 1024 * 1024
OPENERS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


def require_expansion(name: str, packed_bytes: int, unpacked_bytes: int) -> None:
    """Raises SourceError if an archive claims to be, or turns out to be, a decompression bomb."""
    limit_bytes = min(max(packed_bytes * MAX_EXPANSION, FREE_BYTES), MAX_UNPACKED_BYTES)
    if unpacked_bytes > limit_bytes:
        raise SourceError(
            f"{name} has {packed_bytes:,} bytes and expands to more than {limit_bytes:,}: refused"
        )


def unpacked(file: File, stack: ExitStack) -> IO[bytes]:
    """A temporary copy of a file, decompressed if it is gzip, bzip2 or xz; closed by the stack."""
    copy = stack.enter_context(TemporaryFile())  # noqa: SIM115 (the stack closes it)
    with told_as(SourceError, f"cannot unpack {file.name}"), file.open() as packed:
        for block in _blocks(packed):
            require_expansion(file.name, file.size_bytes, copy.tell() + len(block))
            copy.write(block)
        copy.seek(0)
    return cast(IO[bytes], copy)


def is_compressed(file: File) -> bool:
    with file.open() as packed:
        return _opener(packed) is not None


def _blocks(packed: IO[bytes]) -> Iterator[bytes]:
    opener = _opener(packed)
    plain = packed if opener is None else opener(packed)
    while block := plain.read(BLOCK_BYTES):
        yield block


def _opener(packed: IO[bytes]) -> Callable[[IO[bytes]], IO[bytes]] | None:
    start = packed.read(max(map(len, OPENERS)))
    packed.seek(0)
    return next((OPENERS[magic] for magic in OPENERS if start.startswith(magic)), None)
