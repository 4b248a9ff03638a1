"""Trial tables in Parquet: columns of checked types, and no more rows than memory holds."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from scoring.columns import Numbers, Text, as_text
from scoring.dictionary import DATA_DICTIONARY, NUMERIC, Column, Task
from scoring.rules import BadTable
from scoring.table import (
    COLUMNS,
    TrialTable,
    Unread,
    checked_table,
    require_columns,
    tell_unread,
)

MOST_ROWS = 10_000_000
MOST_BYTES = 2**32


def read_parquet(
    file: BinaryIO, *, task: Task = "real", unread: Unread | None = None
) -> TrialTable:
    """Read a trial table from a Parquet file; `scoring.files.read_trials` says more.

    Raises:
        BadTable: every bad row by its number from 1 and reason, or what is wrong with the file.
    """
    arrow, parquet = _pyarrow()
    try:
        opened = parquet.ParquetFile(file)
        names = _wanted_names(opened.schema_arrow, task)
        tell_unread([own for own in opened.schema_arrow.names if own not in names.values()], unread)
        _refuse_types(arrow, opened.schema_arrow, names)
        _refuse_sizes(opened.metadata, set(names.values()))
        found = opened.read(columns=list(names.values()))
        columns = {name: _column(arrow, found[own], name) for name, own in names.items()}
    except (arrow.ArrowException, OSError, OverflowError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise BadTable([f"not a Parquet file that can be read: {reason}"]) from error
    rows = found.num_rows
    if not rows:
        raise BadTable(["the table has columns but no trials"])
    return checked_table(columns, np.arange(1, rows + 1), place="row", task=task)


def _wanted_names(schema: Any, task: Task) -> dict[str, str]:
    """The columns of a trial table, and what the file calls each of them."""
    named: dict[str, list[str]] = {}
    for own in schema.names:
        named.setdefault(own.strip().lower(), []).append(own)
    require_columns(named, task)
    twice = sorted(name for name in COLUMNS if len(named.get(name, ())) > 1)
    if twice:
        raise BadTable([f"columns named twice: {', '.join(twice)}"])
    return {name: named[name][0] for name in COLUMNS if name in named}


def _refuse_types(arrow: Any, schema: Any, names: Mapping[str, str]) -> None:
    wrong = [
        f"column {name} holds {schema.field(own).type}, {_wanted_type(name)} wanted"
        for name, own in names.items()
        if not _fits(arrow.types, name, schema.field(own).type)
    ]
    if wrong:
        raise BadTable(wrong)


def _wanted_type(name: str) -> str:
    if name in NUMERIC:
        return "numbers are"
    return "text or timestamps are" if name == "answered_at" else "text is"


def _fits(types: Any, name: str, kind: Any) -> bool:
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_null(kind) or types.is_integer(kind):
        return True
    if name in NUMERIC:
        return bool(types.is_floating(kind))
    return bool(_is_text(types, kind) or (name == "answered_at" and types.is_timestamp(kind)))


def _is_text(types: Any, kind: Any) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _refuse_sizes(metadata: Any, wanted: set[str]) -> None:
    """A few bytes of Parquet can stand for any number of rows."""
    if metadata.num_rows > MOST_ROWS:
        raise BadTable(
            [f"the file declares {metadata.num_rows} rows; at most {MOST_ROWS} are read"]
        )
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(n) for group in groups for n in range(group.num_columns)]
    size = sum(one.total_uncompressed_size for one in columns if one.path_in_schema in wanted)
    if size > MOST_BYTES:
        raise BadTable([f"the file declares {size} bytes of trials; at most {MOST_BYTES} are read"])


def _column(arrow: Any, found: Any, name: str) -> Numbers | Text:
    whole = found.unify_dictionaries().combine_chunks()
    if name in NUMERIC:
        return _numbers(arrow, whole)
    if arrow.types.is_string_view(whole.type):
        whole = whole.cast(arrow.large_string())
    encoded = whole if arrow.types.is_dictionary(whole.type) else whole.dictionary_encode()
    values = encoded.dictionary
    if arrow.types.is_timestamp(values.type):
        zone = "UTC" if values.type.tz else None
        values = values.cast(arrow.timestamp("us", tz=zone), safe=False)
    names = as_text([*map(_cell, values.to_pylist()), ""])
    indices = encoded.indices.fill_null(len(names) - 1)
    column: Text = names[indices.to_numpy(zero_copy_only=False)]
    return column


def _numbers(arrow: Any, found: Any) -> Numbers:
    floats = found.cast(arrow.float64(), safe=False)
    return np.array(floats.to_numpy(zero_copy_only=False))


def _cell(value: str | int | datetime.datetime | None) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value).strip()


def as_parquet(table: TrialTable) -> bytes:
    """The table as a Parquet file, whose columns carry their units and meanings as metadata."""
    arrow, parquet = _pyarrow()
    arrays = [
        arrow.array(column, mask=np.isnan(column))
        if name in NUMERIC
        else arrow.array(column, arrow.string()).dictionary_encode()
        for name, column in ((name, getattr(table, name)) for name in COLUMNS)
    ]
    described = [
        arrow.field(column.name, array.type, metadata=_words(column))
        for column, array in zip(DATA_DICTIONARY, arrays, strict=True)
    ]
    written = arrow.BufferOutputStream()
    parquet.write_table(arrow.table(arrays, arrow.schema(described)), written, compression="zstd")
    return bytes(written.getvalue())


def _words(column: Column) -> dict[str, str]:
    return {"unit": column.unit, "values": column.values, "meaning": column.meaning}


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BadTable(["Parquet needs the package pyarrow, which is not installed"]) from error
    return pyarrow, parquet
