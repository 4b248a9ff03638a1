"""Scores kept up in this process: what was counted before is not counted again for each new answer."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from evalsite.studies.models import Observer, Study
from evalsite.studies.table import table_of_observers, trial_table
from scoring.dictionary import Task
from scoring.live import Live
from scoring.naming_report import rightly_named
from scoring.pairs import PairScores, score_pairs
from scoring.score import Scores, score
from scoring.staircase import RULES, ConstantStimuli, Staircase
from scoring.table import TrialTable

OVERLAP = timedelta(seconds=60)  # an answer is committed after its time was taken, but not so long
MOST_BOARDS = 32

Key = tuple[bool, tuple[tuple[str, int], ...]]


@dataclass(frozen=True)
class Standings:
    """What people (or simulated observers) make of the generators of some studies.

    Attributes:
        scores: where images were named, the error rate is the share named right (`rightly_named`).
    """

    task: Task
    scores: Scores
    pairs: PairScores | None


def standings(studies: Sequence[Study], *, simulated: bool) -> Standings:
    """Score the answers of studies that share a board.

    Studies to which nobody can answer any more are scored from their trial table as a whole, others
    from what this process has counted of them and what is new. The digits are the same.
    """
    if not any(study.is_open for study in studies):
        task = studies[0].task
        table = _judged(trial_table(studies, simulated=simulated), task)
        scores = score(table, staircase=staircase_of(studies[0]))
        return Standings(task, scores, score_pairs(table))
    return _board(studies, simulated).standings()


def _judged(table: TrialTable, task: Task) -> TrialTable:
    return rightly_named(table) if task == "name" else table


def staircase_of(study: Study) -> Staircase | None:
    """The rule that sets a flash study's exposures."""
    if not study.is_flash:
        return None
    rule = RULES[study.rules.staircase]
    return ConstantStimuli(study.rules.exposures_ms) if isinstance(rule, ConstantStimuli) else rule


_boards: "OrderedDict[Key, _Board]" = OrderedDict()


def _board(studies: Sequence[Study], simulated: bool) -> "_Board":
    """The board as this process has it, made anew if answers were taken away since."""
    key = (simulated, tuple((study.code, study.revision) for study in studies))
    if key not in _boards:
        _boards[key] = _Board(studies, simulated)
    _boards.move_to_end(key)
    while len(_boards) > MOST_BOARDS:
        _boards.popitem(last=False)
    return _boards[key]


@dataclass
class _Board:
    studies: Sequence[Study]
    simulated: bool
    live: Live = field(init=False)
    pairs: dict[str, TrialTable] = field(default_factory=dict)
    changes: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.live = Live(staircase=staircase_of(self.studies[0]))
        imported = [study for study in self.studies if study.imported_from]
        if imported:
            self._put(trial_table(imported, simulated=self.simulated))

    @property
    def task(self) -> Task:
        return self.studies[0].task

    def standings(self) -> Standings:
        changed = self._changed()
        for study in self.studies:
            own = [observer for observer in changed if observer.study_id == study.pk]
            if own:
                self._put(table_of_observers(study, own))
        self.changes |= {observer.pk: observer.changed_at for observer in changed}
        return Standings(self.task, self.live.scores(), self._score_pairs())

    def _changed(self) -> list[Observer]:
        """Who has answered since: looked for from a little before the last answer that is known."""
        observers = Observer.objects.filter(study__in=self.studies, simulated=self.simulated)
        if self.changes:
            observers = observers.filter(changed_at__gt=max(self.changes.values()) - OVERLAP)
        return [each for each in observers if self.changes.get(each.pk) != each.changed_at]

    def _put(self, table: TrialTable) -> None:
        for observer, own in _by_observer(table):
            self.live.put(observer, _judged(own, self.task))
            if (own.screen != "").any():
                self.pairs[observer] = own

    def _score_pairs(self) -> PairScores | None:
        return score_pairs(TrialTable.joined(list(self.pairs.values()))) if self.pairs else None


def _by_observer(table: TrialTable) -> Iterator[tuple[str, TrialTable]]:
    if not len(table):
        return
    names, observer = np.unique(table.observer.astype(str), return_inverse=True)
    order = np.argsort(observer, kind="stable")
    ends = np.cumsum(np.bincount(observer, minlength=len(names)))
    for name, rows in zip(names.tolist(), np.split(order, ends[:-1]), strict=True):
        yield name, table.where(rows)
