"""From a trial table to the leaderboard: every generator's scores, differences and rank set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.counts import Sums, Totals, Whole, count
from scoring.estimates import compare_error_rates, estimate_all
from scoring.intervals import Estimate, Progress, check_draws, draw_totals
from scoring.ranks import Comparisons, rank_sets
from scoring.response_times import ResponseTime, response_times
from scoring.selection import LeftOut, Skipped, select
from scoring.staircase import (
    RULES,
    BlockThreshold,
    Staircase,
    ThresholdScore,
    block_thresholds,
    summarise,
)
from scoring.table import TrialTable
from scoring.variance import Residuals, residuals_of

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class GeneratorScore:
    """One row of the leaderboard.

    Attributes:
        n_observers: observers who judged images of it. n_images: how many of its images.
        n_trials: answers to its images. n_real_trials: answers to real images that count for it.
        threshold: None unless its blocks were run by a staircase.
        rank_low, rank_high: the ranks its joint intervals allow; None without an interval.
    """

    generator: str
    n_observers: int
    n_images: int
    n_trials: int
    n_real_trials: int
    error_rate: Estimate
    fake_error: Estimate
    real_error: Estimate
    d_prime: Estimate
    criterion: Estimate
    response_time: ResponseTime
    threshold: ThresholdScore | None
    rank_low: int | None
    rank_high: int | None


@dataclass(frozen=True)
class Difference:
    """Error rate of `first` minus that of `second`, with its simultaneous interval."""

    first: str
    second: str
    value: float
    low: float | None
    high: float | None
    p_holm: float | None


@dataclass(frozen=True)
class Scores:
    """All scores of a trial table.

    Attributes:
        generators: by error rate, highest (most real) first, then by name.
        differences: all pairs of ranked generators, in the order of `generators`.
        n_skipped: trials without answer, dropped or counted as wrong as `skipped` says.
        n_catch: catch trials, left out. n_excluded_trials: other trials of observers left out by
            criteria; `excluded`: how many observers for each reason.
    """

    generators: tuple[GeneratorScore, ...]
    differences: tuple[Difference, ...]
    n_observers: int
    n_trials: int
    n_skipped: int
    n_catch: int
    n_excluded_trials: int
    excluded: dict[str, int]
    skipped: str
    draws: int
    seed: int
    confidence: float

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers, strings and None: ready for JSON."""
        content = asdict(self)
        content["generators"] = list(content["generators"])
        content["differences"] = list(content["differences"])
        return content


@dataclass(frozen=True)
class Settings:
    """How to score.

    Attributes:
        draws: bootstrap draws, at least 100.
        skipped: "out" drops trials without an answer, "wrong" counts them as wrong.
        staircase: the rule whose range tells thresholds' blocks; None leaves thresholds out.

    Raises:
        ValueError: a number is out of its range.
    """

    draws: int = 10_000
    seed: int = 0
    confidence: float = 0.95
    skipped: Skipped = "out"
    staircase: Staircase | None = RULES["weighted"]

    def __post_init__(self) -> None:
        check_draws(self.draws, self.seed, self.confidence)


@dataclass(frozen=True)
class Evidence:
    """All that scores are made of; it comes from a table (`score`) or is kept up (`Live`).

    Attributes:
        drawn: (2, 4, G, draws) totals of resampled tables (`draw_totals`).
        times: of each generator. blocks: thresholds of blocks run by a staircase.
    """

    sums: Sums
    drawn: Whole
    times: tuple[ResponseTime, ...]
    blocks: tuple[BlockThreshold, ...]
    n_trials: int
    left_out: LeftOut


def score(
    table: TrialTable,
    *,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
    skipped: Skipped = "out",
    staircase: Staircase | None = RULES["weighted"],
    progress: Progress | None = None,
) -> Scores:
    """Score every generator of a trial table; the same table in any order gives the same digits.

    Rates are of all answers together, a real trial counting for each generator as `Counts` says,
    so an observer with more trials weighs more. `select` says which trials are left out. Values
    without an interval say why.

    Args:
        draws, seed, confidence, skipped, staircase: as in `Settings`.
        progress: called with (draws done, draws wanted).

    Raises:
        ValueError: an argument is out of its range.
    """
    settings = Settings(draws, seed, confidence, skipped, staircase)
    used, left_out = select(table, skipped)
    counts = count(used)
    evidence = Evidence(
        sums=counts.sums(),
        drawn=draw_totals(counts, draws=draws, seed=seed, progress=progress),
        times=response_times(used, counts.generators),
        blocks=thresholds_of(used, settings),
        n_trials=len(used),
        left_out=left_out,
    )
    return scores_of(evidence, settings)


