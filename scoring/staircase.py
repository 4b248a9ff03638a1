"""Staircases of exposure time, and the thresholds read from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scoring.columns import Codes, factorise, joint_codes
from scoring.intervals import ObserverMean, mean_over_observers
from scoring.ranks import rank_means
from scoring.table import TrialTable

Floats = NDArray[np.float64]
Censored = Literal["floor", "ceiling"]


@dataclass(frozen=True)
class Staircase:
    """Weighted up-down: shorter after a right answer, longer after a wrong one; all in ms.

    It settles where up and down steps balance, at a share of right answers of
    step_up / (step_up + step_down) (Kaernbach, Perception & Psychophysics 49, 1991).

    Raises:
        ValueError: a step or the floor is not above 0, or floor ≤ start ≤ ceiling does not hold.

    >>> Staircase().next_ms(500, correct=False)
    530
    >>> Staircase().convergence
    0.75
    """

    start_ms: float = 500
    step_down_ms: float = 10
    step_up_ms: float = 30
    floor_ms: float = 100
    ceiling_ms: float = 1000

    def __post_init__(self) -> None:
        for name in ("step_down_ms", "step_up_ms", "floor_ms"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not self.floor_ms <= self.start_ms <= self.ceiling_ms:
            raise ValueError(
                "a staircase needs floor_ms ≤ start_ms ≤ ceiling_ms, "
                f"got {self.floor_ms}, {self.start_ms}, {self.ceiling_ms}"
            )

    def next_ms(self, current_ms: float, *, correct: bool) -> float:
        """The exposure after `current_ms`, kept between floor and ceiling.

        Raises:
            ValueError: current_ms is not a positive number.
        """
        if not current_ms > 0:
            raise ValueError(f"current_ms must be above 0, got {current_ms}")
        wanted = current_ms - self.step_down_ms if correct else current_ms + self.step_up_ms
        return min(max(wanted, self.floor_ms), self.ceiling_ms)

    @property
    def convergence(self) -> float:
        """The share of right answers at which the staircase settles."""
        return self.step_up_ms / (self.step_up_ms + self.step_down_ms)

    def threshold(self, exposures_ms: Sequence[float] | Floats) -> Threshold:
        """The modal exposure of a block, with the verdict whether it ran into an end.

        >>> str(Staircase().threshold([120, 110, 100, 100, 100]))
        '≤ 100 ms'
        """
        value = modal_exposure_ms(exposures_ms)
        return Threshold(value, self.censored(value))

    def censored(self, value_ms: float) -> Censored | None:
        """Which end a threshold lies at; its true value is then beyond that end."""
        if value_ms <= self.floor_ms:
            return "floor"
        return "ceiling" if value_ms >= self.ceiling_ms else None


WEIGHTED_UP_DOWN = Staircase()


@dataclass(frozen=True)
class Threshold:
    """An exposure threshold in ms; at an end of the range it is only a bound."""

    value_ms: float
    censored: Censored | None = None

    def __str__(self) -> str:
        sign = {"floor": "≤ ", "ceiling": "≥ ", None: ""}[self.censored]
        return f"{sign}{self.value_ms:.4g} ms"


@dataclass(frozen=True)
class ThresholdScore:
    """A generator's threshold: the mean over blocks, then over observers, in ms.

    Blocks censored at the floor or the ceiling enter the mean with that end's value, so
    the mean is an upper bound where some are at the floor, a lower one where some are at the
    ceiling. `rank_low` and `rank_high` are the ranks it may have (`rank_means`), 1 for the longest
    exposure needed; None for one observer.
    """

    mean_ms: ObserverMean
    n_blocks: int
    n_blocks_at_floor: int
    n_blocks_at_ceiling: int
    rank_low: int | None = None
    rank_high: int | None = None


def modal_exposure_ms(exposures_ms: Sequence[float] | Floats) -> float:
    """The exposure shown most often, as HYPE reads a block; of several, their mean.

    Raises:
        ValueError: no exposures, or some not finite.

    >>> modal_exposure_ms([500, 490, 480, 490])
    490.0
    >>> modal_exposure_ms([500, 490])
    495.0
    """
    exposures = np.asarray(exposures_ms, dtype=np.float64)
    if not exposures.size or not np.isfinite(exposures).all():
        raise ValueError(f"a modal exposure needs finite exposures, got {exposures.tolist()}")
    one_block = np.zeros(exposures.size, dtype=np.intp)
    return float(_modes(one_block, exposures, np.ones(exposures.size))[0])


def _modes(block: Codes, exposures: Floats, weights: Floats) -> Floats:
    """The weighted mode (blocks,) of each block's exposures; of several, their mean."""
    levels, level = np.unique(exposures, return_inverse=True)
    cells, cell = np.unique(block * len(levels) + level, return_inverse=True)
    weight = np.bincount(cell, weights)
    own_block = cells // len(levels)
    heaviest = np.zeros(own_block[-1] + 1)
    np.maximum.at(heaviest, own_block, weight)
    modal = weight >= heaviest[own_block] - 1e-9
    sums = np.bincount(own_block, modal * levels[cells % len(levels)])
    return sums / np.bincount(own_block, modal)


