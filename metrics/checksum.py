"""A checksum of files that takes less time than to read them: any changed byte changes it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np

BLOCK_BYTES = 1024 * 1024
SMALL_BYTES = 16 * BLOCK_BYTES
"""Files up to this size are hashed byte for byte."""


def checksum(files: Iterable[Path]) -> str:
    """Return 128 bits (hex) of BLAKE2b over the names, sizes and bytes of files, in any order.

    BLAKE2b over 400 MB of features takes ten times as long as to read them, so of larger files it
    is taken over the sum of each MiB's 64-bit words: no change of one byte leaves it as it was,
    other damage one in 2⁶⁴, but for words that trade places within a MiB.
    """
    digest = blake2b(digest_size=16)
    for path in sorted(files):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        _add(digest, path)
    return digest.hexdigest()


def _add(digest: blake2b, path: Path) -> None:
    buffer = bytearray(BLOCK_BYTES)
    small = path.stat().st_size <= SMALL_BYTES
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            block = memoryview(buffer)[:size]
            digest.update(block if small or size % 8 else _sum(block))


def _sum(block: memoryview) -> bytes:
    return int(np.frombuffer(block, "<u8").sum(dtype=np.uint64)).to_bytes(8, "little")
