"""A sweep's trainings as lines across parallel axes: an axis for each value that varied, one for quality."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.leaderboard.axes import Axis, Tick, outward, round_values

SPACING, HEIGHT = 160, 240
MOST_TICKS = 5
LOG_FROM = 5.0
"""Values of one sign are laid out by their ratios if the largest is so many times the least."""


@dataclass(frozen=True)
class Track:
    """One axis: where it stands, what it is called, its ticks."""

    x: float
    title: str
    ticks: list[Tick]


@dataclass(frozen=True)
class Thread:
    """One training as a line; `share` is 0 for the best quality and 1 for the worst."""

    key: int
    points: str
    share: float
    words: str

    @property
    def percent(self) -> int:
        return round(100 * self.share)


@dataclass(frozen=True)
class Parallel:
    tracks: list[Track]
    threads: list[Thread]
    width: int


@dataclass(frozen=True)
class Scale:
    """Where each value of one axis lies, from the top 0 to HEIGHT."""

    at: Callable[[Any], float]
    ticks: list[Tick]


def parallel(
    points: Mapping[int, Mapping[str, Any]],
    quality: Mapping[int, float],
    *,
    title: str,
    write: Callable[[float], str],
    better: str = "lower",
) -> Parallel | None:
    """The trainings `points`, by key, of which `quality` is known; None for fewer than two.

    The worst are drawn first, so that the best lie on top.
    """
    known = sorted(quality, key=lambda key: quality[key], reverse=better == "lower")
    if len(known) < 2:
        return None
    names = list(points[known[0]])
    scales = [scale([points[key][name] for key in known]) for name in names]
    last = scale([quality[key] for key in known], write)
    titles = [*names, title]
    return Parallel(
        [
            Track(SPACING * place, name, each.ticks)
            for place, (name, each) in enumerate(zip(titles, [*scales, last], strict=True))
        ],
        [
            Thread(
                key,
                _line([*(points[key][name] for name in names), quality[key]], [*scales, last]),
                1 - place / (len(known) - 1),
                f"{_words(points[key])}: {title} {write(quality[key])}",
            )
            for place, key in enumerate(known)
        ],
        SPACING * len(names),
    )


def scale(values: Sequence[Any], write: Callable[[float], str] = "{:g}".format) -> Scale:
    """Numbers along a line, by ratios where they are far apart; words one below the other.

    >>> [scale([1, 10, 100]).at(value) for value in (1, 10, 100)]
    [240.0, 120.0, 0.0]
    >>> [scale(["hinge", "minimax", "hinge"]).at(value) for value in ("hinge", "minimax")]
    [0.0, 240.0]
    """
    if not all(type(value) in (int, float) for value in values):
        return _words_scale(values)
    low, high = min(values), max(values)
    if low > 0 and high >= LOG_FROM * low:
        axis = Axis(low, high, HEIGHT, is_log=True, is_upward=True)
        return Scale(axis.at, axis.ticks(_chosen(sorted(set(values))), write))
    axis = Axis(*outward(low, high), HEIGHT, is_upward=True)
    return Scale(axis.at, axis.ticks(round_values(axis.low, axis.high, MOST_TICKS), write))


def _words_scale(values: Sequence[Any]) -> Scale:
    words = sorted({str(value) for value in values})
    step = HEIGHT / max(len(words) - 1, 1)
    places = {word: step * place for place, word in enumerate(words)}
    return Scale(lambda value: places[str(value)], [Tick(at, word) for word, at in places.items()])


def _chosen(values: Sequence[float]) -> list[float]:
    """At most MOST_TICKS of these, the first and the last among them."""
    step = math.ceil((len(values) - 1) / (MOST_TICKS - 1)) or 1
    return list(dict.fromkeys([*values[:-1:step], values[-1]]))


def _line(values: Sequence[Any], scales: Sequence[Scale]) -> str:
    places = enumerate(zip(values, scales, strict=True))
    return " ".join(f"{SPACING * place},{each.at(value):.1f}" for place, (value, each) in places)


def _words(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in point.items())
