"""Success over ε: what fools the network, what of it people still see, and the control, on one pair of axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalsite.lab.models import Classifier
from evalsite.leaderboard.axes import Axis, Tick, round_values
from evalsite.leaderboard.words import percent
from scoring.images import wilson

WIDTH, HEIGHT = 480, 220
CONFIDENCE = 0.95
MOST_TICKS = 6


@dataclass(frozen=True)
class Share:
    """A share of n images, 0 to 1, with its 95 % interval, None where there is none."""

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def words(self) -> str:
        return f"{percent(self.value)} %"

    @property
    def interval(self) -> str:
        if self.low is None or self.high is None:
            return "–"
        return f"{percent(self.low)} to {percent(self.high)}"


def share_of(found: Sequence[bool]) -> Share:
    """Of at least one image, with Wilson's interval.

    >>> share_of([True, True, False, False]).interval
    '15.0 to 85.0'
    """
    hits, count = np.array([sum(found)]), np.array([len(found)])
    low, high = wilson(hits, count, CONFIDENCE)
    return Share(sum(found) / len(found), float(low[0]), float(high[0]), len(found))


def accuracy_of(classifier: Classifier) -> Share | None:
    """How often it is right on clean held-out images; None where that was not measured."""
    if classifier.accuracy is None or not classifier.tested_on:
        return None
    right = round(classifier.accuracy * classifier.tested_on)
    return share_of([True] * right + [False] * (classifier.tested_on - right))


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    low: float | None
    high: float | None
    words: str


@dataclass(frozen=True)
class Series:
    """One line: `style` numbers its colour and its dashes."""

    title: str
    style: int
    points: list[Point]

    @property
    def line(self) -> str:
        return " ".join(f"{each.x:.1f},{each.y:.1f}" for each in self.points)


@dataclass(frozen=True)
class Curve:
    series: list[Series]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    finding: str


def curve(shares: Mapping[str, Mapping[float, Share]]) -> Curve | None:
    """Lines by their titles, each of shares by ε; None where no rung has an ε above 0."""
    largest = max((epsilon for own in shares.values() for epsilon in own), default=0.0)
    if not largest:
        return None
    x = Axis(0.0, largest, WIDTH)
    y = Axis(0.0, 1.0, HEIGHT, is_upward=True)
    series = [
        Series(title, style, [_point(epsilon, own[epsilon], x, y) for epsilon in sorted(own)])
        for style, (title, own) in enumerate(shares.items(), start=1)
        if own
    ]
    return Curve(
        series,
        x.ticks(round_values(0.0, x.high, most=MOST_TICKS), lambda value: f"{value:g}"),
        y.ticks(round_values(0.0, 1.0, most=MOST_TICKS), lambda share: f"{100 * share:.0f}"),
        " ".join(f"{each.title}: {'; '.join(p.words for p in each.points)}." for each in series),
    )


def _point(epsilon: float, share: Share, x: Axis, y: Axis) -> Point:
    low, high = (None if end is None else y.at(end) for end in (share.low, share.high))
    return Point(x.at(epsilon), y.at(share.value), low, high, f"{share.words} at ε {epsilon:g}")
