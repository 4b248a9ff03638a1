"""Trial tables travel through CSV and Parquet unchanged, and hostile files are named."""

import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as some

from scoring import parquet as trial_parquet
from scoring.dictionary import NUMERIC
from scoring.files import read_trials, write_trials
from scoring.rules import BadTable
from scoring.table import COLUMNS, TrialTable

GOOD = {
    "observer": ["ann", "bob"],
    "stimulus": ["s1", "s2"],
    "truth": ["fake", "real"],
    "response": ["real", ""],
}
WORDS = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = some.none() | some.floats(0, 1e12)


@some.composite
def tables(draw):
    count = draw(some.integers(1, 4))
    texts = dict.fromkeys(("study", "block", "flags", "answered_at", "screen"), WORDS)
    kinds = texts | dict.fromkeys(NUMERIC, NUMBERS)
    columns = {
        name: draw(some.lists(kind, min_size=count, max_size=count)) for name, kind in kinds.items()
    }
    truth = draw(some.lists(some.sampled_from(["real", "fake"]), min_size=count, max_size=count))
    return TrialTable.from_columns(
        {
            **columns,
            "observer": [f"'=o{n}\r\n" + "é" * n + "." for n in range(count)],
            "stimulus": [f"@s{n}" for n in range(count)],
            "generator": ["g\r1" if word == "fake" else "" for word in truth],
            "truth": truth,
            "response": draw(
                some.lists(some.sampled_from(["real", "fake", ""]), min_size=count, max_size=count)
            ),
        }
    )


def parquet_of(columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def refusal(content):
    with pytest.raises(BadTable) as refused:
        read_trials(io.BytesIO(content))
    return str(refused.value)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@given(table=tables())
def test_every_table_comes_back_as_it_was_written(file_format, table):
    file = io.BytesIO()
    write_trials(table, file, file_format)
    file.seek(0)
    back = read_trials(file)
    assert not file.closed
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), getattr(table, name), err_msg=name)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_file_is_known_by_its_content_not_by_its_name(tmp_path, file_format):
    path = tmp_path / "trials.txt"
    write_trials(TrialTable.from_columns(GOOD), path, file_format)
    assert list(read_trials(path).observer) == ["ann", "bob"]


def test_a_stream_that_cannot_be_wound_back_is_read_too():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    assert len(read_trials(Pipe(parquet_of(GOOD)))) == 2


def test_parquet_may_hold_text_as_views():
    columns = GOOD | {"observer": pa.array(["ann", "bob"], pa.string_view())}
    assert read_trials(io.BytesIO(parquet_of(columns))).observer.tolist() == ["ann", "bob"]


def test_a_time_that_no_calendar_has_is_refused():
    columns = GOOD | {"answered_at": pa.array([-(10**18)] * 2, pa.timestamp("ms"))}
    assert "date value out of range" in refusal(parquet_of(columns))


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_columns_that_are_not_read_are_told(file_format):
    columns = GOOD | {"model": ["gan", ""], "rt": [1, 2]}
    lines = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    content = "\n".join(lines).encode() if file_format == "csv" else parquet_of(columns)
    told = []
    read_trials(io.BytesIO(content), unread=told.extend)
    assert told == ["model", "rt"]


def test_parquet_may_hold_whole_number_ids_categories_and_timestamps():
    moment = np.array(["2026-05-01T10:00:00.250", "NaT"], dtype="datetime64[ns]")
    columns = {
        "Observer ": pa.array([7, 8]),
        "stimulus": ["s1", "s2"],
        "truth": pa.array(["fake", " REAL "]).dictionary_encode(),
        "response": ["real", None],
        "rt_ms": pa.array([812, None], pa.int32()),
        "exposure_ms": pa.array([250.5, np.nan], pa.float32()),
        "block": pa.nulls(2),
        "answered_at": pa.array(moment, pa.timestamp("ns", tz="UTC")),
        "age": [[1], [2]],
    }
    table = read_trials(io.BytesIO(parquet_of(columns)))
    assert table.observer.tolist() == ["7", "8"]
    assert table.truth.tolist() == ["fake", "real"]
    np.testing.assert_array_equal(table.rt_ms, [812, np.nan])
    np.testing.assert_array_equal(table.exposure_ms, [250.5, np.nan])
    assert table.answered_at.tolist() == ["2026-05-01T10:00:00.250000+00:00", ""]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"response": ["real", "no"]}, "row 2: response 'no' is neither real nor fake nor empty"),
        ({"observer": ["ann", None]}, "row 2: observer is empty"),
        ({"rt_ms": [1.0, -1.0]}, "row 2: rt_ms must be finite and not negative, got -1"),
        ({"block": ["a", "\0"]}, "row 2: block holds a NUL character"),
        ({"rt_ms": ["1", "2"]}, "column rt_ms holds string, numbers are wanted"),
        ({"observer": [1.5, 2.5]}, "column observer holds double, text is wanted"),
        ({"truth": [True, False]}, "column truth holds bool, text is wanted"),
        (
            {"stimulus": [["a"], ["b"]], "answered_at": [{"at": 1}, None]},
            "column stimulus holds list<element: string>, text is wanted; "
            "column answered_at holds struct<at: int64>, text or timestamps are wanted",
        ),
        ({"Truth": ["fake", "real"]}, "columns named twice: truth"),
    ],
)
def test_a_bad_row_or_column_of_parquet_is_named_with_the_reason(changed, reason):
    assert refusal(parquet_of(GOOD | changed)) == reason


