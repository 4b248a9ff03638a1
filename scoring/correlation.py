"""How well automatic metrics order the generators as people do."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TextIO

import numpy as np
from scipy.special import ndtri

from scoring.columns import Numbers
from scoring.figure import Figure
from scoring.rules import BadTable

LOWER_IS_BETTER = {"FD", "FDINF", "FID", "SFID", "KD", "KID", "MMD", "CMMD"}
HIGHER_IS_BETTER = {"IS", "PRECISION", "RECALL", "DENSITY", "COVERAGE", "VENDI", "AUTHENTICITY"}
METRIC_COLUMNS = ("generator", "name", "value")


@dataclass(frozen=True)
class Correlation:
    """Spearman's ρ of one metric with people's score, over generators.

    Attributes:
        lower_is_better: the metric was negated first, so that ρ = 1 is always full agreement with
            people; None if the direction is not known, and then it was not.
    """

    metric: str
    lower_is_better: bool | None
    rho: Figure


def read_metrics(path: str | PathLike[str]) -> dict[str, dict[str, float]]:
    """Metrics by name, and in each its values by generator, from CSV: generator, name, value.

    Raises:
        BadTable: bad lines by number and reason. OSError: the file cannot be opened.
    """
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return _read(file)


def correlate(
    people: Mapping[str, float],
    metrics: Mapping[str, Mapping[str, float]],
    confidence: float = 0.95,
) -> tuple[Correlation, ...]:
    """Every metric's correlation with a score by which more is more real; by the metric's name.

    Args:
        people: the score by generator.
        metrics: by name, values by generator; generators without both are left out.
    """
    return tuple(_correlation(name, people, metrics[name], confidence) for name in sorted(metrics))


def spearman(first: Numbers, second: Numbers, confidence: float = 0.95) -> Figure:
    """Spearman's ρ, ties sharing their mean rank, with an interval over generators.

    The interval is by Fisher's z with the variance (1 + ρ²/2) / (n - 3) of Bonett and Wright
    (Psychometrika 65, 2000).

    Args:
        first, second: (n,) each.

    >>> figure = spearman(np.arange(10.0), np.array([1.0, 0, 2, 3, 4, 5, 6, 7, 9, 8]))
    >>> round(figure.value, 3), round(figure.low, 3), round(figure.high, 3)
    (0.976, 0.862, 0.996)
    """
    from scipy.stats import rankdata  # takes a second to read, which no page should wait for

    count = len(first)
    ranks = np.vstack([rankdata(first), rankdata(second)]) if count else np.zeros((2, 0))
    if count < 2 or (np.ptp(ranks, axis=1) == 0).any():
        reason = "not defined: it needs two generators that differ in both"
        return Figure(None, None, None, count, "generators", reason)
    value = float(np.corrcoef(ranks)[0, 1])
    if count < 4:
        reason = f"an interval needs at least 4 generators, got {count}"
        return Figure(value, None, None, count, "generators", reason)
    if abs(value) > 1 - 1e-12:
        reason = "the two orders are the same, so nothing shows how far ρ may vary"
        return Figure(value, None, None, count, "generators", reason)
    reach = ndtri((1 + confidence) / 2) * np.sqrt((1 + value**2 / 2) / (count - 3))
    low, high = np.tanh(np.arctanh(value) + np.array([-reach, reach]))
    return Figure(value, float(low), float(high), count, "generators")


def lower_is_better(metric: str) -> bool | None:
    """Whether less of a metric is better, by its name up to the extractor's; None if not known.

    >>> lower_is_better("FID∞15-clean"), lower_is_better("recall"), lower_is_better("mystery")
    (True, False, None)
    """
    stem = re.split(r"[-_ ∞]", metric)[0].upper()  # FD∞ and FID∞15 go as FD and FID do
    return True if stem in LOWER_IS_BETTER else False if stem in HIGHER_IS_BETTER else None


def _correlation(
    name: str, people: Mapping[str, float], values: Mapping[str, float], confidence: float
) -> Correlation:
    common = sorted(people.keys() & values.keys())
    lower = lower_is_better(name)
    metric = np.array([values[generator] for generator in common])
    score = np.array([people[generator] for generator in common])
    return Correlation(name, lower, spearman(score, -metric if lower else metric, confidence))


def _read(file: TextIO) -> dict[str, dict[str, float]]:
    reader = csv.reader(file)
    header = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in METRIC_COLUMNS if name not in header]
    if missing:
        raise BadTable([f"missing columns: {', '.join(missing)} (found: {', '.join(header)})"])
    places = [header.index(name) for name in METRIC_COLUMNS]
    metrics: dict[str, dict[str, float]] = {}
    bad: list[str] = []
    for row in filter(None, reader):
        reason = _put(metrics, row, places)
        bad += [f"line {reader.line_num}: {reason}"] if reason else []
    if bad:
        raise BadTable(bad[:10], len(bad))
    return metrics


def _put(metrics: dict[str, dict[str, float]], row: list[str], places: Sequence[int]) -> str | None:
    """Add one row; returns why it cannot be."""
    if len(row) <= max(places):
        return f"has {len(row)} fields, {max(places) + 1} wanted"
    generator, name, cell = (row[place].strip() for place in places)
    try:
        value = float(cell)
    except ValueError:
        value = np.nan
    if not generator or not name:
        return "generator and name must not be empty"
    if not np.isfinite(value):
        return f"value {cell!r} is not a finite number"
    if generator in metrics.setdefault(name, {}):
        return f"{generator} already has a value of {name}"
    metrics[name][generator] = value
    return None
