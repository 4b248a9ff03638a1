"""How good a generator was at each moment of its training: metrics of small pools drawn on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from evalsite.catalog.models import Generator
from evalsite.leaderboard.axes import Axis, Tick, outward, round_values
from evalsite.leaderboard.models import Score
from evalsite.leaderboard.plots import short
from evalsite.leaderboard.words import BETTER, Figure, column_order, figure

WIDTH, HEIGHT = 240, 150
FEWEST = 2


@dataclass(frozen=True)
class Moment:
    """One pool drawn on the way: its place on the picture, and its line of the table."""

    x: float
    y: float
    low: float
    high: float
    cells: tuple[str, str, str, str]
    is_best: bool = False


@dataclass(frozen=True)
class Quality:
    """One metric against images shown in training.

    Attributes:
        perfect: where what a perfect generator would score lies; None if not known.
        finding: how it began and where it ended, in a sentence.
        stop: when it was best, and whether it is worse by now; empty where nothing is better.
    """

    name: str
    words: Figure
    moments: list[Moment]
    perfect: float | None
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    finding: str
    stop: str

    @property
    def line(self) -> str:
        return " ".join(f"{each.x:.1f},{each.y:.1f}" for each in self.moments)

    @property
    def better(self) -> str:
        return BETTER[self.words.better]


def qualities(generator: Generator) -> list[Quality]:
    """A picture for every metric of at least two moments."""
    found = Score.objects.of_checkpoints(generator)
    curves = {name: list(own) for name, own in groupby(found, key=lambda score: score.name)}
    total = max(map(_seen, found), default=0)
    return [
        _quality(name, curves[name], total, _perfect(generator, name))
        for name in sorted(curves, key=column_order)
        if len(curves[name]) >= FEWEST
    ]


def _perfect(generator: Generator, name: str) -> float | None:
    """What a perfect generator scores: as the finished one's pools were compared with it."""
    finished = Score.objects.of_pools().filter(generator=generator, name=name)
    known = (score.details.get("reference") for score in finished.order_by("-pk"))
    return next((float(perfect["value"]) for perfect in known if perfect), None)


def _quality(name: str, scores: Sequence[Score], total: int, perfect: float | None) -> Quality:
    words = figure(name)
    ends = [end for score in scores for end in _ends(score)]
    ends += [] if perfect is None else [perfect]
    x = Axis(0, total, WIDTH)
    y = Axis(*outward(min(0.0, *ends), max(ends)), HEIGHT, is_upward=True)
    first, last = scores[0], scores[-1]
    best = best_of(scores)
    return Quality(
        name,
        words,
        moments=[_moment(score, x, y, is_best=score is best) for score in scores],
        perfect=None if perfect is None else y.at(perfect),
        x_ticks=x.ticks((0, total), lambda images: f"{images:,.0f}"),
        y_ticks=y.ticks(round_values(y.low, y.high, most=4), lambda at: short(words.write(at))),
        finding=(
            f"{words.heading}: {first.shown} after {_seen(first):,} images, {last.shown} after {_seen(last):,}."
        ),
        stop=_stop(best, last) if best else "",
    )


def best_of(scores: Sequence[Score]) -> Score | None:
    """The score with the best value, the earliest of several; None where neither end is better."""
    better = figure(scores[0].name).better
    if not better:
        return None
    return (min if better == "lower" else max)(scores, key=lambda score: score.value)


def is_clearly_worse(last: Score, best: Score) -> bool | None:
    """Whether the 95 % intervals of two scores do not even touch; None where one has none.

    The same real images are behind both, which makes their difference surer than either.
    """
    if None in (last.low, last.high, best.low, best.high):
        return None
    (low, high), (best_low, best_high) = _ends(last), _ends(best)
    return low > best_high or high < best_low


def _stop(best: Score, last: Score) -> str:
    words = f"Best after {_seen(best):,} images: {_with_interval(best)}."
    if best is last:
        return f"{words} That is the last: longer may be better."
    worse = is_clearly_worse(last, best)
    if worse is None:
        return words
    if worse:
        return f"{words} The last is worse, {_with_interval(last)}: the intervals do not touch."
    return f"{words} The last, {_with_interval(last)}, is not clearly worse."


def _with_interval(score: Score) -> str:
    if score.low is None or score.high is None:
        return score.shown
    return f"{score.shown} ({score.shown_interval})"


def _moment(score: Score, x: Axis, y: Axis, *, is_best: bool) -> Moment:
    low, high = _ends(score)
    cells = (f"{_seen(score):,}", score.shown, score.shown_interval, score.shown_n)
    return Moment(x.at(_seen(score)), y.at(score.value), y.at(low), y.at(high), cells, is_best)


def _seen(score: Score) -> int:
    assert score.pool is not None  # noqa: S101  # of_checkpoints
    return score.pool.images_seen or 0


def _ends(score: Score) -> tuple[float, float]:
    return (
        score.value if score.low is None else score.low,
        score.value if score.high is None else score.high,
    )
