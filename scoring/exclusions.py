"""Whose answers are left out of the scores, by criteria set before the first answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scoring.columns import (
    Codes,
    Mask,
    Text,
    as_text,
    factorise,
    first_rows,
    joint_codes,
    medians_by,
    shares_by,
)
from scoring.table import EXCLUDED, TrialTable

FEWEST_TO_JUDGE = 10


@dataclass(frozen=True)
class Criteria:
    """Who is left out; None does not ask. An answer is one screen, of one image or of more.

    Attributes:
        catch_right: the least share of catch trials answered right, 0 to 1.
        fastest_ms: the least median response time.
        one_answer: the largest share of one and the same response, 0.5 to 1; asked of observers
            with at least 10 responses.
        fewest_trials: the least number of answers.

    Raises:
        ValueError: a criterion is out of its range.
    """

    catch_right: float | None = None
    fastest_ms: float | None = None
    one_answer: float | None = None
    fewest_trials: int | None = None

    def __post_init__(self) -> None:
        _require("catch_right", self.catch_right, 0, 1)
        _require("fastest_ms", self.fastest_ms, 0, np.inf)
        _require("one_answer", self.one_answer, 0.5, 1)
        _require("fewest_trials", self.fewest_trials, 0, np.inf)


@dataclass(frozen=True)
class Excluded:
    """How many observers, and rows of the table, one reason left out; reasons may overlap."""

    reason: str
    observers: int
    trials: int


def _require(name: str, value: float | None, low: float, high: float) -> None:
    if value is None or (low <= value <= high and value < np.inf):
        return
    wanted = f"from {low:g} to {high:g}" if high < np.inf else f"finite and at least {low:g}"
    raise ValueError(f"{name} must be {wanted}, got {value}")


def exclude(table: TrialTable, criteria: Criteria) -> TrialTable:
    """The table with the flag `excluded_…` on all rows of observers who miss a criterion.

    Observers are judged in each study by themselves. Flags of an earlier exclusion go first, so
    doing it twice changes nothing. Catch trials count towards `catch_right` alone.

    >>> rows = {"observer": ["ann", "bob", "bob"], "stimulus": ["s1", "s1", "s2"],
    ...         "truth": ["fake"] * 3, "response": ["real"] * 3}
    >>> exclude(TrialTable.from_columns(rows), Criteria(fewest_trials=2)).flags.tolist()
    ['excluded_few', '', '']
    """
    observers, observer = joint_codes(table.study, table.observer)
    missed = _missed(table, observers, observer, criteria)
    reasons = {EXCLUDED + name: who[observer] for name, who in missed.items()}
    return replace(table, flags=_flags(table.flags, reasons))


def count_excluded(table: TrialTable) -> tuple[Excluded, ...]:
    """Observers and rows left out, by each reason that occurs, in order of its name."""
    names, codes = factorise(table.flags)
    reasons = sorted({word for name in names for word in _words(name) if _excludes(word)})
    counted = []
    for reason in reasons:
        out = np.array([reason in _words(name) for name in names])[codes]
        counted.append(Excluded(reason, len(set(table.observer[out])), int(out.sum())))
    return tuple(counted)


def _missed(
    table: TrialTable, observers: int, observer: Codes, criteria: Criteria
) -> dict[str, Mask]:
    """By the criterion's name, (observers,) True for those who miss it."""
    given = table.answered | table.tied
    main = given & ~table.catch
    answers = _first_of_screens(table, main)
    missed: dict[str, Mask] = {}
    if criteria.catch_right is not None:
        catch = table.answered & table.catch
        right = shares_by(observer[catch], ~table.wrong[catch], observers)
        missed["catch"] = right < criteria.catch_right
    if criteria.fastest_ms is not None:
        timed = answers[np.isfinite(table.rt_ms[answers])]
        medians = medians_by(observer[timed], table.rt_ms[timed], observers)
        missed["fast"] = medians < criteria.fastest_ms
    if criteria.one_answer is not None:
        told = main & table.answered
        words, word = factorise(table.response[told])
        pairs = np.bincount(
            observer[told] * len(words) + word, minlength=observers * len(words)
        ).reshape(observers, len(words))
        total, most = pairs.sum(axis=1), pairs.max(axis=1, initial=0)
        missed["one_answer"] = (total >= FEWEST_TO_JUDGE) & (
            most / np.maximum(total, 1) > criteria.one_answer
        )
    if criteria.fewest_trials is not None:
        missed["few"] = np.bincount(observer[answers], minlength=observers) < criteria.fewest_trials
    return missed


def _first_of_screens(table: TrialTable, chosen: Mask) -> Codes:
    """One row of every screen with a chosen row."""
    rows = np.flatnonzero(chosen)
    screen = table.screens[rows]
    first: Codes = rows[first_rows(screen) == np.arange(len(rows))]
    return first


def _flags(flags: Text, reasons: Mapping[str, Mask]) -> Text:
    """Flags without the reasons of an earlier exclusion, and with these."""
    names, codes = factorise(flags)
    kept = [[word for word in _words(name) if not _excludes(word)] for name in names]
    marks = sum(
        (mask.astype(np.intp) << bit for bit, mask in enumerate(reasons.values())),
        np.zeros(len(flags), dtype=np.intp),
    )
    joint, row = np.unique(codes << len(reasons) | marks, return_inverse=True)
    words = [
        kept[one >> len(reasons)] + [name for bit, name in enumerate(reasons) if one >> bit & 1]
        for one in joint.tolist()
    ]
    return as_text(";".join(own) for own in words)[row]


def _words(flags: str) -> list[str]:
    return [word.strip() for word in flags.split(";") if word.strip()]


def _excludes(word: str) -> bool:
    return word.startswith(EXCLUDED)
