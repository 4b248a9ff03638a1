"""Trial tables in files: CSV or Parquet, told apart by content."""

from __future__ import annotations

import codecs
import io
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Literal, TextIO, cast

from scoring.dictionary import Task
from scoring.parquet import as_parquet, read_parquet
from scoring.rules import BadTable
from scoring.table import TrialTable, Unread, read_csv, write_csv

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "parquet")

PARQUET = b"PAR1"
OTHER_KINDS = {
    b"\x1f\x8b": "compressed by gzip; unpack it first",
    b"BZh": "compressed by bzip2; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard; unpack it first",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet; unpack it, or save the table as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save the table as CSV",
    b"\xff\xfe\0\0": "in UTF-32; save it as CSV in UTF-8",
    b"\xff\xfe": "in UTF-16; save it as CSV in UTF-8",
    b"\xfe\xff": "in UTF-16; save it as CSV in UTF-8",
}


def read_trials(
    source: str | PathLike[str] | BinaryIO, *, task: Task = "real", unread: Unread | None = None
) -> TrialTable:
    """Read a trial table, CSV (as `read_csv`) or Parquet, whatever its file is called.

    In Parquet columns may come in any order; those of other names are not read. Ids may be text or
    whole numbers, `answered_at` text or a timestamp.

    Args:
        source: a path, or a file open for reading bytes. task: what people were asked.
        unread: called with the names of the columns that are not read, if there are any.

    Raises:
        BadTable: every bad row by line (CSV) or row (Parquet) and reason, or what is wrong with
            the file.
        OSError: the file cannot be opened.
    """
    if isinstance(source, (str, PathLike)):
        refuse_device(source)
        with Path(source).open("rb") as file:
            return read_trials(file, task=task, unread=unread)
    return _read(source if source.seekable() else io.BytesIO(source.read()), task, unread)


def refuse_device(path: str | PathLike[str]) -> None:
    """Raise BadTable for a device, such as /dev/zero, which may have no end; a pipe is read."""
    if Path(path).is_char_device() or Path(path).is_block_device():
        raise BadTable(["it is a device, not a file"])


def write_trials(
    table: TrialTable, target: str | PathLike[str] | BinaryIO, file_format: Format
) -> None:
    """Write all columns to a path or to a file open for writing bytes; `read_trials` reads it back.

    Raises:
        ValueError: file_format is neither "csv" nor "parquet".
        OSError: the file cannot be written.
    """
    if file_format not in FORMATS:
        raise ValueError(f"file_format must be one of {', '.join(FORMATS)}, got {file_format!r}")
    if isinstance(target, (str, PathLike)):
        with Path(target).open("wb") as file:
            write_trials(table, file, file_format)
    elif file_format == "csv":
        write_csv(table, cast(TextIO, codecs.getwriter("utf-8")(target)))
    else:
        target.write(as_parquet(table))


def _read(file: BinaryIO, task: Task, unread: Unread | None) -> TrialTable:
    start = file.read(4)
    file.seek(-len(start), io.SEEK_CUR)
    if start == PARQUET:
        return read_parquet(file, task=task, unread=unread)
    for magic, kind in OTHER_KINDS.items():
        if start.startswith(magic):
            raise BadTable([f"the file is {kind}"])
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        return read_csv(text, task=task, unread=unread)
    finally:
        text.detach()  # the file stays its owner's to close
