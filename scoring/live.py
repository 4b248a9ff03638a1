"""Scores that are kept up as answers arrive, at a cost that the answers before do not raise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.counts import ImageSums, Sums, Whole, count
from scoring.intervals import draw_totals
from scoring.response_times import RunningTimes, timed_answers
from scoring.score import Evidence, Scores, Settings, scores_of, thresholds_of
from scoring.selection import LeftOut, Skipped, select
from scoring.staircase import RULES, BlockThreshold, Staircase
from scoring.table import TrialTable

Columns = NDArray[np.intp]

ONLY = np.zeros(1, dtype=np.intp)


class Live:
    """The scores of all trials put so far; the same, to the last digit, as `score` of their table.

    Sums and draws are whole numbers, so an observer's part can be added and taken away exactly.
    Putting costs (the observer's trials) × draws, scores cost generators × draws.

    >>> live = Live(draws=100)
    >>> live.put("ann", TrialTable.from_columns({
    ...     "observer": ["ann", "ann"], "stimulus": ["s1", "s2"],
    ...     "truth": ["real", "fake"], "response": ["fake", "fake"]}))
    >>> live.scores().generators[0].error_rate.value
    0.5
    """

    def __init__(
        self,
        *,
        draws: int = 10_000,
        seed: int = 0,
        confidence: float = 0.95,
        skipped: Skipped = "out",
        staircase: Staircase | None = RULES["weighted"],
    ) -> None:
        """Start without trials; the arguments are those of `score`."""
        self._settings = Settings(draws, seed, confidence, skipped, staircase)
        self._parts: dict[str, _Part] = {}
        self._running = _Running(np.zeros((2, 4, 0, draws), dtype=np.int64), seed)

    def put(self, observer: str, table: TrialTable) -> None:
        """Let `table` be all trials of the observer, in place of those put before.

        Args:
            table: trials of this observer alone; an empty one takes the observer away.

        Raises:
            ValueError: a trial is of another observer.
        """
        others = set(table.observer.tolist()) - {observer}
        if others:
            raise ValueError(f"all trials must be of observer {observer!r}, got {min(others)!r}")
        used, left_out = select(table, self._settings.skipped)
        blocks = thresholds_of(used, self._settings)
        if observer in self._parts:
            self._running.add(self._parts.pop(observer).used, -1)
        if len(table):
            columns, sums = self._running.add(used, 1)
            self._parts[observer] = _Part(used, columns, sums, blocks, left_out)

    def scores(self) -> Scores:
        """The scores of all trials that are there now."""
        return scores_of(self._running.evidence(self._parts), self._settings)


@dataclass(frozen=True)
class _Part:
    """One observer's trials. Their draws would be too large to keep, and are drawn again if needed.

    Attributes:
        used: the trials that count.
        columns: (g,) of the generators among them. sums: (4, g) as `Sums.by_observer`.
    """

    used: TrialTable
    columns: Columns
    sums: Whole
    blocks: tuple[BlockThreshold, ...]
    left_out: LeftOut


class _Images:
    """Sums of one pool's images by generator; neither's ids are known beforehand."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._values = np.zeros((2, 0, 0), dtype=np.int64)

    def add(self, images: ImageSums, columns: Columns, times: int) -> None:
        """Add the sums of the generators of these columns, `times` over."""
        for name in images.names:
            self._places.setdefault(name, len(self._places))
        places = np.array([self._places[name] for name in images.names], dtype=np.intp)
        self._grow(columns)
        self._values[:, columns[:, None], places] += times * images.values

    def sums(self, columns: Columns) -> ImageSums:
        """The images that count for any generator of these columns, in the order of their ids."""
        self._grow(columns)
        names = np.array(sorted(self._places), dtype=np.object_)
        order = np.array([self._places[name] for name in names], dtype=np.intp)
        values = self._values.take(columns, axis=1).take(order, axis=2)
        counted = values[0].any(axis=0)
        return ImageSums(tuple(names[counted]), values.compress(counted, axis=2))

    def _grow(self, columns: Columns) -> None:
        wide = _grown(self._values, 1, int(columns.max(initial=-1)) + 1)
        self._values = _grown(wide, 2, len(self._places))


@dataclass
class _Running:
    """Sums over all observers, with a column for each generator ever seen."""

    drawn: Whole
    seed: int
    columns: dict[str, int] = field(default_factory=dict)
    real_trials: Whole = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    real_pairs: Whole = field(default_factory=lambda: np.zeros((2, 0, 0), dtype=np.int64))
    reals: _Images = field(default_factory=_Images)
    fakes: defaultdict[str, _Images] = field(default_factory=lambda: defaultdict(_Images))
    times: defaultdict[str, RunningTimes] = field(default_factory=lambda: defaultdict(RunningTimes))

    def add(self, used: TrialTable, times: int) -> tuple[Columns, Whole]:
        """Add an observer's trials (`times` 1), or take them away (-1); their columns and sums."""
        counts = count(used)
        sums = counts.sums()
        own = self._columns(sums.generators)
        drawn = draw_totals(counts, draws=self.drawn.shape[-1], seed=self.seed)
        for number, column in enumerate(own.tolist()):
            self.drawn[:, :, column] += times * drawn[:, :, number]
        self.real_trials[own] += times * sums.real_trials
        self.real_pairs[:, own[:, None], own] += times * sums.real_pairs
        self.reals.add(sums.reals, own, times)
        for name, images in zip(sums.generators, sums.fakes, strict=True):
            self.fakes[name].add(images, ONLY, times)
        for name, answers in timed_answers(used).items():
            self.times[name].add(answers, times)
        return own, sums.by_observer.sum(axis=2)

    def evidence(self, parts: Mapping[str, _Part]) -> Evidence:
        """All that is there, and the observers' parts of it, as `score` gathers it from a table."""
        fakes = {name: images.sums(ONLY) for name, images in self.fakes.items()}
        generators = tuple(sorted(name for name, images in fakes.items() if images.names))
        own = self._columns(generators)
        judges = {name: parts[name] for name in sorted(parts) if len(parts[name].used)}
        return Evidence(
            sums=Sums(
                generators=generators,
                observers=tuple(judges),
                by_observer=self._by_observer(list(judges.values())).take(own, axis=1),
                fakes=tuple(fakes[name] for name in generators),
                reals=self.reals.sums(own),
                real_trials=self.real_trials[own],
                real_pairs=self.real_pairs.take(own, axis=1).take(own, axis=2),
            ),
            drawn=self.drawn.take(own, axis=2),
            times=tuple(self.times[name].medians() for name in generators),
            blocks=tuple(block for part in judges.values() for block in part.blocks),
            n_trials=sum(len(part.used) for part in judges.values()),
            left_out=LeftOut.together(part.left_out for part in parts.values()),
        )

    def _by_observer(self, judges: Sequence[_Part]) -> Whole:
        """(4, columns, O)."""
        sums = np.zeros((4, len(self.columns), len(judges)), dtype=np.int64)
        if judges:
            column = np.concatenate([part.columns for part in judges])
            observer = np.repeat(np.arange(len(judges)), [len(part.columns) for part in judges])
            sums[:, column, observer] = np.concatenate([part.sums for part in judges], axis=1)
        return sums

    def _columns(self, generators: Sequence[str]) -> Columns:
        """The generators' columns; new ones get a new column."""
        for name in generators:
            self.columns.setdefault(name, len(self.columns))
        wanted = len(self.columns)
        self.drawn = _grown(self.drawn, 2, wanted)
        self.real_trials = _grown(self.real_trials, 0, wanted)
        self.real_pairs = _grown(_grown(self.real_pairs, 1, wanted), 2, wanted)
        return np.array([self.columns[name] for name in generators], dtype=np.intp)


def _grown(array: NDArray[Any], axis: int, size: int) -> NDArray[Any]:
    """The array with room for `size` along an axis, at least doubled if it must grow."""
    if size <= (room := array.shape[axis]):
        return array
    shape = list(array.shape)
    shape[axis] = max(size, 2 * room) - room
    return np.concatenate([array, np.zeros(shape, dtype=array.dtype)], axis)