def thresholds_of(used: TrialTable, settings: Settings) -> tuple[BlockThreshold, ...]:
    """The thresholds of the blocks run by the settings' staircase; none without one."""
    if settings.staircase is None:
        return ()
    return block_thresholds(used, settings.staircase, confidence=settings.confidence)


def scores_of(evidence: Evidence, settings: Settings) -> Scores:
    """The scores that follow from evidence gathered with the same settings."""
    rows, differences = _judged(evidence, settings) if evidence.sums.generators else ([], [])
    left_out = evidence.left_out
    return Scores(
        generators=tuple(rows),
        differences=tuple(differences),
        n_observers=len(evidence.sums.observers),
        n_trials=evidence.n_trials,
        n_skipped=left_out.n_skipped,
        n_catch=left_out.n_catch,
        n_excluded_trials=left_out.n_excluded,
        excluded=left_out.observer_counts(),
        skipped=settings.skipped,
        draws=settings.draws,
        seed=settings.seed,
        confidence=settings.confidence,
    )


def _judged(
    evidence: Evidence, settings: Settings
) -> tuple[list[GeneratorScore], list[Difference]]:
    residuals = residuals_of(evidence.sums)
    crossed, observers = (Totals.of(drawn) for drawn in evidence.drawn)
    estimates = estimate_all(residuals, crossed, observers, settings.confidence)
    ranked = np.flatnonzero([own.low is not None for own in estimates["error_rate"]])
    compared = compare_error_rates(residuals, crossed, ranked, settings.confidence)
    limits = summarise(
        evidence.blocks, draws=settings.draws, seed=settings.seed, confidence=settings.confidence
    )
    rows = _rows(evidence, residuals, estimates, ranked, compared, limits)
    return rows, _differences(rows, evidence.sums, ranked, compared)


def _rows(
    evidence: Evidence,
    residuals: Residuals,
    estimates: Mapping[str, list[Estimate]],
    ranked: Ints,
    compared: Comparisons,
    limits: Mapping[str, ThresholdScore],
) -> list[GeneratorScore]:
    low, high = (
        dict(zip(ranked.tolist(), side.tolist(), strict=True)) for side in rank_sets(compared)
    )
    rows = [
        GeneratorScore(
            generator=generator,
            n_observers=int(residuals.observers[number]),
            n_images=int(residuals.images[number]),
            n_trials=int(residuals.totals.fake_trials[number]),
            n_real_trials=int(evidence.sums.real_trials[number]),
            **{name: own[number] for name, own in estimates.items()},
            response_time=evidence.times[number],
            threshold=limits.get(generator),
            rank_low=low.get(number),
            rank_high=high.get(number),
        )
        for number, generator in enumerate(evidence.sums.generators)
    ]
    return sorted(rows, key=lambda row: (-(row.error_rate.value or 0.0), row.generator))


def _differences(
    rows: list[GeneratorScore], sums: Sums, ranked: Ints, compared: Comparisons
) -> list[Difference]:
    place = {sums.generators[number]: n for n, number in enumerate(ranked.tolist())}
    names = [row.generator for row in rows if row.generator in place]
    return [
        _difference(first, second, compared, (place[first], place[second]))
        for n, first in enumerate(names)
        for second in names[n + 1 :]
    ]


def _difference(
    first: str, second: str, compared: Comparisons, pair: tuple[int, int]
) -> Difference:
    bounds = (float(side[pair]) for side in (compared.low, compared.high, compared.p_holm))
    low, high, p_holm = (None if np.isnan(bound) else bound for bound in bounds)
    return Difference(first, second, float(compared.value[pair]), low, high, p_holm)
