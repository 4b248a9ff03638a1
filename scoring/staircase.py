"""Rules that set how long a flash lasts, and the thresholds read from their blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scoring.blocks import Own, answers_by_level, by_generator, modal_exposures
from scoring.columns import Codes, Mask, joint_codes
from scoring.intervals import ObserverMean, mean_over_observers
from scoring.psychometric import fit_thresholds
from scoring.ranks import rank_means
from scoring.table import TrialTable

Floats = NDArray[np.float64]
Censored = Literal["floor", "ceiling"]
History = Sequence[tuple[float, bool]]

MOST_LEVELS = 12
SHORTEST_LIMITED_MS = 1000


@dataclass(frozen=True)
class Staircase(ABC):
    """How the exposures of a block's flashes are set; all in ms."""

    @property
    @abstractmethod
    def floor_ms(self) -> float:
        """The shortest exposure."""

    @property
    @abstractmethod
    def ceiling_ms(self) -> float:
        """The longest exposure."""

    @property
    @abstractmethod
    def convergence(self) -> float | None:
        """The share of right answers at which exposures settle; None if they do not."""

    @property
    def share_right(self) -> float:
        """The share of right answers at which thresholds are read: where it settles, else 0.75."""
        return self.convergence or 0.75

    @abstractmethod
    def next_ms(self, history: History) -> float | None:
        """The exposure after a block's (exposure_ms, correct) so far; None if a plan has set it."""

    @abstractmethod
    def allows(self, exposures_ms: Floats) -> Mask:
        """(n,) True for exposures that the rule could have set."""

    def censored(self, value_ms: float) -> Censored | None:
        """Which end a threshold lies at; its true value is then beyond that end."""
        if value_ms <= self.floor_ms:
            return "floor"
        return "ceiling" if value_ms >= self.ceiling_ms else None


