"""Axes of plots: from values to places, and the round numbers written beside them."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` laid on `length` units; what lies beyond is drawn at the end.

    Attributes:
        is_log: equal ratios are equally long.
        is_upward: the lowest value is at `length`, as the pixels of a picture count downwards.
    """

    low: float
    high: float
    length: float = 100.0
    is_log: bool = False
    is_upward: bool = False

    def at(self, value: float) -> float:
        low, high, inside = (
            math.log(each) if self.is_log else each
            for each in (self.low, self.high, min(max(value, self.low), self.high))
        )
        share = (inside - low) / (high - low)
        return self.length * (1 - share if self.is_upward else share)

    def ticks(self, values: Iterable[float], write: Callable[[float], str]) -> list[Tick]:
        return [Tick(self.at(value), write(value)) for value in values]


def round_values(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` multiples of one round step between two different values.

    >>> round_values(0, 0.6), round_values(-0.8, 1.3), round_values(100, 1000)
    ([0.0, 0.2, 0.4, 0.6], [-0.5, 0.0, 0.5, 1.0], [200.0, 400.0, 600.0, 800.0, 1000.0])
    """
    step = round_step(low, high, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def round_step(low: float, high: float, most: int = 5) -> float:
    """The least of 1, 2, 2.5 or 5 times a power of 10 that gives at most `most` values."""
    unit = 10.0 ** math.floor(math.log10((high - low) / most))
    return next(
        unit * step for step in STEPS if math.floor((high - low) / (unit * step) + 1e-9) < most
    )


def outward(low: float, high: float) -> tuple[float, float]:
    """The range widened to round values; a range of one value is widened around it, of 0 upward.

    >>> outward(0.03, 0.57), outward(2.0, 2.0), outward(0.0, 0.0)
    ((0.0, 0.6), (1.0, 3.0), (0.0, 1.0))
    """
    if low == high == 0.0:
        return 0.0, 1.0
    if low == high:
        margin = abs(low) / 2
        return low - margin, high + margin
    step = round_step(low, high)
    return (
        round(math.floor(low / step + 1e-9) * step, 10),
        round(math.ceil(high / step - 1e-9) * step, 10),
    )
