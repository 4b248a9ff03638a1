"""Intervals by resampling observers and images together, or observers alone."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import ndtr, ndtri, stdtrit

from scoring.counts import Counts, Tally, Whole, whole_type
from scoring.weights import LARGEST, Keys, Weights, draw_weights, unit_keys

Floats = NDArray[np.float64]
Progress = Callable[[int, int], object]

CHUNK_WEIGHTS = 2**20
SMALLEST_CHUNK = 64
BLOCK = 64
LIMB_BITS = 24
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
) -> Whole:
    """Resample observers and images together, and observers alone.

    In each draw a trial weighs (weight of its observer) × (weight of its image): the crossed
    ("pigeonhole") bootstrap of Owen, Annals of Applied Statistics 1 (2007). All generators share
    the observers' weights. A unit's weights rest on the seed and its id alone (`scoring.weights`), and
    all sums are of whole numbers: draws of different observers' tables add up to those of all
    of them, to the last digit. Draws come in chunks, so that memory is bounded.

    Args:
        progress: called with (draws done, draws wanted) after each chunk.

    Returns:
        (2, 4, G, draws): crossed, and over observers alone; each fake trials, wrong fakes, and real
        trials and wrong reals × share, in units of 2⁻³⁰ (`Totals.of`).
    """
    drawer = _Drawer.of(counts, seed)
    totals = np.empty((2, 4, len(counts.generators), draws), dtype=np.int64)
    size = _chunk_draws(counts)
    starts, ends = range(0, draws, size), [*range(size, draws, size), draws]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as threads:
        parts = threads.map(drawer.draw, starts, ends)
        for start, end, part in zip(starts, ends, parts, strict=True):
            totals[..., start:end] = part
            if progress:
                progress(end, draws)
    return totals


def _chunk_draws(counts: Counts) -> int:
    """How many draws to take at once: few where there are many observers, images or cells."""
    shapes = [tally.trials.shape for tally in (*counts.fakes, counts.reals)]
    largest = max(len(counts.observers), *(max(shape) for shape in shapes), 1)
    return max(CHUNK_WEIGHTS // int(largest), SMALLEST_CHUNK)


@dataclass(frozen=True)
class _Drawer:
    """Weighs a table's counts; keys are of the images of each pool, the real ones last."""

    counts: Counts
    observers: Keys
    images: tuple[Keys, ...]
    by_observer: tuple[Any, ...]
    share: tuple[Any, ...]

    @classmethod
    def of(cls, counts: Counts, seed: int) -> _Drawer:
        pools = zip((*counts.generators, ""), (*counts.fakes, counts.reals), strict=True)
        sums = counts.by_observer()
        return cls(
            counts,
            unit_keys(seed, "observer", counts.observers),
            tuple(unit_keys(seed, f"image of {name}", tally.images) for name, tally in pools),
            _limbs(sums.reshape(4 * len(counts.generators), len(counts.observers))),
            _limbs(counts.share),
        )

    def draw(self, start: int, end: int) -> Whole:
        """(2, 4, G, end - start)."""
        weights = draw_weights(self.observers, start, end)
        shape = (4, len(self.counts.generators), end - start)
        totals = np.empty((2, *shape), dtype=np.int64)
        totals[1] = _product(self.by_observer, weights.astype(np.float64)).reshape(shape)
        for number, tally in enumerate(self.counts.fakes):
            by_row = _by_row(tally, draw_weights(self.images[number], start, end))
            totals[0, :2, number] = _weighted_sums(tally, by_row, weights)
        reals = self.counts.reals
        by_cell = _by_row(reals, draw_weights(self.images[-1], start, end))
        own = weights[reals.observer].astype(np.float64)
        totals[0, 2:] = [_product(self.share, own * cells) for cells in by_cell]
        return totals


def _by_row(tally: Tally, by_image: Weights) -> tuple[Any, Any]:
    """Trials and wrong answers (rows, draws) with the images weighed."""
    weights = by_image.astype(tally.trials.dtype)
    return tally.trials @ weights, tally.wrong @ weights


