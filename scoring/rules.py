"""The rules of a trial table, and the error that lists every row that breaks one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scoring.columns import Mask, Numbers, Text, factorise, first_rows, joint_codes
from scoring.dictionary import DATA_DICTIONARY, NONE, NUMERIC, Task

if TYPE_CHECKING:
    from scoring.table import TrialTable


TEXTS = tuple(column.name for column in DATA_DICTIONARY if column.name not in NUMERIC)
LISTED_ROWS = 10
NUL = "\0"


class BadTable(ValueError):
    """A trial table that cannot be used; nothing of it is.

    `reasons` holds what is wrong, for the first bad rows; `total` counts all bad rows.
    """

    def __init__(self, reasons: Sequence[str], total: int = 1) -> None:
        self.reasons = tuple(reasons)
        self.total = total
        super().__init__(self._message())

    def _message(self) -> str:
        listed = "; ".join(self.reasons)
        if self.total == 1:
            return listed
        unlisted = self.total - len(self.reasons)
        more = f"; and {unlisted} more" if unlisted > 0 else ""
        return f"{self.total} bad rows: {listed}{more}"


@dataclass(frozen=True)
class Check:
    """One rule: the rows that break it, and the words for one such row."""

    broken: Mask
    reason: Callable[[int], str]


def refuse_broken(
    checks: Sequence[Check],
    misshapen: Sequence[tuple[int, str]],
    places: NDArray[np.integer[Any]],
    place: str,
) -> None:
    """Raise BadTable if any row breaks a rule or is misshapen, naming the first rows by place."""
    broken = np.logical_or.reduce([check.broken for check in checks])
    rows = np.flatnonzero(broken)
    bad = [
        (int(places[row]), ", ".join(check.reason(row) for check in checks if check.broken[row]))
        for row in rows[:LISTED_ROWS].tolist()
    ]
    bad = sorted([*bad, *misshapen])[:LISTED_ROWS]
    if bad:
        listed = [f"{place} {number}: {reason}" for number, reason in bad]
        raise BadTable(listed, len(rows) + len(misshapen))


def rules(
    table: TrialTable, places: NDArray[np.integer[Any]], place: str, task: Task
) -> list[Check]:
    """Every rule of a trial table of this task, applied."""
    return [
        Check(table.observer == "", lambda row: "observer is empty"),
        Check(table.stimulus == "", lambda row: "stimulus is empty"),
        *(_real_or_fake(table) if task == "real" else _named(table)),
        *(_number_rule(getattr(table, name), name) for name in NUMERIC),
        *(_text_rule(getattr(table, name), name) for name in TEXTS),
        _one_answer(table, places, place),
        _one_origin(table, places, place),
        _one_block(table, places, place),
    ]


def _real_or_fake(table: TrialTable) -> list[Check]:
    words = {"real", "fake"}
    unnamed = (table.truth == "fake") & _among(table.generator, {"", "real", "Real", "REAL"})
    named_real = (table.truth == "real") & (table.generator != "")
    return [
        Check(
            ~_among(table.truth, words),
            lambda row: f"truth {table.truth[row]!r} is neither real nor fake",
        ),
        Check(
            ~_among(table.response, {*words, ""}),
            lambda row: f"response {table.response[row]!r} is neither real nor fake nor empty",
        ),
        Check(unnamed, lambda row: "a fake image needs its generator's name"),
        Check(
            named_real, lambda row: f"a real image cannot have generator {table.generator[row]!r}"
        ),
    ]


def _named(table: TrialTable) -> list[Check]:
    nothing = np.asarray((table.truth == NONE) & ~table.catch, dtype=np.bool_)
    return [
        Check(table.truth == "", lambda row: "truth is empty; the image's class is wanted"),
        Check(nothing, lambda row: f"truth {NONE} is for catch trials; the class is wanted"),
    ]


def _among(column: Text, words: set[str]) -> Mask:
    names, codes = factorise(column)
    return np.array([name in words for name in names], dtype=np.bool_)[codes]


def _number_rule(column: Numbers, name: str) -> Check:
    broken = (column < 0) | np.isinf(column)
    return Check(broken, lambda row: f"{name} must be finite and not negative, got {column[row]:g}")


def _text_rule(column: Text, name: str) -> Check:
    bad = {cell for cell in set(column.tolist()) if NUL in cell}
    broken = _among(column, bad) if bad else np.zeros(len(column), dtype=np.bool_)
    return Check(broken, lambda row: f"{name} holds a NUL character")


def _one_answer(table: TrialTable, places: NDArray[np.integer[Any]], place: str) -> Check:
    first = first_rows(joint_codes(table.study, table.observer, table.stimulus)[1])
    return Check(
        first != np.arange(len(table)),
        lambda row: (
            f"observer {table.observer[row]!r} already has stimulus {table.stimulus[row]!r} "
            f"on {place} {places[first[row]]}"
        ),
    )


def _one_origin(table: TrialTable, places: NDArray[np.integer[Any]], place: str) -> Check:
    first = first_rows(joint_codes(table.study, table.stimulus)[1])
    changed = (table.truth != table.truth[first]) | (table.generator != table.generator[first])

    def origin(row: int) -> str:
        return table.generator[row] or table.truth[row] or "of no known origin"

    return Check(
        np.asarray(changed, dtype=np.bool_),
        lambda row: (
            f"stimulus {table.stimulus[row]!r} is {origin(row)} here "
            f"but {origin(first[row])} on {place} {places[first[row]]}"
        ),
    )


def _one_block(table: TrialTable, places: NDArray[np.integer[Any]], place: str) -> Check:
    """What was shown together is of one block."""
    shown, first = np.flatnonzero(table.screen != ""), np.arange(len(table))
    columns = (table.study, table.observer, table.screen)
    first[shown] = shown[first_rows(joint_codes(*(column[shown] for column in columns))[1])]
    return Check(
        np.asarray(table.block != table.block[first], dtype=np.bool_),
        lambda row: (
            f"screen {table.screen[row]!r} of observer {table.observer[row]!r} is in block "
            f"{table.block[row]!r} here but {table.block[first[row]]!r} on {place} "
            f"{places[first[row]]}"
        ),
    )
