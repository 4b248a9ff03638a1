"""The trial table: one row a trial, checked as a whole before anything is counted."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain, islice
from textwrap import shorten
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from scoring.columns import Codes, Mask, Numbers, Text, as_text, factorise, has_word, joint_codes
from scoring.dictionary import NEEDED, NUMERIC, Task
from scoring.rules import NUL, BadTable, Check, refuse_broken, rules

CHUNK_ROWS = 500
EXCLUDED = "excluded_"
FORMULA = re.compile(r"'*[=+\-@\t\r]")
BETWEEN_FLAGS = re.compile(r"\s*[;,|]\s*")
LONGEST_FOUND = 300
OTHER_TEXTS = {"{": "JSON", "[": "JSON", "<": "a web page or XML"}

Unread = Callable[[list[str]], None]
"""Told once which columns of a file, if any, are not read."""


@dataclass(frozen=True, eq=False)
class TrialTable:
    """Equal-length columns, one row a trial; `scoring.dictionary` says what each holds.

    Text columns hold str objects, "" where nothing is known. `truth` is "real" or "fake",
    `response` "real", "fake" or "" (skipped); of the task "name", `truth` is a class and `response`
    a class, "none" or "". `generator` is "" for real images. Number columns hold floats, NaN where
    nothing is known; times are in ms. `flags` lists words apart by ";". Rows of one study, observer
    and block with the same `screen` were shown together; "" is alone.
    """

    study: Text
    observer: Text
    block: Text
    position: Numbers
    stimulus: Text
    generator: Text
    truth: Text
    response: Text
    rt_ms: Numbers
    exposure_ms: Numbers
    shown_ms: Numbers
    flags: Text
    answered_at: Text
    screen: Text

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, Sequence[Any] | NDArray[Any]], *, task: Task = "real"
    ) -> TrialTable:
        """Check columns by the rules of a trial table and put them together.

        Args:
            columns: by name, of equal length; observer, stimulus, truth and response are needed.
                Text is str, numbers are float with None or NaN where nothing is known.
            task: "name" if people named the images; then generator is needed too.

        Raises:
            BadTable: names the missing columns, or every bad row by its number from 1.

        >>> table = TrialTable.from_columns({
        ...     "observer": ["ann", "ann"], "stimulus": ["s1", "s2"],
        ...     "truth": ["real", "Fake"], "response": ["fake", " fake "]})
        >>> table.response == table.truth
        array([False,  True])
        """
        require_columns(columns, task)
        lengths = {name: len(columns[name]) for name in COLUMNS if name in columns}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise BadTable([f"columns must be of one length, got {listed}"])
        rows = np.arange(1, lengths["observer"] + 1)
        typed = {
            name: np.array(columns[name], dtype=np.float64)
            if name in NUMERIC
            else as_text(value.strip() for value in columns[name])
            for name in lengths
        }
        return checked_table(typed, rows, place="row", task=task)

    @classmethod
    def joined(cls, tables: Sequence[TrialTable], *, task: Task = "real") -> TrialTable:
        """The rows of at least one table, in order, checked by the rules together."""
        columns = {
            name: np.concatenate([getattr(table, name) for table in tables]) for name in COLUMNS
        }
        rows = np.arange(1, len(columns["observer"]) + 1)
        return checked_table(columns, rows, place="row", task=task)

    def __len__(self) -> int:
        return len(self.observer)

    def where(self, chosen: Mask | Codes) -> TrialTable:
        """The rows where `chosen` (n,) is true, or those that it numbers."""
        return TrialTable(*(getattr(self, name)[chosen] for name in COLUMNS))

    @property
    def answered(self) -> Mask:
        """(n,) True where an answer was given."""
        return np.asarray(self.response != "", dtype=np.bool_)

    @property
    def flagged(self) -> Mask:
        """(n,) True where something was noted against the trial."""
        return np.asarray(self.flags != "", dtype=np.bool_)

    @property
    def catch(self) -> Mask:
        """(n,) True for catch trials: they test the observer, no generator."""
        return has_word(self.flags, "catch".__eq__)

    @property
    def tied(self) -> Mask:
        """(n,) True where the observer could not tell the images of a screen apart."""
        return has_word(self.flags, "tie".__eq__)

    @property
    def excluded(self) -> Mask:
        """(n,) True for trials of observers left out by criteria (`scoring.exclusions`)."""
        return has_word(self.flags, lambda word: word.startswith(EXCLUDED))

    @property
    def screens(self) -> Codes:
        """(n,) a number for each screen, equal where images were shown together."""
        together = np.flatnonzero(self.screen != "")
        columns = (self.study, self.observer, self.block, self.screen)
        count, shared = joint_codes(*(column[together] for column in columns))
        screens = count + np.arange(len(self))
        screens[together] = shared
        return screens

    @property
    def fake(self) -> Mask:
        """(n,) True where the image was generated."""
        return np.asarray(self.generator != "", dtype=np.bool_)

    @property
    def wrong(self) -> Mask:
        """(n,) True where the response is not the truth; so a skipped trial is wrong."""
        return np.asarray(self.response != self.truth, dtype=np.bool_)


COLUMNS = tuple(field.name for field in fields(TrialTable))


def require_columns(present: Iterable[str], task: Task) -> None:
    """Raise BadTable unless all columns are there that the task needs."""
    needed = (*NEEDED, "generator") if task == "name" else NEEDED
    present = list(present)
    missing = [name for name in needed if name not in present]
    if missing:
        found = shorten(", ".join(present), LONGEST_FOUND, placeholder=" …") or "none"
        raise BadTable([f"missing columns: {', '.join(missing)} (found: {found})"])


def checked_table(
    columns: Mapping[str, NDArray[Any]],
    places: NDArray[np.integer[Any]],
    *,
    place: str,
    task: Task,
    checks: Sequence[Check] = (),
    misshapen: Sequence[tuple[int, str]] = (),
) -> TrialTable:
    """Fill the missing columns, apply every rule, and raise BadTable with all that is wrong.

    Args:
        columns: typed and stripped columns, each (n,).
        places: (n,) where each row stands, and `place` what to call that ("line", "row").
        checks: rules already applied while reading; `misshapen`: (place, reason) of rows that
            could not be read into columns at all.
    """
    table = _normalised(columns, task)
    refuse_broken([*checks, *rules(table, places, place, task)], misshapen, places, place)
    return table


def _normalised(columns: Mapping[str, NDArray[Any]], task: Task) -> TrialTable:
    """All columns, with no generator for real images, and real and fake in small letters."""
    count = len(columns["observer"])
    empty_text, empty_numbers = as_text([""] * count), np.full(count, np.nan)
    full = {
        name: columns.get(name, empty_numbers if name in NUMERIC else empty_text)
        for name in COLUMNS
    }
    full["flags"] = _tidy_flags(full["flags"])
    said_real = _small_letters(full["generator"]) == "real"
    if task == "name":
        return TrialTable(**full | {"generator": np.where(said_real, "", full["generator"])})
    full["truth"] = _small_letters(full["truth"])
    full["response"] = _small_letters(full["response"])
    real = full["truth"] == "real"
    if "generator" in columns:
        full["generator"] = np.where(real & said_real, "", full["generator"])
    else:
        full["generator"] = np.where(real, "", "fake").astype(np.object_)
    return TrialTable(**full)


def _tidy_flags(column: Text) -> Text:
    """In small letters and apart by ";", so that "Catch, late" is a catch trial too."""
    names, codes = factorise(column)
    return as_text(BETWEEN_FLAGS.sub(";", name.lower()) for name in names)[codes]


def _small_letters(column: Text) -> Text:
    names, codes = factorise(column)
    return as_text(name.lower() for name in names)[codes]


def read_csv(file: TextIO, *, task: Task = "real", unread: Unread | None = None) -> TrialTable:
    """Read a trial table: CSV, comma-separated, UTF-8 with or without BOM, a header line first.

    Columns may come in any order; columns of other names are not read. A cell's surrounding space
    is dropped, and so is the apostrophe by which `write_csv` keeps spreadsheets from calculating.

    Args:
        file: open for reading text, best with `newline=""`. task: what people were asked.
        unread: called with the names of the columns that are not read, if there are any.

    Raises:
        BadTable: every bad row by line number and reason, or what is wrong with the file.
    """
    try:
        return _read(file, task, unread)
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise BadTable(
            [f"the file is not UTF-8 (byte 0x{byte:02x}); save it as CSV in UTF-8"]
        ) from error


def write_csv(table: TrialTable, file: TextIO) -> None:
    """Write all columns to a text file (opened with `newline=""`); `read_csv` gives them back.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    writer = csv.writer(file)  # its line ends, CR LF, are what makes it quote both
    writer.writerow(COLUMNS)
    columns = [
        map(_number_cell if name in NUMERIC else _text_cell, getattr(table, name).tolist())
        for name in COLUMNS
    ]
    writer.writerows(zip(*columns, strict=True))