def test_parquet_without_needed_columns_or_rows_is_refused():
    found = parquet_of({"observer": ["ann"], "truth": ["real"]})
    assert refusal(found) == "missing columns: stimulus, response (found: observer, truth)"
    empty = {name: pa.array([], pa.string()) for name in GOOD}
    assert refusal(parquet_of(empty)) == "the table has columns but no trials"


@pytest.mark.parametrize("kept", [4, 40, -1])
def test_truncated_parquet_is_refused(kept):
    assert refusal(parquet_of(GOOD)[:kept]).startswith("not a Parquet file that can be read: ")


def test_parquet_whose_pages_are_damaged_is_refused():
    content = bytearray(parquet_of(GOOD))
    content[4:60] = b"\xff" * 56
    assert refusal(bytes(content)).startswith("not a Parquet file that can be read: ")


def test_text_that_is_not_utf8_is_refused_in_parquet():
    bad = pa.Array.from_buffers(
        pa.string(),
        2,
        [None, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"\xff\xfe")],
    )
    assert "not a Parquet file that can be read: " in refusal(parquet_of(GOOD | {"block": bad}))


def test_a_small_file_that_stands_for_too_many_rows_is_refused(monkeypatch):
    rows = {name: pa.repeat(pa.scalar(values[0]), 100_000) for name, values in GOOD.items()}
    content = parquet_of(rows)
    assert len(content) < 10_000
    monkeypatch.setattr(trial_parquet, "MOST_ROWS", 99_999)
    assert refusal(content) == "the file declares 100000 rows; at most 99999 are read"


def test_a_small_file_that_stands_for_too_many_bytes_is_refused(monkeypatch):
    content = parquet_of(GOOD | {"block": ["a" * 1_000_000, "b" * 1_000_000]})
    assert len(content) < 200_000
    monkeypatch.setattr(trial_parquet, "MOST_BYTES", 1_000_000)
    assert refusal(content).startswith("the file declares 200")


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("trials.csv", "observer")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x1f\x8b\x08\x00", "the file is compressed by gzip; unpack it first"),
        (
            zipped(),
            "the file is a ZIP archive or a spreadsheet; unpack it, or save the table as CSV",
        ),
        ("observer,truth".encode("utf-16"), "the file is in UTF-16; save it as CSV in UTF-8"),
        ("observer".encode("utf-32"), "the file is in UTF-32; save it as CSV in UTF-8"),
        (
            "observer".encode("utf-16-le"),
            "the file holds NUL characters, as in UTF-16; save it as CSV in UTF-8",
        ),
        (b'[{"observer": "ann"}]', "the file is JSON; save the table as CSV"),
        (b"<!DOCTYPE html>", "the file is a web page or XML; save the table as CSV"),
        (b"sep=,\nobserver\n", "the first line is 'sep=,'; remove it, the header goes first"),
        (b"", "the file is empty, or its first line is; a header line is needed"),
        (
            b"\x00\x01\x02",
            "the file holds NUL characters, as in UTF-16; save it as CSV in UTF-8",
        ),
        (b"observer,\xe9", "the file is not UTF-8 (byte 0xe9); save it as CSV in UTF-8"),
        (b"a" * 200_000, "line 1: not CSV: field larger than field limit (131072)"),
    ],
)
def test_another_kind_of_file_is_named(content, reason):
    assert refusal(content) == reason


def test_a_format_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="must be one of csv, parquet, got 'xlsx'"):
        write_trials(TrialTable.from_columns(GOOD), io.BytesIO(), "xlsx")


def test_parquet_says_what_its_columns_mean():
    file = io.BytesIO()
    write_trials(TrialTable.from_columns(GOOD), file, "parquet")
    field = pq.read_schema(io.BytesIO(file.getvalue())).field("rt_ms")
    assert field.metadata[b"unit"] == b"ms"
    assert field.metadata[b"meaning"] == b"from the image's onset to the answer"