def _weighted_sums(tally: Tally, by_row: tuple[Any, Any], by_observer: Weights) -> list[Whole]:
    """Trials and wrong answers (draws,) with the observers weighed too."""
    dtype = whole_type(int(tally.by_row[0].sum()) * LARGEST**2, np.int32)
    weights = by_observer[tally.observer].astype(dtype)
    return [np.einsum("rd,rd->d", rows.astype(dtype), weights) for rows in by_row]


def _limbs(matrix: Any) -> tuple[Any, ...]:
    """A matrix of whole numbers as matrices of floats, each of LIMB_BITS bits, lowest first.

    Sums of limbs × weights stay below 2⁵³ and are so exact as floats, whatever their order.
    """
    numbers = matrix.data if sparse.issparse(matrix) else matrix
    parts = range(0, max(int(numbers.max(initial=0)).bit_length(), 1), LIMB_BITS)
    limbs = [(numbers >> low & (1 << LIMB_BITS) - 1).astype(np.float64) for low in parts]
    if not sparse.issparse(matrix):
        return tuple(limbs)
    spread = (
        sparse.csr_array((limb, matrix.indices, matrix.indptr), matrix.shape) for limb in limbs
    )
    return tuple(_dense_if_full(limb) for limb in spread)


def _dense_if_full(matrix: Any) -> Any:
    """A sparse matrix multiplies slower than a dense one unless nearly all of it is empty."""
    cells = matrix.shape[0] * matrix.shape[1]
    return matrix.toarray() if matrix.nnz > FULL * cells else matrix


def _product(limbs: tuple[Any, ...], weights: Floats) -> Whole:
    """The matrix of these limbs × weights, in whole numbers: exact, at the speed of floats."""
    total = np.zeros((limbs[0].shape[0], weights.shape[1]), dtype=np.int64)
    for number, limb in enumerate(limbs):
        part = limb @ weights if sparse.issparse(limb) else _blockwise(limb, weights)
        total += part.astype(np.int64) << number * LIMB_BITS
    return total


def _blockwise(first: Floats, second: Floats) -> Floats:
    """first @ second by blocks so small that the linear algebra library starts no threads.

    The draws are on all processors already; threads below them only wait for one another.
    """
    product = np.zeros((first.shape[0], second.shape[1]))
    for row, inner, column in itertools.product(
        *(range(0, size, BLOCK) for size in (*first.shape, second.shape[1]))
    ):
        rows, inners, columns = (slice(at, at + BLOCK) for at in (row, inner, column))
        product[rows, columns] += first[rows, inners] @ second[inners, columns]
    return product


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


def pivot_interval(
    centre: float, drawn: Floats, *, error: float, degrees: float, confidence: float
) -> tuple[float, float] | None:
    """The interval of a value whose resampled values are `drawn`; None if these do not spread.

    The error of the draws about their mean, in units of its own spread, stands for the error of the
    value in units of `error` (Hall, Annals of Statistics 16, 1988): a tail to the right among the
    draws widens the interval to the left. It is stretched as far as Student's quantile for
    `degrees` is beyond the normal one.

    Args:
        centre: the value. drawn: (draws,), NaN where not defined.
        error: the standard error. degrees: degrees of freedom that it was found with.

    >>> drawn = ndtri((np.arange(1000) + 0.5) / 1000)
    >>> low, high = pivot_interval(5.0, drawn, error=2.0, degrees=9, confidence=0.95)
    >>> round(low, 1), round(high, 1)  # 5 ± 2.262 × 2
    (0.5, 9.5)
    """
    defined = drawn[~np.isnan(drawn)]
    spread = defined.std() if defined.size else 0.0
    if spread < NO_SPREAD or not error > 0:
        return None
    upper = (1 + confidence) / 2
    stretch = stdtrit(degrees, upper) / ndtri(upper)
    below, above = np.quantile((defined - defined.mean()) / spread, [1 - upper, upper])
    return float(centre - above * stretch * error), float(centre - below * stretch * error)


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
