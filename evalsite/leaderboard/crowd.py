"""Who answered: a page of a study's observers, in the order that was asked for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.leaderboard.left_out import reason_words

ON_A_PAGE = 50

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the table: how its cells are written; numbers are sorted largest first."""

    key: str
    heading: str
    words: str
    write: Callable[[Any], str]


def _percent(value: float) -> str:
    return f"{100 * value:.0f}".replace("-", "−")


def _reasons(words: Sequence[str]) -> str:
    return "; ".join(map(reason_words, words))


COLUMNS = (
    Column("observer", "Observer", "", str),
    Column("n_trials", "Answers", "", "{:,}".format),
    Column("accuracy", "Right, %", "Share of right answers", _percent),
    Column("median_rt_ms", "Time, ms", "Median response time", "{:,.0f}".format),
    Column("said_real", "“Real”, %", "Share of answers that were “real”", _percent),
    Column(
        "said_none", "None of them, %", "Share of answers that were none of the names", _percent
    ),
    Column("reliability", "Reliability, %", "As the others’ answers show it", _percent),
    Column("catch_right", "Catch, %", "Share of catch trials answered right", _percent),
    Column("excluded", "Left out", "By the study’s criteria", _reasons),
)


@dataclass(frozen=True)
class Heading:
    """A heading that is a link to the same observers in its column's order."""

    heading: str
    words: str
    query: str
    is_chosen: bool
    direction: str


@dataclass(frozen=True)
class Line:
    cells: list[str]
    is_out: bool


@dataclass(frozen=True)
class Crowd:
    """One page of observers; `before` and `after` are the queries of its neighbours, or empty."""

    columns: list[Heading]
    lines: list[Line]
    page: int
    pages: int
    total: int
    before: str
    after: str


def crowd(observers: Sequence[Content], *, by: str = "", page: str = "") -> Crowd:
    """The observers of a report, sorted by a column's key (else by name), 50 to a page.

    Shown are the columns that they have: who judged images and who named them have different ones.
    """
    columns = [each for each in COLUMNS if all(each.key in one for one in observers)]
    column = next((each for each in columns if each.key == by), COLUMNS[0])
    in_order = _sorted(observers, column.key)
    pages = max(-(-len(in_order) // ON_A_PAGE), 1)
    number = min(max(int(page), 1), pages) if page.isdecimal() else 1
    shown = in_order[ON_A_PAGE * (number - 1) : ON_A_PAGE * number]
    return Crowd(
        columns=[_heading(each, column) for each in columns],
        lines=[_line(observer, columns) for observer in shown],
        page=number,
        pages=pages,
        total=len(in_order),
        before=f"by={column.key}&page={number - 1}" if number > 1 else "",
        after=f"by={column.key}&page={number + 1}" if number < pages else "",
    )


def _sorted(observers: Sequence[Content], key: str) -> list[Content]:
    """Numbers largest first, words by letter, and whoever has none at the end."""
    having = [each for each in observers if not _is_empty(each[key])]
    lacking = [each for each in observers if _is_empty(each[key])]
    is_number = any(isinstance(each[key], int | float) for each in having)
    return sorted(having, key=lambda each: _place(each[key]), reverse=is_number) + lacking


def _place(value: Any) -> Any:
    """Numbers within names count as numbers: observer 9 comes before observer 10."""
    if not isinstance(value, str):
        return value
    return [(part.isdecimal(), part.zfill(20)) for part in re.split(r"(\d+)", value)]


def _is_empty(value: Any) -> bool:
    return value is None or value == []


def _heading(column: Column, chosen: Column) -> Heading:
    by_letter = column in (COLUMNS[0], COLUMNS[-1])
    direction = "ascending" if by_letter else "descending"
    return Heading(column.heading, column.words, f"by={column.key}", column is chosen, direction)


def _line(observer: Content, columns: Sequence[Column]) -> Line:
    values = [observer[column.key] for column in columns]
    cells = [
        "–" if _is_empty(value) else column.write(value)
        for column, value in zip(columns, values, strict=True)
    ]
    return Line(cells, is_out=bool(observer["excluded"]))
