"""Curves over exposure, one small panel a generator, all on the same axes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.leaderboard.axes import Axis, Tick, outward, round_values
from evalsite.leaderboard.words import bound, milliseconds, percent

WIDTH, HEIGHT = 240, 150
GUESSING = 0.5
SMALLEST_R, LARGEST_R = 1.5, 6.0
MOST_NAMED, MOST_POINTS, MOST_PANELS = 6, 15, 12
SEEN = ("Exposure, ms", "Right, %", "Trials")
WRONG = ("Exposure, s", "Error rate, %", "95 % interval", "Trials")
ROUND_MS = tuple(step * unit for unit in (10, 100, 1000) for step in (1, 2, 5))

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """A share of answers at one exposure: its place, and its line of the table."""

    x: float
    y: float
    r: float
    low: float | None
    high: float | None
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One generator's curve; `band` and `mark` are empty or None where there is none.

    Attributes:
        mark: where the threshold lies, `mark_words` what it is.
        finding: what the panel shows, in a sentence.
    """

    name: str
    points: list[Point]
    line: str
    band: str
    mark: float | None
    mark_words: str
    finding: str

    @property
    def mark_anchor(self) -> str:
        return "end" if (self.mark or 0.0) > WIDTH / 2 else "start"

    @property
    def mark_label_x(self) -> float:
        return (self.mark or 0.0) + (-5 if self.mark_anchor == "end" else 5)


@dataclass(frozen=True)
class Panels:
    """All panels with the axes that they share."""

    panels: list[Panel]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    chance: float
    columns: tuple[str, ...]

    @property
    def x_heading(self) -> str:
        return self.columns[0]

    @property
    def first(self) -> list[Panel]:
        return self.panels[:MOST_PANELS]

    @property
    def rest(self) -> list[Panel]:
        """Those that are folded away, so that many generators do not bury what follows."""
        return self.panels[MOST_PANELS:]


def psychometric_panels(
    curves: Mapping[str, Content], thresholds: Mapping[str, Content], names: Mapping[str, str]
) -> Panels | None:
    """Share right against exposure: what was seen, the fitted curve with its band, the threshold.

    Args:
        curves, thresholds: by slug, as `PsychometricCurve` and `ThresholdScore` are written to JSON;
            who lacks either is not drawn.
        names: of the generators to draw, by slug, in order.
    """
    drawn = {
        slug: pooled(curves[slug]["levels"])
        for slug in names
        if slug in curves and slug in thresholds
    }
    levels = [level for own in drawn.values() for level in own]
    if not levels:
        return None
    exposures = [level["exposure_ms"] for level in levels]
    x = _exposure_axis(exposures)
    y = _share_axis([level["right"] for level in levels] + [0.4, 1.0])
    largest = max(level["n_trials"] for level in levels)
    panels = [
        _psychometric(
            names[slug],
            curves[slug],
            thresholds[slug],
            [_level_point(level, x, y, largest) for level in own],
            x,
            y,
        )
        for slug, own in drawn.items()
    ]
    return _panels(panels, x, y, x.ticks(named_exposures(exposures), milliseconds), SEEN)


def pooled(levels: Sequence[Content]) -> list[Content]:
    """At most 15 points of about as many trials each, of neighbouring exposures; few levels stay.

    A staircase visits dozens of exposures, most of them a few times: their shares alone are noise.
    """
    if len(levels) <= MOST_POINTS:
        return list(levels)
    least = sum(level["n_trials"] for level in levels) / MOST_POINTS
    groups: list[list[Content]] = [[]]
    for level in sorted(levels, key=lambda level: float(level["exposure_ms"])):
        if sum(each["n_trials"] for each in groups[-1]) >= least:
            groups.append([])
        groups[-1].append(level)
    return [_together(group) for group in groups]


def _together(levels: Sequence[Content]) -> Content:
    trials = sum(level["n_trials"] for level in levels)

    def mean(key: str) -> float:
        return float(sum(level["n_trials"] * level[key] for level in levels) / trials)

    return {"exposure_ms": mean("exposure_ms"), "right": mean("right"), "n_trials": trials}


def _psychometric(
    name: str, own: Content, threshold: Content, points: list[Point], x: Axis, y: Axis
) -> Panel:
    curve, fit = own["curve"], threshold["fit_ms"]
    censored = bound(threshold["n_fits_at_floor"], threshold["n_fits_at_ceiling"])
    words = f"{censored}{milliseconds(fit['value'])} ms"
    interval = (
        ""
        if fit["low"] is None
        else f" ({milliseconds(fit['low'])} to {milliseconds(fit['high'])})"
    )
    observers = "1 observer" if own["n_observers"] == 1 else f"{own['n_observers']:,} observers"
    return Panel(
        name,
        points,
        line=_path(curve["exposure_ms"], curve["right"], x, y),
        band=_band(curve, x, y),
        mark=x.at(fit["value"]),
        mark_words=words,
        finding=f"{name}: threshold {words}{interval}, from {observers}.",
    )


