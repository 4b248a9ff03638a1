"""Median response times to each generator's images: of a table, or of trials that come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.columns import Mask, factorise
from scoring.table import TrialTable

Floats = NDArray[np.float64]

BUCKET_MS = 50.0


@dataclass(frozen=True)
class ResponseTime:
    """Median response times to a generator's own images, in ms; None where there are none."""

    median_ms: float | None = None
    right_ms: float | None = None
    wrong_ms: float | None = None


@dataclass(frozen=True)
class Timed:
    """The response times to one generator's images: all, of right, and of wrong answers."""

    rt_ms: Floats
    wrong: Mask

    def each(self) -> tuple[Floats, Floats, Floats]:
        """All, right, wrong."""
        return self.rt_ms, self.rt_ms[~self.wrong], self.rt_ms[self.wrong]


def timed_answers(table: TrialTable) -> dict[str, Timed]:
    """The response times to fakes, by generator."""
    chosen = table.fake & np.isfinite(table.rt_ms)
    names, generator = factorise(table.generator[chosen])
    order = np.argsort(generator, kind="stable")
    ends = np.searchsorted(generator[order], np.arange(len(names)), side="right")
    rt_ms, wrong = table.rt_ms[chosen], table.wrong[chosen]
    parts = np.split(order, ends[:-1])
    return {name: Timed(rt_ms[part], wrong[part]) for name, part in zip(names, parts, strict=False)}


def response_times(table: TrialTable, generators: Sequence[str]) -> tuple[ResponseTime, ...]:
    """The generators' median response times."""
    answers = timed_answers(table)
    nobody = Timed(np.empty(0), np.empty(0, dtype=np.bool_))
    return tuple(
        ResponseTime(*map(_median, answers.get(name, nobody).each())) for name in generators
    )


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if values.size else None


class RunningTimes:
    """The response times to one generator's images, as observers' answers come and go."""

    def __init__(self) -> None:
        self._medians = (RunningMedian(), RunningMedian(), RunningMedian())

    def add(self, answers: Timed, times: int) -> None:
        """Add all answers (`times` 1), or take them away (-1)."""
        for median, values in zip(self._medians, answers.each(), strict=True):
            median.add(values, times)

    def medians(self) -> ResponseTime:
        """As of all answers that are there now."""
        return ResponseTime(*(median.value() for median in self._medians))


class RunningMedian:
    """The exact median of values of which some are added and some taken away.

    Values are counted within buckets, so that neither costs more for what is there already.

    >>> median = RunningMedian()
    >>> median.add([900.0, 100.0, 340.0], 1)
    >>> median.add([900.0], -1)
    >>> median.value()
    220.0
    """

    def __init__(self) -> None:
        self._buckets: dict[int, Counter[float]] = {}
        self._sizes: Counter[int] = Counter()

    def add(self, values: Sequence[float] | Floats, times: int) -> None:
        """Count each value `times` more, or less if that is below 0."""
        for value in np.asarray(values, dtype=np.float64).tolist():
            number = int(value // BUCKET_MS)
            bucket = self._buckets.setdefault(number, Counter())
            bucket[value] += times
            self._sizes[number] += times
            if not bucket[value]:
                del bucket[value]

    def value(self) -> float | None:
        """The median, the mean of the two middle values if their number is even; None of none."""
        size = self._sizes.total()
        return (self._nth((size - 1) // 2) + self._nth(size // 2)) / 2 if size else None

    def _nth(self, rank: int) -> float:
        number = 0
        for number in sorted(self._sizes):
            if rank < self._sizes[number]:
                break
            rank -= self._sizes[number]
        values = sorted(self._buckets[number].elements())
        return values[rank]