def _number_cell(number: float) -> str:
    return "" if number != number else repr(number).removesuffix(".0")


def _text_cell(text: str) -> str:
    return f"'{text}" if FORMULA.match(text) else text


class _Tidy(dict[str, str]):
    """Cells without surrounding space; equal cells become one object."""

    def __missing__(self, cell: str) -> str:
        tidy = cell.strip()
        if tidy.startswith("'") and FORMULA.match(tidy):
            tidy = tidy[1:]
        self[cell] = tidy
        return tidy


def _read(file: TextIO, task: Task, unread: Unread | None) -> TrialTable:
    first_line = next(iter(file), "").removeprefix("\ufeff")
    _refuse_no_header(first_line)
    reader = csv.reader(chain([first_line], file), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader)]
        _check_header(header, task)
        tell_unread(header, unread)
        cells, lines, misshapen = _read_cells(reader, header)
    except csv.Error as error:
        raise BadTable([f"line {reader.line_num}: not CSV: {error}"]) from error
    if not lines and not misshapen:
        raise BadTable(["the table has a header but no trials"])
    columns: dict[str, NDArray[Any]] = {}
    checks = []
    for name, column in cells.items():
        if name in NUMERIC:
            columns[name], check = _parse_numbers(column, name)
            checks.append(check)
        else:
            columns[name] = as_text(column)
    places = np.array(lines, dtype=np.int64)
    return checked_table(
        columns, places, place="line", task=task, checks=checks, misshapen=misshapen
    )


