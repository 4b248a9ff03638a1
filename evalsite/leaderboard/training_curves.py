"""What a training watches, as small pictures: losses, slopes, the discriminator's calls, its samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalsite.leaderboard.axes import Axis, Tick, outward, round_values
from generators.health import Moment, told

WIDTH, HEIGHT = 240, 150
MOST_POINTS = 300
FEWEST = 2
SERIES = 4
"""How many lines of a picture can be told apart."""

WORDS = {
    "d_loss": "discriminator",
    "g_loss": "generator",
    "d_gradient": "discriminator",
    "g_gradient": "generator",
    "d_real": "real images",
    "d_fake": "generated images",
    "spread": "spread",
    "coverage": "classes shown",
    "evenness": "evenness of classes",
    "obedience": "class as asked",
    "copied": "copies",
}


@dataclass(frozen=True)
class Kind:
    """A picture: which values it shows, how, and what they mean."""

    title: str
    caption: str
    shows: Callable[[str], bool]
    is_log: bool = False
    ends: tuple[float, float] | None = None
    is_share: bool = False
    """Whether its values are written as percentages."""

    def write(self, value: float) -> str:
        """
        >>> Kind("", "", bool).write(0.71875), Kind("", "", bool, is_share=True).write(0.71875)
        ('0.719', '71.9 %')
        """
        return f"{told(100 * value, 3)} %" if self.is_share else told(value, 3)

    def tick(self, value: float) -> str:
        return f"{100 * value:g} %" if self.is_share else f"{value:g}"


ALONE = {
    "reconstruction": "How far what is drawn again lies from the image that it should be.",
    "divergence": "How far the codes of real images lie from the noise that samples are drawn from.",
    "cycle": "How far an image lies from itself after it was turned into the other kind and back.",
    "identity": "How much a network changes an image that is of the kind it makes already.",
    "perceptual": "How far drawn and real images lie apart as the discriminator sees them.",
    "balance": "How much fakes count for the discriminator, beside real images.",
    "convergence": "BEGAN’s own measure of how far it has come: lower is better.",
}
"""What values with a picture of their own mean."""

SAMPLES = ("spread", "coverage", "evenness", "obedience")
CALLS = ("d_real", "d_fake")
KINDS = (
    Kind("Losses", "What each network lowers.", lambda name: name.endswith("_loss")),
    Kind(
        "Gradient norms",
        "How strongly each network is pushed, on a logarithmic scale. A generator near 0 learns nothing.",
        lambda name: name.endswith("_gradient"),
        is_log=True,
    ),
    Kind(
        "Called real",
        "The share of images that the discriminator takes for real. At 50 % of both it cannot tell.",
        CALLS.__contains__,
        ends=(0.0, 1.0),
        is_share=True,
    ),
    Kind(
        "Samples beside real images",
        "Spread: how far apart samples are; classes shown: how many of them; evenness: how evenly; all"
        " about 1 for a perfect generator. Class as asked: the share that show the class they were asked for.",
        SAMPLES.__contains__,
    ),
    Kind(
        "Copies",
        "The share of samples that nearly are training images: about 0 for a perfect generator.",
        "copied".__eq__,
        ends=(0.0, 1.0),
        is_share=True,
    ),
)


@dataclass(frozen=True)
class Line:
    """One value against images shown."""

    name: str
    label: str
    points: str
    last: str


@dataclass(frozen=True)
class Curves:
    """One picture of up to SERIES lines."""

    title: str
    caption: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]

    @property
    def finding(self) -> str:
        """What it ends with, in a sentence."""
        return f"{self.title}: {', '.join(f'{line.label} {line.last}' for line in self.lines)}"


def training_curves(history: Sequence[Moment], total: int) -> list[Curves]:
    """A picture for each kind of value that was watched at two moments or more, others one each."""
    names = sorted({name for moment in history for name in moment.values}, key=_order)
    others = [name for name in names if not any(kind.shows(name) for kind in KINDS)]
    alone = [Kind(_label(name).capitalize(), ALONE.get(name, ""), name.__eq__) for name in others]
    found = (
        _curves(kind, [name for name in names if kind.shows(name)][:SERIES], history, total)
        for kind in (*KINDS, *alone)
    )
    return [curves for curves in found if curves]


def _curves(
    kind: Kind, names: Sequence[str], history: Sequence[Moment], total: int
) -> Curves | None:
    series = {name: _points(history, name) for name in names}
    series = {name: points for name, points in series.items() if len(points) >= FEWEST}
    if not series:
        return None
    values = [value for points in series.values() for _, value in points]
    x = Axis(0, max(total, *(points[-1][0] for points in series.values())), WIDTH)
    y = _log_axis(values) if kind.is_log else _axis(values, kind.ends)
    ticks = _powers(y) if kind.is_log else round_values(y.low, y.high, most=4)
    return Curves(
        kind.title,
        kind.caption,
        [_line(name, points, kind, x, y) for name, points in series.items()],
        x.ticks((0, x.high), lambda images: f"{images:,.0f}"),
        y.ticks(ticks, kind.tick),
    )


def _points(history: Sequence[Moment], name: str) -> list[tuple[int, float]]:
    """The value at each moment, thinned to what a screen can show, the last among them."""
    found = [(each.images_seen, each.values[name]) for each in history if name in each.values]
    return found[:: -1 * -(-len(found) // MOST_POINTS)][::-1] if found else []


def _axis(values: Sequence[float], ends: tuple[float, float] | None) -> Axis:
    low, high = ends or outward(min(0.0, *values), max(0.0, *values))
    return Axis(low, high, HEIGHT, is_upward=True)


def _log_axis(values: Sequence[float]) -> Axis:
    """Whole powers of ten around all values above 0; what is 0 is drawn at the end."""
    above = [value for value in values if value > 0] or [1.0]
    low, high = (10.0**power for power in _exponents(min(above), max(above)))
    return Axis(low, high, HEIGHT, is_log=True, is_upward=True)


def _exponents(low: float, high: float) -> tuple[int, int]:
    first = int(f"{low:e}".partition("e")[2])
    last = int(f"{high:e}".partition("e")[2])
    return first, last + 1


def _powers(axis: Axis) -> list[float]:
    """At most five whole powers of ten, evenly spaced, the lowest among them."""
    first, last = (int(f"{end:e}".partition("e")[2]) for end in (axis.low, axis.high))
    return [10.0**power for power in range(first, last + 1, -(-(last - first) // 4))]


def _line(name: str, points: Sequence[tuple[int, float]], kind: Kind, x: Axis, y: Axis) -> Line:
    places = " ".join(f"{x.at(seen):.1f},{y.at(value):.1f}" for seen, value in points)
    return Line(name, _label(name), places, kind.write(points[-1][1]))


def _order(name: str) -> tuple[int, str]:
    """Known values first, in the order of WORDS."""
    known = list(WORDS)
    return known.index(name) if name in WORDS else len(known), name


def _label(name: str) -> str:
    """
    >>> _label("d_fake"), _label("reconstruction"), _label("e_loss")
    ('generated images', 'reconstruction', 'e loss')
    """
    return WORDS.get(name, name.replace("_", " "))
