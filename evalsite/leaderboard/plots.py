"""The leaderboard's pictures: intervals on one axis, and people's scores against a metric."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evalsite.leaderboard.axes import Axis, Tick, outward, round_values
from evalsite.leaderboard.board import Board, Row
from evalsite.leaderboard.models import Score
from evalsite.leaderboard.words import Figure, bound, decimals, figure
from scoring.correlation import correlate

SCATTER_W, SCATTER_H = 240, 160
NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Line:
    """A value to compare with, and what it means."""

    value: float
    words: str


GUESSING = {
    "error_rate": Line(0.5, "50 %: people cannot tell"),
    "win_rate": Line(0.5, "50 %: chosen as often as not"),
}


NAMED_RIGHT = "Further right looks more like what it is."
DIRECTIONS = {
    "": "Further right looks more real.",
    "higher": "Further right is better.",
    "lower": "Further left is better.",
}


@dataclass(frozen=True)
class Mark:
    """A named value with its interval, None where there is none; `bound` says that it is only one."""

    label: str
    value: float
    low: float | None
    high: float | None
    is_simulated: bool = False
    bound: str = ""

    @property
    def least(self) -> float:
        return self.value if self.low is None else self.low

    @property
    def most(self) -> float:
        return self.value if self.high is None else self.high


@dataclass(frozen=True)
class Bar:
    """A mark on its axis: places in percent, and the words for it."""

    mark: Mark
    words: str
    at: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True)
class IntervalPlot:
    """Marks on one axis.

    Attributes:
        chance: where the dashed line lies, if there is one, and `chance_words` what it means.
        finding: what the plot shows, in a sentence.
        direction: where the good ones are, in a sentence.
    """

    bars: list[Bar]
    ticks: list[Tick]
    chance: float | None
    chance_words: str
    heading: str
    finding: str
    direction: str


def interval_plot(board: Board) -> IntervalPlot | None:
    """The leading scores on one axis, or None before anyone has answered."""
    marks = [
        Mark(
            str(row.generator),
            lead.value,
            lead.low,
            lead.high,
            row.is_simulated,
            bound(lead.details.get("floor", 0), lead.details.get("ceiling", 0)),
        )
        for row in board.rows
        if (lead := row.lead)
    ]
    return plot_of(marks, board.lead_name, GUESSING.get(board.lead_name)) if marks else None


def plot_of(marks: Sequence[Mark], name: str, line: Line | None) -> IntervalPlot:
    """At least one mark of the figure `name`, on an axis that reaches 0 and the line."""
    words = figure(name)
    ends = [0.0, *([line.value] if line else [])]
    ends += [each for mark in marks for each in (mark.least, mark.most)]
    axis = Axis(*outward(min(ends), max(ends)))
    bars = [
        Bar(
            mark, written(mark, words), axis.at(mark.value), axis.at(mark.least), axis.at(mark.most)
        )
        for mark in marks
    ]
    return IntervalPlot(
        bars,
        axis.ticks(round_values(axis.low, axis.high, most=7), lambda at: short(words.write(at))),
        chance=axis.at(line.value) if line else None,
        chance_words=line.words if line else "",
        heading=words.heading,
        finding=finding(marks, words),
        direction=NAMED_RIGHT if name == "named_right" else DIRECTIONS[words.better],
    )


def short(number: str) -> str:
    """
    >>> short("10.0"), short("−0.50"), short("1,000")
    ('10', '−0.5', '1,000')
    """
    return number.rstrip("0").rstrip(".") if "." in number else number


def written(mark: Mark, words: Figure) -> str:
    """A value with its unit and interval: `23.1 % (18.0 to 29.4)`."""
    value = f"{mark.bound}{words.write(mark.value)}{NO_BREAK}{words.unit}".rstrip(NO_BREAK)
    if mark.low is None or mark.high is None:
        return f"{value} (no interval yet)"
    return f"{value} ({words.write(mark.low)} to {words.write(mark.high)})"


def finding(marks: Sequence[Mark], words: Figure) -> str:
    """Which of the marks is highest, and which lowest."""
    best, worst = max(marks, key=lambda mark: mark.value), min(marks, key=lambda mark: mark.value)
    if best is worst:
        return f"{words.label} of {best.label}: {written(best, words)}."
    return (
        f"{words.label}: highest for {best.label}, {written(best, words)}; "
        f"lowest for {worst.label}, {written(worst, words)}."
    )


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
    agreement: str
    dots: list[Dot]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def scatters(board: Board) -> list[Scatter]:
    """One for every metric that at least two judged generators have."""
    drawn = (scatter(board, name) for name in board.metric_names)
    return [each for each in drawn if each is not None]


def scatter(board: Board, name: str) -> Scatter | None:
    judged = [(row, row.lead, row.metrics[name]) for row in board.rows if name in row.metrics]
    both = [(row, lead, metric) for row, lead, metric in judged if lead is not None]
    if len(both) < 2:
        return None
    x = Axis(*_padded([metric.value for _, _, metric in both]), SCATTER_W)
    ends = [end for _, lead, _ in both for end in _ends(lead)]
    y = Axis(*outward(min(0.0, *ends), max(ends)), SCATTER_H, is_upward=True)
    dots = [
        Dot(
            x=x.at(metric.value),
            y=y.at(lead.value),
            low=y.at(_ends(lead)[0]),
            high=y.at(_ends(lead)[1]),
            number=board.rows.index(row) + 1,
            row=row,
        )
        for row, lead, metric in both
    ]
    words, lead_words = figure(name), figure(board.lead_name)
    return Scatter(
        words.heading,
        lead_words.heading,
        _agreement(name, both),
        dots,
        x.ticks((x.low, x.high), words.write),
        y.ticks(round_values(y.low, y.high, most=4), lambda at: short(lead_words.write(at))),
    )


def _agreement(name: str, judged: Sequence[tuple[Row, Score, Score]]) -> str:
    people = {row.generator.slug: lead.value for row, lead, _ in judged}
    values = {row.generator.slug: metric.value for row, _, metric in judged}
    (correlation,) = correlate(people, {name: values})
    return rho_words(asdict(correlation.rho))


def rho_words(rho: Mapping[str, Any]) -> str:
    """A rank correlation as it is written beside a plot."""
    if rho["value"] is None:
        return f"ρ {rho['reason']}"
    value = f"Spearman’s ρ = {decimals(2)(rho['value'])}"
    if rho["low"] is None:
        return f"{value} of {rho['n']} generators; {rho['reason']}"
    low, high = decimals(2)(rho["low"]), decimals(2)(rho["high"])
    return f"{value} ({low} to {high}), {rho['n']} generators"


def _ends(score: Score) -> tuple[float, float]:
    return (
        score.value if score.low is None else score.low,
        score.value if score.high is None else score.high,
    )


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.1 * (high - low) or abs(high) or 1.0
    return low - margin, high + margin
