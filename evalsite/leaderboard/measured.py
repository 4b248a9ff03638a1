"""What metrics say of a pool: figures by extractor, verdicts, classes and duplicates, as its page has them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.catalog.models import Pool
from evalsite.leaderboard.methods import counted
from evalsite.leaderboard.models import Measurement, Score
from evalsite.leaderboard.plots import IntervalPlot, Mark, plot_of
from evalsite.leaderboard.versus import Versus, versus
from evalsite.leaderboard.words import (
    Figure,
    column_order,
    extractor_order,
    extractor_words,
    figure,
    parts,
)

Content = Mapping[str, Any]

VERDICTS = {
    "copies": "It copies training images",
    "close": "It stays close to its training images",
    "none": "No sign of copied training images",
    "unknown": "Whether it copies cannot be told",
}

ALIKE = {
    "exact": "have an exact copy in the pool",
    "near": "have one that looks nearly the same",
}


@dataclass(frozen=True)
class Line:
    """One figure of a pool, or the reason why it is refused; then it has no value and no picture.

    Attributes:
        perfect: what a perfect generator would score, in words; empty if not known.
        facts: how it was computed, as names and words.
        caution: why it is not to be read beside figures of more images; empty if it can be.
    """

    name: str
    words: Figure
    value: str
    interval: str
    n: str
    note: str
    perfect: str
    picture: Versus | None
    facts: list[tuple[str, str]]
    caution: str = ""

    @property
    def finding(self) -> str:
        """What the picture shows, in a sentence."""
        perfect = f"; a perfect generator scores {self.perfect}" if self.perfect else ""
        return f"{self.words.heading}: {self.value}, 95 % interval {self.interval}{perfect}."


@dataclass(frozen=True)
class Classes:
    """A distance for each class, and the classes that have none, by reason.

    Attributes:
        rows: the class, its distance, the interval and n, in words.
    """

    plot: IntervalPlot | None
    rows: list[tuple[str, str, str, str]]
    refused: list[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """All that one extractor saw."""

    measurement: Measurement
    title: str
    lines: list[Line]
    classes: Classes | None
    warnings: list[str]

    @property
    def origin(self) -> str:
        """The extractor with its version and resize, as it names itself."""
        return str(self.measurement.content.get("extractor", self.measurement.looks_with))

    @property
    def key(self) -> str:
        """The name that its figures carry, which no other section has."""
        return self.origin.partition(" ")[0]


@dataclass(frozen=True)
class Tested:
    """A test of memorisation: what it is, its value with its interval, and a caution if there is one."""

    words: Figure
    value: str
    note: str


@dataclass(frozen=True)
class Memorisation:
    """Whether training images were copied: a verdict, why, and the tests behind it."""

    title: str
    words: str
    is_bad: bool
    tests: list[Tested]


def measurements_of(pool: Pool) -> list[Measurement]:
    """The pool's measurements, whose extractor is known best first."""
    return sorted(pool.measurements.all(), key=lambda each: extractor_order(each.extractor))


def told(found: Sequence[Measurement], part: str) -> Content | None:
    """A part of the first measurement that has it; it speaks for all of them."""
    return next(filter(None, (each.content.get(part) for each in found)), None)


def sections(pool: Pool) -> list[Section]:
    """What each measurement of the pool says."""
    scores, class_names = list(pool.scores.all()), pool.imitates.class_names
    return [_section(each, scores, class_names) for each in measurements_of(pool)]


def _section(
    measurement: Measurement, scores: Sequence[Score], class_names: Sequence[str]
) -> Section:
    content = measurement.content
    lines = [_scored(score) for score in scores if _is_of(score, measurement)]
    lines += [_refused(each) for each in content.get("figures", []) if each["value"] is None]
    lines.sort(key=lambda line: column_order(line.name))
    return Section(
        measurement=measurement,
        title=extractor_words(measurement.extractor),
        lines=lines,
        classes=_classes(content.get("classes") or [], lines, class_names),
        warnings=content.get("warnings", []),
    )


