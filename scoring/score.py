"""From a trial table to the leaderboard: every generator's scores, differences and rank set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.counts import Sums, Totals, Whole, count
from scoring.intervals import (
    Estimate,
    Progress,
    check_draws,
    draw_totals,
    estimate,
    tail_probability,
    too_few,
)
from scoring.ranks import Comparisons, compare, rank_sets
from scoring.rates import MEASURES, error_rate
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
from scoring.variance import Components, residual_sums

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
    sample = _Sample.of(evidence.sums)
    crossed, observers = (Totals.of(drawn) for drawn in evidence.drawn)
    estimates, components = _estimates(sample, crossed, observers, settings.confidence)
    ranked = _ranked(estimates["error_rate"])
    compared = _compare(sample, error_rate(crossed), components, ranked, settings.confidence)
    limits = summarise(
        evidence.blocks, draws=settings.draws, seed=settings.seed, confidence=settings.confidence
    )
    rows = _rows(evidence, sample, estimates, ranked, compared, limits)
    return rows, _differences(rows, sample.sums, ranked, compared)


@dataclass(frozen=True)
class _Sample:
    """What was seen of each generator, and how many units there are to resample."""

    sums: Sums
    totals: Totals
    observers: Whole
    images: Whole
    real_images: Whole

    @classmethod
    def of(cls, sums: Sums) -> _Sample:
        return cls(
            sums,
            sums.totals(),
            sums.observer_counts(),
            sums.image_counts(),
            sums.real_image_counts(),
        )

    @property
    def fewest_images(self) -> Whole:
        """(G,) images of the generator, or real ones where there are some, but fewer."""
        fewest = np.minimum(self.images, self.real_images)
        return np.where(self.real_images > 0, fewest, self.images)


def _estimates(
    sample: _Sample, crossed: Totals, observers: Totals, confidence: float
) -> tuple[dict[str, list[Estimate]], Components]:
    """Every measure's estimates by generator, and the error rates' covariances."""
    residuals = residual_sums(sample.sums)
    components = {
        name: residuals.components(measure, sample.totals) for name, measure in MEASURES.items()
    }
    estimates = {
        name: _estimates_of(
            name,
            sample,
            measure.value(crossed),
            measure.value(observers),
            components[name].of_generators(),
            confidence,
        )
        for name, measure in MEASURES.items()
    }
    return estimates, components["error_rate"]


def _estimates_of(
    name: str,
    sample: _Sample,
    crossed: Floats,
    observers: Floats,
    own: Components,
    confidence: float,
) -> list[Estimate]:
    values = MEASURES[name].value(sample.totals)
    scale, degrees = own.crossed_scale(), own.degrees(sample.observers, sample.fewest_images)
    estimates = []
    for number, count_of in enumerate(sample.observers.tolist()):
        few_observers = too_few("observers", count_of)
        estimates.append(
            estimate(
                values[number],
                crossed[number],
                observers[number],
                scale=scale[number],
                tail=tail_probability(confidence, degrees[number]),
                observers_tail=tail_probability(confidence, max(count_of - 1, 1)),
                missing=few_observers + _few_images(name, sample, number),
                observers_missing=few_observers,
            )
        )
    return estimates


def _few_images(name: str, sample: _Sample, number: int) -> list[str]:
    """Why a measure of one generator has too few images to resample, if so."""
    fakes, reals = int(sample.images[number]), int(sample.real_images[number])
    few_fakes = too_few("images", fakes) if name != "real_error" else []
    few_reals = too_few("real images", reals) if name != "fake_error" and reals else []
    return few_fakes + few_reals


def _ranked(error_rates: list[Estimate]) -> Ints:
    """The generators whose error rate has an interval."""
    return np.array([n for n, own in enumerate(error_rates) if own.low is not None], dtype=np.intp)


def _compare(
    sample: _Sample, drawn: Floats, components: Components, ranked: Ints, confidence: float
) -> Comparisons:
    pairs, chosen = components.of_differences(), np.ix_(ranked, ranked)
    observers, images = (
        np.minimum.outer(number, number) for number in (sample.observers, sample.fewest_images)
    )
    return compare(
        error_rate(sample.totals)[ranked],
        drawn[ranked],
        pairs.crossed_scale()[chosen],
        pairs.degrees(observers, images)[chosen],
        confidence,
    )


def _rows(
    evidence: Evidence,
    sample: _Sample,
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
            n_observers=int(sample.observers[number]),
            n_images=int(sample.images[number]),
            n_trials=int(sample.totals.fake_trials[number]),
            n_real_trials=int(sample.sums.real_trials[number]),
            **{name: own[number] for name, own in estimates.items()},
            response_time=evidence.times[number],
            threshold=limits.get(generator),
            rank_low=low.get(number),
            rank_high=high.get(number),
        )
        for number, generator in enumerate(sample.sums.generators)
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
