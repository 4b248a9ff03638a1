"""Every measure of every generator with its intervals, and the generators' pairwise differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.counts import Totals
from scoring.intervals import Estimate, pivot_interval, too_few
from scoring.ranks import Comparisons, compare_by_errors
from scoring.rates import MEASURES, Measure, error_rate
from scoring.variance import Residuals

Floats = NDArray[np.float64]
Interval = tuple[float, float] | None

UNDEFINED = "not defined: it needs both fake and real trials"
ALIKE = "the answers are too alike to resample"


def estimate_all(
    residuals: Residuals, crossed: Totals, observers: Totals, confidence: float
) -> dict[str, list[Estimate]]:
    """Every measure's estimates, by generator.

    Args:
        crossed, observers: totals (G, draws) of resampled tables: observers and images together,
            and observers alone.
    """
    return {name: _estimates(name, residuals, crossed, observers, confidence) for name in MEASURES}


def compare_error_rates(
    residuals: Residuals, crossed: Totals, ranked: NDArray[np.intp], confidence: float
) -> Comparisons:
    """Compare the error rates of those generators that are `ranked`."""
    differences = residuals.differences(MEASURES["error_rate"])
    chosen = np.ix_(ranked, ranked)
    return compare_by_errors(
        error_rate(residuals.totals)[ranked],
        error_rate(crossed)[ranked],
        np.sqrt(differences.variance()[chosen]),
        differences.degrees()[chosen],
        confidence,
    )


def _estimates(
    name: str, residuals: Residuals, crossed: Totals, observers: Totals, confidence: float
) -> list[Estimate]:
    measure, parts = MEASURES[name], residuals.own(MEASURES[name])
    values, alone = measure.value(residuals.totals), parts.by_observers
    wide = _intervals(values, measure, crossed, parts.variance(), parts.degrees(), confidence)
    narrow = _intervals(values, measure, observers, alone.variance, alone.degrees(), confidence)
    return [
        _estimate(float(value), wide[number], narrow[number], *_too_few(name, residuals, number))
        for number, value in enumerate(values)
    ]


def _intervals(
    values: Floats,
    measure: Measure,
    drawn: Totals,
    variance: Floats,
    degrees: Floats,
    confidence: float,
) -> list[Interval]:
    """Each generator's interval, made on the measure's scale."""
    scale = measure.scale
    with np.errstate(invalid="ignore"):  # a rate of 0 or 1 has no variance and no slope
        errors = np.sqrt(variance) * scale.slope(values)
    return [
        _back(
            measure, pivot_interval(centre, own, error=error, degrees=free, confidence=confidence)
        )
        for centre, own, error, free in zip(
            scale.to(values), measure.scaled(drawn), errors, degrees, strict=True
        )
    ]


def _back(measure: Measure, interval: Interval) -> Interval:
    return interval and tuple(measure.scale.back(np.array(interval)).tolist())


def _too_few(name: str, residuals: Residuals, number: int) -> tuple[list[str], list[str]]:
    """Why a measure of one generator has no interval over observers, and over images, if so."""
    images, reals = int(residuals.images[number]), int(residuals.real_images[number])
    few_images = too_few("images", images) if name != "real_error" else []
    few_reals = too_few("real images", reals) if name != "fake_error" and reals else []
    return too_few("observers", int(residuals.observers[number])), few_images + few_reals


def _estimate(
    value: float, wide: Interval, narrow: Interval, few_observers: list[str], few_images: list[str]
) -> Estimate:
    if np.isnan(value):
        return Estimate(None, None, None, None, None, reason=UNDEFINED)
    reasons = few_observers + few_images
    low, high = (None if reasons else wide) or (None, None)
    observers_low, observers_high = (None if few_observers else narrow) or (None, None)
    if low is None:
        reasons.append(ALIKE)
    return Estimate(
        value, low, high, observers_low, observers_high, reason=next(iter(reasons), None)
    )
