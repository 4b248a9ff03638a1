"""Intervals by resampling observers and images together, or observers alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from scoring.counts import Counts, Tally, Totals

Floats = NDArray[np.float64]
Progress = Callable[[int, int], object]

CHUNK_WEIGHTS = 2**22
CHUNK_DRAWS = 512
MOST_THREADS = 8
NO_SPREAD = 1e-12
FULL = 0.1


@dataclass(frozen=True)
class Estimate:
    """A value with its interval.

    Attributes:
        value: None where it is not defined.
        low, high: the interval over what is `resampled`, None where there is none.
        observers_low, observers_high: the interval over observers alone: "for these images".
        resampled: what `low` and `high` resample.
        reason: why the value or the interval is missing, else None.
    """

    value: float | None
    low: float | None
    high: float | None
    observers_low: float | None
    observers_high: float | None
    resampled: str = "observers × images"
    reason: str | None = None


@dataclass(frozen=True)
class ObserverMean:
    """A mean over observers, each counting once, with its interval over observers.

    Attributes:
        standard_error: sample SD / √n, None for one observer.
        low, high: percentile bootstrap over observers, None for fewer than 2.
        reason: why the interval is missing, else None.
    """

    value: float
    standard_error: float | None
    low: float | None
    high: float | None
    n_observers: int
    reason: str | None = None


@dataclass(frozen=True)
class Draws:
    """Totals (G, draws) of resampled tables, all generators from the same observers and images."""

    crossed: Totals
    observers: Totals


def check_draws(draws: int, seed: int, confidence: float) -> None:
    """Raise ValueError unless draws ≥ 100, seed ≥ 0 and 0 < confidence < 1."""
    if draws < 100:
        raise ValueError(f"an interval needs at least 100 draws, got {draws}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")


def resample(rng: np.random.Generator, count: int, draws: int) -> NDArray[np.int64]:
    """How often each of `count` units is drawn when `count` are drawn with replacement.

    Returns:
        (count, draws) weights; each column is multinomial and sums to count.
    """
    drawn = rng.integers(0, max(count, 1), size=(count, draws))
    drawn *= draws
    drawn += np.arange(draws)
    return np.bincount(drawn.ravel(), minlength=count * draws).reshape(count, draws)


def draw_totals(
    counts: Counts, *, draws: int, seed: int, progress: Progress | None = None
) -> Draws:
    """Resample observers, and each pool's images, as products of multinomial weights.

    A trial weighs (times its observer was drawn) × (times its image was drawn): the crossed
    ("pigeonhole") bootstrap of Owen, Annals of Applied Statistics 1 (2007). The images of each
    generator, and the real ones, are drawn within their own pool, so the balance of real and fake
    stays as designed. Draws come in chunks, each with a seed of its own, so that memory is bounded
    and the digits depend on the table, the seed and the number of draws alone.

    Args:
        progress: called with (draws done, draws wanted) after each chunk.
    """
    sizes = _chunk_sizes(counts, draws)
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    counts = replace(counts, share=_dense_if_full(counts.share))
    parts: list[Draws] = []
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as threads:
        for part in threads.map(lambda size, own: _draw_chunk(counts, size, own), sizes, seeds):
            parts.append(part)
            if progress:
                progress(sum(sizes[: len(parts)]), draws)
    return Draws(
        crossed=Totals.joined([part.crossed for part in parts]),
        observers=Totals.joined([part.observers for part in parts]),
    )


def _dense_if_full(matrix: Any) -> Any:
    """A sparse matrix multiplies slower than a dense one unless nearly all of it is empty."""
    cells = matrix.shape[0] * matrix.shape[1]
    return matrix.toarray() if matrix.nnz > FULL * cells else matrix


def _chunk_sizes(counts: Counts, draws: int) -> list[int]:
    """Draws in each chunk: few where there are many observers, images or cells."""
    shapes = [tally.trials.shape for tally in (*counts.fakes, counts.reals)]
    largest = max(len(counts.observers), *(max(shape) for shape in shapes), 1)
    size = int(np.clip(CHUNK_WEIGHTS // largest, 1, CHUNK_DRAWS))
    return [min(size, draws - start) for start in range(0, draws, size)]


def _draw_chunk(counts: Counts, size: int, seed: np.random.SeedSequence) -> Draws:
    rng = np.random.default_rng(seed)
    by_observer = resample(rng, len(counts.observers), size).astype(np.int32)
    fakes = [_weigh_fakes(tally, by_observer, rng) for tally in counts.fakes]
    fake_crossed, fake_observers = np.array(fakes).transpose(1, 2, 0, 3)
    real_crossed, real_observers = _weigh_reals(counts, by_observer, rng)
    return Draws(
        crossed=Totals(*fake_crossed, *real_crossed),
        observers=Totals(*fake_observers, *real_observers),
    )


def _weigh_fakes(tally: Tally, by_observer: NDArray[np.int32], rng: np.random.Generator) -> Floats:
    """(2, 2, draws): crossed and observers-only, trials and wrong answers."""
    weights = by_observer[tally.observer]
    sums = [
        [np.einsum("rd,rd->d", rows, weights) for rows in pair]
        for pair in (_by_row(tally, rng, weights.shape[1]), (tally.row_trials, tally.row_wrong))
    ]
    return np.array(sums, dtype=np.float64)


def _weigh_reals(
    counts: Counts, by_observer: NDArray[np.int32], rng: np.random.Generator
) -> tuple[list[Floats], list[Floats]]:
    """Crossed and observers-only, each trials and wrong answers, as each generator shares them."""
    tally = counts.reals
    weights = by_observer[tally.observer]
    crossed = _by_row(tally, rng, weights.shape[1])
    return (
        [counts.share @ (rows * weights) for rows in crossed],
        [counts.share @ (rows * weights) for rows in (tally.row_trials, tally.row_wrong)],
    )


def _by_row(tally: Tally, rng: np.random.Generator, draws: int) -> tuple[Any, Any]:
    """Trials and wrong answers (rows, draws) with the images resampled."""
    by_image = resample(rng, tally.image_count, draws).astype(tally.trials.dtype)
    return tally.trials @ by_image, tally.wrong @ by_image


def tail_probability(confidence: float, degrees: float) -> float:
    """The tail to cut from bootstrap draws so that a small sample's interval is not too narrow.

    Hesterberg's expanded percentile interval (The American Statistician 69, 2015): the normal tail
    of t × √((degrees + 1) / degrees), t being Student's quantile; for many degrees it is the
    usual (1 - confidence) / 2.

    >>> [round(tail_probability(0.95, degrees), 4) for degrees in (9, 29, 1e9)]
    [0.0086, 0.0188, 0.025]
    """
    t = stdtrit(degrees, (1 + confidence) / 2)
    return float(ndtr(-t * np.sqrt((degrees + 1) / degrees)))


def percentile_interval(values: Floats, tail: float) -> tuple[float, float] | None:
    """The draws (n,) that are defined without both tails; None if they do not spread."""
    defined = values[~np.isnan(values)]
    if not defined.size or np.ptp(defined) < NO_SPREAD:
        return None
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def estimate(
    value: float,
    crossed: Floats,
    observers: Floats,
    *,
    scale: float,
    tail: float,
    observers_tail: float,
    missing: Sequence[str],
    observers_missing: Sequence[str],
) -> Estimate:
    """Put a value together with its two percentile intervals.

    Args:
        value: of the table as it is, NaN where it is not defined.
        crossed, observers: (draws,) values of resampled tables, NaN where not defined.
        scale: how far crossed draws shrink towards the value (`Components.crossed_scale`).
        tail, observers_tail: what to cut from each end of either's draws (`tail_probability`).
        missing: reasons why there can be no crossed interval, of which the first is told;
            `observers_missing`: why there can be none over observers.
    """
    if np.isnan(value):
        reason = "not defined: it needs both fake and real trials"
        return Estimate(None, None, None, None, None, reason=reason)
    wide = None if missing else percentile_interval(value + scale * (crossed - value), tail)
    narrow = None if observers_missing else percentile_interval(observers, observers_tail)
    reasons = [*missing] or ([] if wide else ["the answers are too alike to resample"])
    low, high = wide or (None, None)
    observers_low, observers_high = narrow or (None, None)
    return Estimate(
        float(value), low, high, observers_low, observers_high, reason=next(iter(reasons), None)
    )


def too_few(units: str, count: int) -> list[str]:
    """The reason for no interval if fewer than 2 units were there to resample, else nothing.

    >>> too_few("observers", 1)
    ['an interval needs at least 2 observers, got 1']
    """
    return [f"an interval needs at least 2 {units}, got {count}"] if count < 2 else []


def mean_over_observers(
    values: Floats, *, draws: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> ObserverMean:
    """Mean of one value an observer, with its standard error and interval over observers.

    The reporting of human studies such as HYPE (10,000 draws of observers) and Stein et al. 2023
    (mean ± standard error): it holds for these images.

    Args:
        values: (n,) finite, in an order that does not depend on the answers.

    Raises:
        ValueError: no values, or some not finite; too few draws; confidence out of range.

    >>> mean_over_observers(np.array([0.2, 0.4]), draws=100).value.__round__(2)
    0.3
    """
    check_draws(draws, seed, confidence)
    values = np.asarray(values, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"a mean over observers needs finite values, got {values.tolist()}")
    few = too_few("observers", values.size)
    mean = float(values.mean())
    if few:
        return ObserverMean(mean, None, None, None, values.size, few[0])
    rng = np.random.default_rng(seed)
    size = max(CHUNK_WEIGHTS // values.size, 1)
    sums = [
        np.einsum("n,nd->d", values, resample(rng, values.size, min(size, draws - start)))
        for start in range(0, draws, size)
    ]
    tail = tail_probability(confidence, values.size - 1)
    low, high = percentile_interval(np.concatenate(sums) / values.size, tail) or (mean, mean)
    error = float(values.std(ddof=1) / np.sqrt(values.size))
    return ObserverMean(mean, error, low, high, values.size)
