"""The leaderboard's pictures: an interval plot, and people's scores against a metric."""

import math
from dataclasses import dataclass

from evalsite.leaderboard.board import Board, Row
from evalsite.leaderboard.models import Score
from evalsite.leaderboard.words import figure

GUESSING = 0.5
SCATTER_W, SCATTER_H = 240, 160


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Bar:
    """One generator's value and interval, in percent of the axis."""

    row: Row
    score: Score
    at: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True)
class IntervalPlot:
    """All leading scores on one axis; `chance` is where guessing lies, if it is on the axis."""

    bars: list[Bar]
    ticks: list[Tick]
    chance: float | None
    heading: str


def interval_plot(board: Board) -> IntervalPlot | None:
    """The leading scores on one axis, or None before anyone has answered."""
    scores = [(row, row.lead) for row in board.rows if row.lead]
    if not scores:
        return None
    words = figure(board.lead_name)
    is_rate = board.lead_name == "error_rate"
    highest = max(score.value if score.high is None else score.high for _, score in scores)
    top = max(highest, GUESSING) if is_rate else highest
    top = math.ceil(10 * top) / 10 if is_rate else 100.0 * math.ceil(top / 100)

    def at(value: float | None, otherwise: float) -> float:
        return 100 * min(max((otherwise if value is None else value) / top, 0.0), 1.0)

    bars = [
        Bar(
            row,
            score,
            at=at(score.value, score.value),
            low=at(score.low, score.value),
            high=at(score.high, score.value),
        )
        for row, score in scores
    ]
    ticks = [Tick(100 * share, words.write(top * share)) for share in (0.0, 0.5, 1.0)]
    return IntervalPlot(bars, ticks, 100 * GUESSING / top if is_rate else None, words.heading)


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    low: float
    high: float
    number: int
    row: Row


@dataclass(frozen=True)
class Scatter:
    """People's leading score against one metric, a dot a generator."""

    metric: str
    lead: str
    dots: list[Dot]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def scatters(board: Board) -> list[Scatter]:
    """One for every metric that at least two judged generators have."""
    drawn = (scatter(board, name) for name in board.metric_names)
    return [each for each in drawn if each is not None]


def scatter(board: Board, name: str) -> Scatter | None:
    judged = [row for row in board.rows if row.lead and name in row.metrics]
    if len(judged) < 2:
        return None
    values = [row.metrics[name].value for row in judged]
    rates = [_lead(row) for row in judged]
    low, high = _padded(min(values), max(values))
    words, lead_words = figure(name), figure(board.lead_name)
    top = max(rate.high or rate.value for rate in rates) * 1.1 or 1.0

    def y(value: float) -> float:
        return SCATTER_H * (1 - value / top)

    dots = [
        Dot(
            x=SCATTER_W * (value - low) / (high - low),
            y=y(rate.value),
            low=y(rate.value if rate.low is None else rate.low),
            high=y(rate.value if rate.high is None else rate.high),
            number=board.rows.index(row) + 1,
            row=row,
        )
        for row, value, rate in zip(judged, values, rates, strict=True)
    ]
    x_ticks = [Tick(0, words.write(low)), Tick(SCATTER_W, words.write(high))]
    y_ticks = [Tick(y(top * share), lead_words.write(top * share)) for share in (0.0, 0.5, 1.0)]
    return Scatter(words.heading, lead_words.heading, dots, x_ticks, y_ticks)


def _lead(row: Row) -> Score:
    assert row.lead is not None  # noqa: S101  # the caller has looked
    return row.lead


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = 0.1 * (high - low) or abs(high) or 1.0
    return low - margin, high + margin