@dataclass(frozen=True)
class UpDown(Staircase):
    """Longer after a wrong answer, shorter after `right_in_a_row` right ones at one exposure.

    It settles where steps up and down balance, at a share of right answers of
    (up / (up + down)) ** (1 / right_in_a_row): Kaernbach, Perception & Psychophysics 49 (1991),
    and for several in a row Levitt, Journal of the Acoustical Society of America 49 (1971).

    Raises:
        ValueError: a step or the floor is not above 0, right_in_a_row is below 1, or
            floor ≤ start ≤ ceiling does not hold.

    >>> rule = UpDown()
    >>> rule.next_ms([]), rule.next_ms([(500, False)]), rule.next_ms([(500, False), (530, True)])
    (500, 530, 520)
    >>> rule.convergence
    0.75
    """

    start_ms: float = 500
    step_down_ms: float = 10
    step_up_ms: float = 30
    right_in_a_row: int = 1
    floor_ms: float = 100
    ceiling_ms: float = 1000

    def __post_init__(self) -> None:
        for name in ("step_down_ms", "step_up_ms", "floor_ms"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.right_in_a_row < 1:
            raise ValueError(f"right_in_a_row must be at least 1, got {self.right_in_a_row}")
        if not self.floor_ms <= self.start_ms <= self.ceiling_ms:
            raise ValueError(
                "a staircase needs floor_ms ≤ start_ms ≤ ceiling_ms, "
                f"got {self.floor_ms}, {self.start_ms}, {self.ceiling_ms}"
            )

    @property
    def convergence(self) -> float:
        balance = self.step_up_ms / (self.step_up_ms + self.step_down_ms)
        return float(balance ** (1 / self.right_in_a_row))

    def next_ms(self, history: History) -> float:
        """The exposure after a block's trials so far, kept between floor and ceiling.

        Raises:
            ValueError: the last exposure is not above 0.
        """
        if not history:
            return self.start_ms
        last_ms, correct = history[-1]
        if not last_ms > 0:
            raise ValueError(f"an exposure must be above 0 ms, got {last_ms}")
        if not correct:
            return min(last_ms + self.step_up_ms, self.ceiling_ms)
        row = takewhile(lambda trial: trial[1] and trial[0] == last_ms, reversed(history))
        enough = len(list(row)) >= self.right_in_a_row
        return max(last_ms - self.step_down_ms, self.floor_ms) if enough else last_ms

    def allows(self, exposures_ms: Floats) -> Mask:
        return (exposures_ms >= self.floor_ms) & (exposures_ms <= self.ceiling_ms)


@dataclass(frozen=True)
class ConstantStimuli(Staircase):
    """Fixed levels, drawn for each trial when the study is planned; no answer moves them.

    Raises:
        ValueError: fewer than 2 levels, one twice, or one below 1 ms.

    >>> ConstantStimuli((100, 300)).next_ms([(100, True)]) is None
    True
    """

    levels_ms: tuple[float, ...] = (100, 150, 200, 300, 500, 1000)

    def __post_init__(self) -> None:
        different = len(set(self.levels_ms)) == len(self.levels_ms) >= 2
        if not (different and all(level >= 1 for level in self.levels_ms)):
            raise ValueError(
                f"constant stimuli need 2 or more different levels of at least 1 ms, got {self.levels_ms}"
            )

    @property
    def floor_ms(self) -> float:
        return min(self.levels_ms)

    @property
    def ceiling_ms(self) -> float:
        return max(self.levels_ms)

    @property
    def convergence(self) -> None:
        return None

    def next_ms(self, history: History) -> None:
        return None

    def allows(self, exposures_ms: Floats) -> Mask:
        return np.isin(exposures_ms, self.levels_ms)


WEIGHTED_UP_DOWN = UpDown()
RULES: dict[str, Staircase] = {
    "weighted": WEIGHTED_UP_DOWN,
    "three_down": UpDown(step_down_ms=30, step_up_ms=30, right_in_a_row=3),
    "constant": ConstantStimuli(),
}


@dataclass(frozen=True)
class BlockThreshold:
    """What one block says of one generator, in ms.

    Attributes:
        n_trials: the trials it was read from: fakes of the generator, and reals.
        modal_ms: the exposure shown most often, as HYPE reads a block; None by constant stimuli.
        fit_ms: where the fitted psychometric function passes the rule's share of right answers;
            fit_low_ms, fit_high_ms: its credible interval.
        modal_censored, fit_censored: the end that the value lies at and is only a bound for.
    """

    study: str
    observer: str
    block: str
    generator: str
    n_trials: int
    modal_ms: float | None
    modal_censored: Censored | None
    fit_ms: float
    fit_low_ms: float
    fit_high_ms: float
    fit_censored: Censored | None


@dataclass(frozen=True)
class ThresholdScore:
    """A generator's threshold: the mean over blocks, then over observers, in ms.

    Censored blocks enter a mean with that end's value, so it is an upper bound where some are at
    the floor, a lower one where some are at the ceiling.

    Attributes:
        fit_ms: of the fitted thresholds, with the blocks that are censored.
        mean_ms: of the modal exposures, as published, which lean to the start of a short staircase;
            n_blocks_at_floor and n_blocks_at_ceiling are theirs. None by constant stimuli.
        rank_low, rank_high: the ranks that fit_ms may have (`rank_means`), 1 for the longest
            exposure needed; None for one observer.
    """

    mean_ms: ObserverMean | None
    fit_ms: ObserverMean
    n_blocks: int
    n_blocks_at_floor: int
    n_blocks_at_ceiling: int
    n_fits_at_floor: int
    n_fits_at_ceiling: int
    rank_low: int | None = None
    rank_high: int | None = None


def thresholds(
    table: TrialTable,
    rule: Staircase = WEIGHTED_UP_DOWN,
    *,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, ThresholdScore]:
    """Each generator's exposure threshold, for generators shown in blocks run by a rule."""
    blocks = block_thresholds(table, rule, confidence=confidence)
    return summarise(blocks, draws=draws, seed=seed, confidence=confidence)


def block_thresholds(
    table: TrialTable, rule: Staircase = WEIGHTED_UP_DOWN, *, confidence: float = 0.95
) -> tuple[BlockThreshold, ...]:
    """Each block's threshold for each of its generators, by generator, then block.

    A block (study, observer, block) is the rule's if its exposures vary and the rule allows all. A
    fake weighs 1 for its generator, a real trial that generator's share of the block's fakes.
    Flagged trials and trials without exposure are left out; a trial without answer is wrong. An
    observer's values do not depend on the others in the table.
    """
    table, block = trials_run_by(rule, table)
    return tuple(
        threshold
        for own in by_generator(table, block)
        for threshold in _read(table, block, own, rule, confidence)
    )


def summarise(
    blocks: Iterable[BlockThreshold],
    *,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, ThresholdScore]:
    """Each generator's score from its blocks, which may come in any order."""
    ordered = sorted(blocks, key=lambda own: (own.generator, own.observer))
    scores = {
        name: _summary(list(own), draws, seed, confidence)
        for name, own in groupby(ordered, key=lambda own: own.generator)
    }
    ranks = rank_means([score.fit_ms for score in scores.values()], confidence)
    return {
        name: replace(score, rank_low=low, rank_high=high)
        for (name, score), (low, high) in zip(scores.items(), ranks, strict=True)
    }


def rule_of(table: TrialTable) -> Staircase:
    """The rule by which a table's exposures were set, told from how they change within blocks.

    The up-and-down rule of `RULES` whose steps explain most changes, if they explain half of them;
    else constant stimuli at the levels found, if these are few and some shorter than the exposures
    of the limited protocol; else the weighted rule.
    """
    changes = _changes(table)
    up_downs = [rule for rule in RULES.values() if isinstance(rule, UpDown)]
    explained = [_explained(changes, rule) for rule in up_downs]
    levels = np.unique(table.exposure_ms[np.isfinite(table.exposure_ms)])
    few_levels = 2 <= levels.size <= MOST_LEVELS and 1 <= levels[0] < SHORTEST_LIMITED_MS
    if few_levels and 2 * max(explained) < changes.size:
        return ConstantStimuli(tuple(levels.tolist()))
    return up_downs[int(np.argmax(explained))]


def explains(rule: UpDown, table: TrialTable) -> bool:
    """Whether exposures change at all within blocks, and half of the changes are the rule's steps."""
    changes = _changes(table)
    return bool(changes.size and 2 * _explained(changes, rule) >= changes.size)


def _changes(table: TrialTable) -> Floats:
    """By how much each exposure differs from the one before it in the block, where it does."""
    table = table.where(np.isfinite(table.exposure_ms))
    _, block = joint_codes(table.study, table.observer, table.block)
    order = np.lexsort((table.position, block))
    changes: Floats = np.diff(table.exposure_ms[order])[np.diff(block[order]) == 0]
    return np.asarray(changes[changes != 0])


def _explained(changes: Floats, rule: UpDown) -> int:
    return int(np.isin(changes, (-rule.step_down_ms, rule.step_up_ms)).sum())


def trials_run_by(rule: Staircase, table: TrialTable) -> tuple[TrialTable, Codes]:
    """The unflagged trials of blocks whose exposures vary as the rule allows, and their blocks.

    Blocks (n,) are numbered in the order of study, observer and block.
    """
    table = table.where(np.isfinite(table.exposure_ms) & ~table.flagged)
    blocks, block = joint_codes(table.study, table.observer, table.block)
    lowest, highest = np.full(blocks, np.inf), np.full(blocks, -np.inf)
    np.minimum.at(lowest, block, table.exposure_ms)
    np.maximum.at(highest, block, table.exposure_ms)
    strange = np.bincount(block[~rule.allows(table.exposure_ms)], minlength=blocks)
    chosen = ((strange == 0) & (lowest < highest))[block]
    if chosen.all():
        return table, block
    return table.where(np.asarray(chosen)), np.unique(block[chosen], return_inverse=True)[1]


def _read(
    table: TrialTable, block: Codes, own: Own, rule: Staircase, confidence: float
) -> Iterator[BlockThreshold]:
    """The thresholds of one generator's blocks."""
    _, first, group = np.unique(block[own.rows], return_index=True, return_inverse=True)
    exposures = table.exposure_ms[own.rows]
    answers = answers_by_level(exposures, own.wrong, group, own.weights)
    fits = fit_thresholds(
        answers.levels_ms,
        answers.right,
        answers.wrong,
        share_right=rule.share_right,
        floor_ms=rule.floor_ms,
        ceiling_ms=rule.ceiling_ms,
        confidence=confidence,
    )
    modes = modal_exposures(exposures, group, own.weights) if rule.convergence else None
    trials = np.bincount(group)
    for number, row in enumerate(own.rows[first].tolist()):
        mode = None if modes is None else float(modes[number])
        fit = float(fits.threshold_ms[number])
        yield BlockThreshold(
            study=table.study[row],
            observer=table.observer[row],
            block=table.block[row],
            generator=own.generator,
            n_trials=int(trials[number]),
            modal_ms=mode,
            modal_censored=None if mode is None else rule.censored(mode),
            fit_ms=fit,
            fit_low_ms=float(fits.low_ms[number]),
            fit_high_ms=float(fits.high_ms[number]),
            fit_censored=rule.censored(fit),
        )


def _summary(
    blocks: Sequence[BlockThreshold], draws: int, seed: int, confidence: float
) -> ThresholdScore:
    def over_observers(values: Iterable[float]) -> ObserverMean:
        pairs = zip((own.observer for own in blocks), values, strict=True)
        means = [
            fmean(value for _, value in own) for _, own in groupby(pairs, key=lambda pair: pair[0])
        ]
        return mean_over_observers(np.array(means), draws=draws, seed=seed, confidence=confidence)

    modal = [own.modal_ms for own in blocks if own.modal_ms is not None]
    modal_ends = [own.modal_censored for own in blocks]
    fit_ends = [own.fit_censored for own in blocks]
    return ThresholdScore(
        mean_ms=over_observers(modal) if modal else None,
        fit_ms=over_observers(own.fit_ms for own in blocks),
        n_blocks=len(blocks),
        n_blocks_at_floor=modal_ends.count("floor"),
        n_blocks_at_ceiling=modal_ends.count("ceiling"),
        n_fits_at_floor=fit_ends.count("floor"),
        n_fits_at_ceiling=fit_ends.count("ceiling"),
    )
