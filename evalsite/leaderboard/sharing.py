"""What could be shared of a pool: asked for once, written by a worker, and drawn for its page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite import jobs
from evalsite.catalog.models import Pool
from evalsite.leaderboard.axes import Axis, Tick, outward, round_values
from evalsite.leaderboard.measuring import train_pool_of
from evalsite.leaderboard.models import SharingReport
from evalsite.leaderboard.plots import Bar, IntervalPlot, Mark
from evalsite.leaderboard.words import percent

SIDE = 240
RATES = (0.0, 0.5, 1.0)

ACCURACIES = {
    "ceiling": ("Real on real", "learned from real images, tested on held-out real ones"),
    "tstr": ("Synthetic on real", "learned from these images, tested on held-out real ones"),
    "trts": ("Real on synthetic", "learned from real images, tested on these"),
}
SPACES = {"features": "Distances between features", "pixels": "Distances between coarse pixels"}

Content = Mapping[str, Any]


class NothingHeldOut(ValueError):
    """The data set has no training images apart from held-out ones, so there is nothing to compare with."""


def sides_of(pool: Pool) -> tuple[Pool, Pool]:
    """Held-out and training images; raises NothingHeldOut where they are one."""
    train = train_pool_of(pool)
    if train is None:
        raise NothingHeldOut(
            f"What could be shared needs training images and held-out images apart, and "
            f"{pool.imitates} is not divided into both."
        )
    return pool.imitates.held_out_pool, train


def request_report(pool: Pool) -> SharingReport:
    """The report on a pool; asked for now if it is new, and again if it failed.

    Raises NothingHeldOut for a data set that is not divided.
    """
    sides_of(pool)
    report, created = SharingReport.jobs.get_or_create(pool=pool)
    if created:
        jobs.submit(report)
    else:
        jobs.retry(report)
    return report


def keep_report(report: SharingReport, content: Content) -> None:
    """Keep what was found; the caller marks the row ready."""
    report.content = dict(content)
    report.save(update_fields=["content"])


@dataclass(frozen=True)
class Line:
    """A named share of a table, in percent, with its interval."""

    title: str
    words: str
    value: str
    interval: str
    n: str


@dataclass(frozen=True)
class Roc:
    """A curve of true against false positive rates, 240 units a side, and what it comes to."""

    title: str
    line: str
    area: str
    area_interval: str
    found: str
    found_interval: str
    found_by_chance: str
    advantage: str
    advantage_by_chance: str
    n: str

    @property
    def finding(self) -> str:
        """What the curve shows, in a sentence."""
        return f"{self.title}: area under the curve {self.area} % ({self.area_interval}); 50 % is a guess."


@dataclass(frozen=True)
class Drawn:
    """A report as its page has it; without labelled images there are no accuracies."""

    is_bad: bool
    plot: IntervalPlot | None
    accuracies: list[Line]
    class_columns: list[str]
    classes: list[tuple[str, list[str]]]
    rocs: list[Roc]
    ticks: list[Tick]


def drawn(content: Content, class_names: Sequence[str]) -> Drawn:
    """Draw what `metrics.sharing` writes to JSON, with classes by name."""
    used = content["usefulness"]
    return Drawn(
        is_bad=content["level"] == "no",
        plot=_plot(used) if used else None,
        accuracies=[_line(name, used[name]["share"]) for name in ACCURACIES] if used else [],
        class_columns=[title for title, _ in ACCURACIES.values()],
        classes=list(_classes(used, class_names)) if used else [],
        rocs=[_roc(SPACES[space], attack) for space, attack in content["attacks"].items()],
        ticks=Axis(0, 1, SIDE).ticks(RATES, lambda rate: f"{100 * rate:.0f}"),
    )


def _plot(used: Content) -> IntervalPlot:
    shares = {title: used[name]["share"] for name, (title, _) in ACCURACIES.items()}
    most = max(used["chance"], *(share["high"] for share in shares.values()))
    axis = Axis(*outward(0.0, most))
    bars = [_bar(title, share, axis) for title, share in shares.items()]
    return IntervalPlot(
        bars,
        axis.ticks(round_values(axis.low, axis.high, most=6), lambda at: f"{100 * at:.0f}"),
        chance=axis.at(used["chance"]),
        chance_words=f"a guess, {percent(used['chance'])} %",
        heading="Images named right, %",
        finding=". ".join(f"{bar.mark.label}: {bar.words}" for bar in bars) + ".",
        direction="Further right is better.",
    )


def _bar(title: str, share: Content, axis: Axis) -> Bar:
    value, low, high = share["value"], share["low"], share["high"]
    mark = Mark(title, value, low, high)
    return Bar(mark, _written(share), axis.at(value), axis.at(low), axis.at(high))


def _written(share: Content) -> str:
    return f"{percent(share['value'])} % ({_interval(share)})"


def _interval(share: Content) -> str:
    return f"{percent(share['low'])} to {percent(share['high'])}"


def _line(name: str, share: Content) -> Line:
    title, words = ACCURACIES[name]
    return Line(title, words, percent(share["value"]), _interval(share), f"{share['n']:,}")


def _classes(used: Content, class_names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    names = dict(enumerate(class_names))
    columns = [used[name]["classes"] for name in ACCURACIES]
    for label in sorted({int(label) for column in columns for label in column}):
        shares = [column.get(str(label)) for column in columns]
        yield names.get(label, str(label)), [_written(each) if each else "–" for each in shares]


def _roc(title: str, attack: Content) -> Roc:
    rates = Axis(0, 1, SIDE), Axis(0, 1, SIDE, is_upward=True)
    found = attack["found"]
    points = [(at / 100, rate) for at, rate in enumerate(attack["curve"])]
    return Roc(
        title=title,
        line=" ".join(f"{rates[0].at(x):.1f},{rates[1].at(y):.1f}" for x, y in points),
        area=percent(attack["auc"]),
        area_interval=_interval(attack),
        found=percent(found["value"]),
        found_interval=_interval(found),
        found_by_chance=percent(attack["found_by_chance"]),
        advantage=percent(attack["advantage"]),
        advantage_by_chance=percent(attack["advantage_by_chance"]),
        n=f"{attack['n']:,}",
    )