def thresholds(
    table: TrialTable,
    rule: Staircase = WEIGHTED_UP_DOWN,
    *,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, ThresholdScore]:
    """Each generator's exposure threshold, for generators shown in blocks run by a staircase.

    A block (study, observer, block) is a staircase's if its exposures vary and all lie between
    floor and ceiling. Its threshold for a generator is the modal exposure of its trials, a fake
    of that generator weighing 1, a real trial that generator's share of the block's fakes.
    Flagged trials and trials without exposure are left out.
    """
    table = table.where(np.isfinite(table.exposure_ms) & ~table.flagged)
    table = table.where(_by_staircase(table, rule))
    generators = sorted(set(table.generator[table.fake]))
    scores = [_threshold(table, name, rule, draws, seed, confidence) for name in generators]
    ranks = rank_means([score.mean_ms for score in scores], confidence)
    return {
        name: replace(score, rank_low=low, rank_high=high)
        for name, score, (low, high) in zip(generators, scores, ranks, strict=True)
    }


def _by_staircase(table: TrialTable, rule: Staircase) -> NDArray[np.bool_]:
    """(n,) True for trials of blocks whose exposures vary within the staircase's range."""
    blocks, block = joint_codes(table.study, table.observer, table.block)
    lowest, highest = np.full(blocks, np.inf), np.full(blocks, -np.inf)
    np.minimum.at(lowest, block, table.exposure_ms)
    np.maximum.at(highest, block, table.exposure_ms)
    chosen = (lowest >= rule.floor_ms) & (highest <= rule.ceiling_ms) & (lowest < highest)
    return np.asarray(chosen[block], dtype=np.bool_)


def _threshold(
    table: TrialTable, name: str, rule: Staircase, draws: int, seed: int, confidence: float
) -> ThresholdScore:
    blocks, block = joint_codes(table.study, table.observer, table.block)
    own = table.generator == name
    fakes = np.bincount(block[table.fake], minlength=blocks)
    share = np.bincount(block[own], minlength=blocks) / np.maximum(fakes, 1)
    weight = np.where(table.fake, own, share[block]).astype(np.float64)
    used = weight > 0
    _, used_block = np.unique(block[used], return_inverse=True)
    modes = _modes(used_block, table.exposure_ms[used], weight[used])
    _, observer = factorise(table.observer[used])
    observer_of_block = np.zeros(len(modes), dtype=np.intp)
    observer_of_block[used_block] = observer
    means = np.bincount(observer_of_block, modes) / np.bincount(observer_of_block)
    verdicts = [rule.censored(mode) for mode in modes.tolist()]
    return ThresholdScore(
        mean_ms=mean_over_observers(means, draws=draws, seed=seed, confidence=confidence),
        n_blocks=len(modes),
        n_blocks_at_floor=verdicts.count("floor"),
        n_blocks_at_ceiling=verdicts.count("ceiling"),
    )
