"""What a study's page says of images that were named: shares by pool, and what was taken for what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.leaderboard.words import milliseconds, percent

REALS = "Real images"

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """How often a class was given an answer; `share` is of the class, in percent."""

    count: int
    share: str
    is_right: bool


@dataclass(frozen=True)
class Grid:
    """A confusion table: a row a class, a column an answer."""

    pool: str
    answers: list[str]
    rows: list[tuple[str, list[Cell]]]


@dataclass(frozen=True)
class Line:
    """A pool's row of the table; each cell with its heading."""

    name: str
    cells: list[tuple[str, str]]
    note: str


@dataclass(frozen=True)
class Named:
    columns: tuple[str, ...]
    lines: list[Line]
    grids: list[Grid]


COLUMNS = (
    "Named right, %",
    "95 % interval",
    "None of them, %",
    "95 % interval",
    "Time, ms",
    "Images",
    "Answers",
)


def named_of(content: Content, names: Mapping[str, str]) -> Named:
    """Read a report of named images; `names` of the generators by slug."""
    known = {"": REALS, **names}
    lines = [_line(pool, known) for pool in content["pools"]]
    return Named(COLUMNS, lines, list(_grids(content["confusions"], known)))


def _line(pool: Content, names: Mapping[str, str]) -> Line:
    right, none = pool["named_right"], pool["said_none"]
    time = "–" if pool["median_ms"] is None else milliseconds(pool["median_ms"])
    cells = [
        *(cell for estimate in (right, none) for cell in _estimate(estimate)),
        time,
        f"{pool['n_images']:,}",
        f"{pool['n_trials']:,}",
    ]
    name = names.get(pool["generator"], pool["generator"])
    return Line(name, list(zip(COLUMNS, cells, strict=True)), right["reason"] or "")


def _estimate(own: Content) -> tuple[str, str]:
    if own["low"] is None:
        return percent(own["value"]), "–"
    return percent(own["value"]), f"{percent(own['low'])} to {percent(own['high'])}"


def _grids(confusions: Sequence[Content], names: Mapping[str, str]) -> Iterator[Grid]:
    for own in confusions:
        answers = own["answers"]
        rows = [
            (truth, _cells(truth, answers, counts))
            for truth, counts in zip(own["truths"], own["counts"], strict=True)
        ]
        yield Grid(names.get(own["generator"], own["generator"]), answers, rows)


def _cells(truth: str, answers: Sequence[str], counts: Sequence[int]) -> list[Cell]:
    total = sum(counts)
    return [
        Cell(count, f"{100 * count / total:.0f}", answer == truth)
        for answer, count in zip(answers, counts, strict=True)
    ]