def _is_of(score: Score, measurement: Measurement) -> bool:
    return bool(score.details.get("extractor") == measurement.content.get("extractor"))


def _scored(score: Score) -> Line:
    words, details = figure(score.name), score.details
    own = {"value": score.value, "low": score.low, "high": score.high}
    perfect = details.get("reference")
    return Line(
        name=score.name,
        words=words,
        value=score.shown,
        interval=score.shown_interval,
        n=score.shown_n,
        note=score.note,
        perfect=_written(perfect, words) if perfect else "",
        picture=versus(own, perfect, words),
        facts=list(_facts(score)),
        caution=score.caution,
    )


def _written(own: Content, words: Figure) -> str:
    value = words.write(own["value"])
    if own["low"] is None or own["high"] is None:
        return value
    return f"{value} ({words.write(own['low'])} to {words.write(own['high'])})"


def _facts(score: Score) -> Iterator[tuple[str, str]]:
    details = score.details
    if score.resampled:
        yield "The interval resamples", score.resampled
    if details.get("method"):
        yield "Computed by", details["method"]
    if published := details.get("published"):
        write = figure(score.name).write
        spread = f" ± {write(published['spread'])}" if published["spread"] else ""
        yield "As papers print it", f"{write(published['value'])}{spread}: {published['protocol']}"
    if perfect := details.get("reference"):
        yield (
            "A perfect generator",
            f"is as many training images ({perfect['n']:,}), measured the same way",
        )


def _refused(own: Content) -> Line:
    words = figure(own["name"])
    return Line(own["name"], words, "–", "–", "", own["note"], "", None, [])


def _classes(
    found: Sequence[Content], lines: Sequence[Line], class_names: Sequence[str]
) -> Classes | None:
    """The distance of each class, named as the pool's whole distance is."""
    distance = next((line.name for line in lines if parts(line.name)[0] in ("FID", "FD")), "FD")
    names = dict(enumerate(class_names))
    marks, rows, refused = [], [], defaultdict(list)
    write = figure(distance).write
    for own in found:
        name = str(names.get(own["label"], own["label"]))
        if own["value"] is None:
            refused[own["note"].partition(", got ")[0]].append(name)
        else:
            marks.append(Mark(name, own["value"], own["low"], own["high"]))
            rows.append((name, write(own["value"]), _interval(own, write), _n(own)))
    if not found:
        return None
    return Classes(
        plot_of(marks, distance, None) if marks else None,
        rows,
        [(", ".join(names), reason) for reason, names in refused.items()],
    )


def _interval(own: Content, write: Callable[[float], str]) -> str:
    if own["low"] is None or own["high"] is None:
        return "–"
    return f"{write(own['low'])} to {write(own['high'])}"


def _n(own: Content) -> str:
    sides = (("n_fake", "fake"), ("n_real", "real"))
    return ", ".join(f"{own[key]:,} {side}" for key, side in sides if own.get(key))


def memorisation(found: Sequence[Measurement]) -> Memorisation | None:
    judged = told(found, "memorisation")
    if judged is None:
        return None
    return Memorisation(
        title=VERDICTS[judged["verdict"]],
        words=judged["words"],
        is_bad=judged["verdict"] == "copies",
        tests=[_tested(judged[test]) for test in ("c_t", "authenticity")],
    )


def _tested(own: Content) -> Tested:
    words = figure(parts(own["name"])[0])
    if own["value"] is None:
        return Tested(words, "–", own["note"])
    return Tested(words, _written(own, words), own["note"])


def duplicates(found: Sequence[Measurement]) -> str:
    """How many images of the pool equal, or nearly equal, another of it; empty if nobody looked."""
    groups = told(found, "duplicates")
    if groups is None:
        return ""
    said = [
        f"{counted(groups[f'images_in_{kind}'], 'image')} in {counted(len(groups[kind]), 'group')} {words}."
        for kind, words in ALIKE.items()
        if groups[kind]
    ]
    return " ".join(said) or "No two of its images are the same, or nearly the same."
