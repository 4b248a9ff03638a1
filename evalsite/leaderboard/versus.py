"""A figure against what a perfect generator would score, as a picture of one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalsite.leaderboard.axes import Axis, Tick, outward, round_values
from evalsite.leaderboard.plots import short
from evalsite.leaderboard.words import Figure

WIDTH = 200
NO_LENGTH = 1.5

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """A value and its interval as places on the line; without an interval both ends are the value."""

    at: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return max(self.high - self.low, NO_LENGTH)


@dataclass(frozen=True)
class Versus:
    """The line: the figure, what a perfect generator scores (None if not known), and the numbers below."""

    figure: Span
    perfect: Span | None
    ticks: list[Tick]


def versus(own: Content, perfect: Content | None, words: Figure) -> Versus:
    """Draw `own` beside `perfect`, each a value with low and high, from 0 or the least it can be."""
    values = [own, perfect] if perfect else [own]
    ends = [end for each in values for end in _ends(each)]
    least, most = words.bounds
    start = min(ends) if least is None else min(least, *ends)
    low, high = outward(start, max([*ends, *([] if most is None else [most])]))
    axis = Axis(low, high, WIDTH)
    return Versus(
        _span(axis, own),
        _span(axis, perfect) if perfect else None,
        axis.ticks(round_values(low, high, most=4), lambda at: short(words.write(at))),
    )


def _ends(own: Content) -> tuple[float, float]:
    value = own["value"]
    low, high = own["low"], own["high"]
    return (value if low is None else low, value if high is None else high)


def _span(axis: Axis, own: Content) -> Span:
    low, high = _ends(own)
    return Span(axis.at(own["value"]), axis.at(low), axis.at(high))
