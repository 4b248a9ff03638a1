"""From a trial table to the leaderboard: every generator's scores, differences and rank set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scoring.counts import Counts, Totals, count
from scoring.intervals import (
    Draws,
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
from scoring.staircase import WEIGHTED_UP_DOWN, Staircase, ThresholdScore, thresholds
from scoring.table import TrialTable
from scoring.variance import Components, residual_sums

Skipped = Literal["out", "wrong"]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class ResponseTime:
    """Median response times to a generator's own images, in ms; None where there are none."""

    median_ms: float | None
    right_ms: float | None
    wrong_ms: float | None


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
    """

    generators: tuple[GeneratorScore, ...]
    differences: tuple[Difference, ...]
    n_observers: int
    n_trials: int
    n_skipped: int
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


def score(
    table: TrialTable,
    *,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
    skipped: Skipped = "out",
    staircase: Staircase | None = WEIGHTED_UP_DOWN,
    progress: Progress | None = None,
) -> Scores:
    """Score every generator of a trial table; the same table in any order gives the same digits.

    Rates are of all answers together, a real trial counting for each generator as `Counts` says,
    so an observer with more trials weighs more. Values without an interval say why.

    Args:
        draws: bootstrap draws, at least 100.
        skipped: "out" drops trials without an answer, "wrong" counts them as wrong.
        staircase: the rule whose range tells thresholds' blocks; None leaves thresholds out.
        progress: called with (draws done, draws wanted).

    Raises:
        ValueError: an argument is out of its range.
    """
    check_draws(draws, seed, confidence)
    if skipped not in ("out", "wrong"):
        raise ValueError(f"skipped must be 'out' or 'wrong', got {skipped!r}")
    used = table.where(table.answered) if skipped == "out" else table
    counts = count(used)
    rows: list[GeneratorScore] = []
    differences: list[Difference] = []
    if counts.generators:
        sample = _Sample.of(counts)
        drawn = draw_totals(counts, draws=draws, seed=seed, progress=progress)
        estimates, components = _estimates(sample, drawn, confidence)
        ranked = _ranked(estimates["error_rate"])
        compared = _compare(sample, drawn, components, ranked, confidence)
        limits = (
            thresholds(used, staircase, draws=draws, seed=seed, confidence=confidence)
            if staircase
            else {}
        )
        rows = _rows(used, sample, estimates, ranked, compared, limits)
        differences = _differences(rows, counts, ranked, compared)
    return Scores(
        generators=tuple(rows),
        differences=tuple(differences),
        n_observers=len(counts.observers),
        n_trials=len(used),
        n_skipped=int((~table.answered).sum()),
        skipped=skipped,
        draws=draws,
        seed=seed,
        confidence=confidence,
    )


@dataclass(frozen=True)
class _Sample:
    """What was seen of each generator: the counts, and how many units there are to resample."""

    counts: Counts
    totals: Totals
    observers: Ints
    images: Ints
    real_images: Ints

    @classmethod
    def of(cls, counts: Counts) -> _Sample:
        return cls(
            counts,
            counts.totals(),
            counts.observer_counts(),
            counts.image_counts(),
            counts.real_image_counts(),
        )

    @property
    def fewest_images(self) -> Ints:
        """(G,) images of the generator, or real ones where there are some, but fewer."""
        fewest = np.minimum(self.images, self.real_images)
        return np.where(self.real_images > 0, fewest, self.images)


def _estimates(
    sample: _Sample, drawn: Draws, confidence: float
) -> tuple[dict[str, list[Estimate]], Components]:
    """Every measure's estimates by generator, and the error rates' covariances."""
    sums = residual_sums(sample.counts, sample.totals)
    components = {
        name: sums.components(measure, sample.totals) for name, measure in MEASURES.items()
    }
    estimates = {
        name: _estimates_of(name, sample, drawn, components[name], confidence) for name in MEASURES
    }
    return estimates, components["error_rate"]


def _estimates_of(
    name: str, sample: _Sample, drawn: Draws, components: Components, confidence: float
) -> list[Estimate]:
    measure, own = MEASURES[name], components.of_generators()
    values = measure.value(sample.totals)
    crossed, observers = measure.value(drawn.crossed), measure.value(drawn.observers)
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
    sample: _Sample, drawn: Draws, components: Components, ranked: Ints, confidence: float
) -> Comparisons:
    pairs, chosen = components.of_differences(), np.ix_(ranked, ranked)
    observers, images = (
        np.minimum.outer(number, number) for number in (sample.observers, sample.fewest_images)
    )
    return compare(
        error_rate(sample.totals)[ranked],
        error_rate(drawn.crossed)[ranked],
        pairs.crossed_scale()[chosen],
        pairs.degrees(observers, images)[chosen],
        confidence,
    )


def _rows(
    table: TrialTable,
    sample: _Sample,
    estimates: Mapping[str, list[Estimate]],
    ranked: Ints,
    compared: Comparisons,
    limits: Mapping[str, ThresholdScore],
) -> list[GeneratorScore]:
    low, high = (
        dict(zip(ranked.tolist(), side.tolist(), strict=True)) for side in rank_sets(compared)
    )
    generators, reals = sample.counts.generators, sample.counts.real_trial_counts()
    times = _response_times(table, generators)
    rows = [
        GeneratorScore(
            generator=generator,
            n_observers=int(sample.observers[number]),
            n_images=int(sample.images[number]),
            n_trials=int(sample.totals.fake_trials[number]),
            n_real_trials=int(reals[number]),
            **{name: own[number] for name, own in estimates.items()},
            response_time=times[number],
            threshold=limits.get(generator),
            rank_low=low.get(number),
            rank_high=high.get(number),
        )
        for number, generator in enumerate(generators)
    ]
    return sorted(rows, key=lambda row: (-(row.error_rate.value or 0.0), row.generator))


def _response_times(table: TrialTable, generators: tuple[str, ...]) -> list[ResponseTime]:
    timed = table.where(table.fake & np.isfinite(table.rt_ms))
    wrong = timed.wrong

    def of(generator: str) -> ResponseTime:
        own = timed.generator == generator
        return ResponseTime(
            _median(timed.rt_ms[own]),
            _median(timed.rt_ms[own & ~wrong]),
            _median(timed.rt_ms[own & wrong]),
        )

    return [of(generator) for generator in generators]


def _median(values: NDArray[np.float64]) -> float | None:
    return float(np.median(values)) if values.size else None


def _differences(
    rows: list[GeneratorScore], counts: Counts, ranked: Ints, compared: Comparisons
) -> list[Difference]:
    place = {counts.generators[number]: n for n, number in enumerate(ranked.tolist())}
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