def _refuse_no_header(line: str) -> None:
    if not line.strip():
        raise BadTable(["the file is empty, or its first line is; a header line is needed"])
    if NUL in line:
        raise BadTable(["the file holds NUL characters, as in UTF-16; save it as CSV in UTF-8"])
    if line[0] in OTHER_TEXTS:
        raise BadTable([f"the file is {OTHER_TEXTS[line[0]]}; save the table as CSV"])
    if line.lower().startswith("sep="):
        raise BadTable([f"the first line is {line.strip()!r}; remove it, the header goes first"])


def tell_unread(present: Iterable[str], unread: Unread | None) -> None:
    """Say which of a file's columns no trial table has."""
    others = [name for name in present if name and name not in COLUMNS]
    if others and unread:
        unread(others)


def _check_header(header: Sequence[str], task: Task) -> None:
    separator = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), None)
    if separator:
        raise BadTable([f"columns are separated by {separator!r}; a comma is wanted"])
    require_columns(header, task)
    twice = sorted({name for name in header if name in COLUMNS and header.count(name) > 1})
    if twice:
        raise BadTable([f"columns named twice: {', '.join(twice)}"])


def _read_cells(
    reader: Iterator[list[str]], header: Sequence[str]
) -> tuple[dict[str, list[str]], list[int], list[tuple[int, str]]]:
    """Tidy cells by column, the line each row starts on, and the rows of another length."""
    cells: dict[str, list[str]] = {name: [] for name in header if name in COLUMNS}
    tidies = {name: _Tidy() for name in cells}
    lines: list[int] = []
    misshapen: list[tuple[int, str]] = []
    numbered = _numbered(reader)
    while chunk := list(islice(numbered, CHUNK_ROWS)):
        whole = [(line, row) for line, row in chunk if len(row) == len(header)]
        misshapen += [
            (line, f"has {len(row)} fields, the header has {len(header)}")
            for line, row in chunk
            if len(row) != len(header)
        ]
        lines += [line for line, _ in whole]
        for name, column in zip(header, zip(*(row for _, row in whole), strict=True), strict=False):
            if name in cells:
                cells[name] += map(tidies[name].__getitem__, column)
    return cells, lines, misshapen


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the number of its first line."""
    line = reader.line_num + 1
    for row in reader:
        if row:
            yield line, row
        line = reader.line_num + 1


def _parse_numbers(cells: Sequence[str], name: str) -> tuple[Numbers, Check]:
    """Floats, NaN for empty cells, and the rule that every other cell is a number."""
    numbers = np.array([_number(cell) for cell in cells])
    broken = np.isnan(numbers) & np.array([cell != "" for cell in cells])
    return numbers, Check(broken, lambda row: f"{name} {cells[row]!r} is not a number")


def _number(cell: str) -> float:
    try:
        return float(cell) if cell else np.nan
    except ValueError:
        return np.nan
