"""The lecture's linear model as its page shows it: every product, every sum, and how they grow with size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalsite.leaderboard.axes import Axis, Tick
from evalsite.leaderboard.words import percent
from generators.adversarial.linear import effect, push, push_by_sign, sigmoid

WIDTH, HEIGHT = 480, 220
SIZES = {
    "this example": 6,
    "28 × 28, grey": 28 * 28,
    "32 × 32, colour": 3 * 32 * 32,
    "224 × 224, colour": 3 * 224 * 224,
}
FEWEST_POWER, MOST_POWER = -3, 6
"""Decades of the plot's upward axis: from a small ε to the effect on a large photograph."""


@dataclass(frozen=True)
class Row:
    """One of the values: xᵢ, wᵢ, the value after each push, and the products that are summed."""

    x: float
    w: float
    pushed: float
    signed: float

    @property
    def product(self) -> float:
        return self.x * self.w

    @property
    def pushed_product(self) -> float:
        return self.pushed * self.w

    @property
    def signed_product(self) -> float:
        return self.signed * self.w


@dataclass(frozen=True)
class Worked:
    """The three scores with their probabilities, and the values they are the sums of."""

    rows: list[Row]
    score: float
    pushed: float
    signed: float

    @property
    def scores(self) -> list[tuple[str, float, str, str]]:
        """In words, as a number, by the name that scripts know, and as a probability in percent."""
        each = (
            ("w·x", self.score, "plain"),
            ("w·(x + ε w)", self.pushed, "pushed"),
            ("w·(x + ε sign(w))", self.signed, "signed"),
        )
        return [(words, score, name, f"{percent(sigmoid(score))} %") for words, score, name in each]

    @property
    def mean_weight(self) -> float:
        return sum(abs(row.w) for row in self.rows) / len(self.rows)


def worked(weights: Sequence[float], example: Sequence[float], epsilon: float) -> Worked:
    """The sums for these numbers.

    >>> from generators.adversarial.linear import EPSILON, EXAMPLE, WEIGHTS
    >>> found = worked(WEIGHTS, EXAMPLE, EPSILON)
    >>> [round(score, 10) for score in (found.score, found.pushed, found.signed)]
    [-4.0, 1.6, -1.6]
    """
    pushed, signed = push(weights, example, epsilon), push_by_sign(weights, example, epsilon)
    values = zip(example, weights, pushed.example, signed.example, strict=True)
    return Worked([Row(*each) for each in values], pushed.before, pushed.after, signed.after)


@dataclass(frozen=True)
class Point:
    """How many values, what has so many, by how much the score moves, and the place of that."""

    size: int
    name: str
    effect: str
    x: float
    y: float


@dataclass(frozen=True)
class Growth:
    """By how much ε sign(w) moves a score, over the number of values; both axes by ratios.

    `change` is the height of ε itself, the most that any one value moves.
    """

    points: list[Point]
    change: float
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    finding: str

    @property
    def line(self) -> str:
        return " ".join(f"{each.x:.1f},{each.y:.1f}" for each in self.points)


def growth(mean_weight: float, epsilon: float) -> Growth:
    """The plot for weights of this mean size; ε = 0 moves nothing and is drawn at the lower end."""
    sizes = list(SIZES.values())
    x = Axis(sizes[0], sizes[-1], WIDTH, is_log=True)
    y = Axis(10.0**FEWEST_POWER, 10.0**MOST_POWER, HEIGHT, is_log=True, is_upward=True)
    effects = effect(sizes, epsilon, mean_weight).tolist()
    return Growth(
        points=[
            Point(size, name, f"{moved:,.1f}", x.at(size), y.at(moved))
            for (name, size), moved in zip(SIZES.items(), effects, strict=True)
        ],
        change=y.at(epsilon),
        x_ticks=x.ticks(sizes, lambda size: f"{size:,.0f}"),
        y_ticks=y.ticks([10.0**power for power in range(-2, MOST_POWER + 1, 2)], _power),
        finding=f"The score moves by {effects[0]:,.1f} with 6 values and by {effects[-1]:,.1f} with "
        f"{sizes[-1]:,}; no value moves by more than {epsilon:g}.",
    )


def _power(value: float) -> str:
    """A power of ten, the large ones by their exponents.

    >>> _power(0.01), _power(100.0), _power(1e6)
    ('0.01', '100', '10⁶')
    """
    exponent = round(math.log10(value))
    return f"10{'⁰¹²³⁴⁵⁶⁷⁸⁹'[exponent]}" if exponent > 2 else f"{value:g}"