def _level_point(level: Content, x: Axis, y: Axis, largest: float) -> Point:
    exposure_ms, right, trials = level["exposure_ms"], level["right"], level["n_trials"]
    radius = SMALLEST_R + (LARGEST_R - SMALLEST_R) * math.sqrt(trials / largest)
    cells = (milliseconds(exposure_ms), percent(right), f"{trials:,.0f}")
    return Point(x.at(exposure_ms), y.at(right), radius, None, None, cells)


def exposure_panels(
    errors: Mapping[str, Sequence[Content]], names: Mapping[str, str]
) -> Panels | None:
    """Error rate against exposure, each with its interval.

    Args:
        errors: by slug, each a list as `ExposureError` is written to JSON.
        names: of the generators to draw, by slug, in order.
    """
    drawn = {slug: _known(errors[slug]) for slug in names if slug in errors}
    drawn = {slug: own for slug, own in drawn.items() if own}
    if not drawn:
        return None
    levels = [level for own in drawn.values() for level in own]
    exposures = [level["exposure_ms"] for level in levels]
    x = _exposure_axis(exposures)
    ends = [end for level in levels for end in _ends(level["error_rate"])]
    y = _share_axis([0.0, GUESSING, *ends])
    panels = [_exposure(names[slug], own, x, y) for slug, own in drawn.items()]
    return _panels(panels, x, y, x.ticks(sorted(set(exposures)), seconds), WRONG)


def _known(levels: Sequence[Content]) -> list[Content]:
    return [level for level in levels if level["error_rate"]["value"] is not None]


def _exposure(name: str, levels: Sequence[Content], x: Axis, y: Axis) -> Panel:
    points = [_exposure_point(level, x, y) for level in levels]
    shares = [level["error_rate"]["value"] for level in levels]
    exposures = [level["exposure_ms"] for level in levels]
    first, last = (f"{percent(shares[n])} % at {seconds(exposures[n])} s" for n in (0, -1))
    finding = f"error rate {first}" if len(levels) == 1 else f"error rate {first}, {last}"
    return Panel(name, points, _path(exposures, shares, x, y), "", None, "", f"{name}: {finding}.")


def _exposure_point(level: Content, x: Axis, y: Axis) -> Point:
    rate = level["error_rate"]
    low, high = _ends(rate)
    has_interval = rate["low"] is not None
    return Point(
        x.at(level["exposure_ms"]),
        y.at(rate["value"]),
        5.0,
        y.at(low) if has_interval else None,
        y.at(high) if has_interval else None,
        (
            seconds(level["exposure_ms"]),
            percent(rate["value"]),
            f"{percent(low)} to {percent(high)}" if has_interval else "–",
            f"{level['n_trials'] + level['n_real_trials']:,}",
        ),
    )


def _ends(rate: Content) -> tuple[float, float]:
    value = rate["value"]
    return (
        value if rate["low"] is None else rate["low"],
        value if rate["high"] is None else rate["high"],
    )


def _panels(
    panels: list[Panel], x: Axis, y: Axis, x_ticks: list[Tick], columns: tuple[str, ...]
) -> Panels:
    shares = y.ticks(round_values(y.low, y.high, most=6), lambda share: f"{100 * share:.0f}")
    return Panels(panels, x_ticks, shares, y.at(GUESSING), columns)


def seconds(ms: float) -> str:
    return f"{ms / 1000:g}"


def _exposure_axis(exposures: Sequence[float]) -> Axis:
    low, high = min(exposures), max(exposures)
    margin = 1.15 if low == high else (high / low) ** 0.04
    return Axis(low / margin, high * margin, WIDTH, is_log=True)


def _share_axis(shares: Sequence[float]) -> Axis:
    return Axis(*outward(min(shares), max(shares)), HEIGHT, is_upward=True)


def named_exposures(exposures: Iterable[float]) -> list[float]:
    """What to name on an axis: all exposures if they are few, else round ones in their range.

    >>> named_exposures([100, 200, 400]), named_exposures(range(90, 1200, 10))
    ([100, 200, 400], [100, 200, 500, 1000])
    """
    distinct = sorted(set(exposures))
    if len(distinct) <= MOST_NAMED:
        return distinct
    return [ms for ms in ROUND_MS if distinct[0] <= ms <= distinct[-1]]


def _path(xs: Sequence[float], ys: Sequence[float], x: Axis, y: Axis) -> str:
    return " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in zip(xs, ys, strict=True))


def _band(curve: Content, x: Axis, y: Axis) -> str:
    if curve["low"] is None:
        return ""
    exposures = curve["exposure_ms"]
    there = _path(exposures, curve["high"], x, y)
    return f"{there} {_path(exposures[::-1], curve['low'][::-1], x, y)}"
