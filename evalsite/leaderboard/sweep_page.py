"""A sweep's trainings as rows that can be sorted: values, state, quality, verdicts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from evalsite.catalog.models import Sweep, TrainingRun
from evalsite.catalog.training import history, is_judged, verdicts
from evalsite.leaderboard.models import EXTRACTOR, Score
from evalsite.leaderboard.sweep_plot import Parallel, parallel
from evalsite.leaderboard.words import figure
from generators.health import Verdict

QUALITY = f"FD∞-{EXTRACTOR}"
"""What checkpoints and finished pools are both measured by."""

SORTS = ("training", "state", "quality", "verdicts")


@dataclass(frozen=True)
class Row:
    """One training of a sweep; `score` is None until it is measured.

    `is_judged` says whether no verdict means that it is healthy; None if that cannot be known.
    """

    run: TrainingRun
    score: Score | None
    verdicts: list[Verdict]
    is_judged: bool | None

    @property
    def is_unfinished(self) -> bool:
        """Whether there will be more to tell of it by itself."""
        return self.run.is_unfinished or (self.run.is_ready and self.score is None)

    @property
    def images_seen(self) -> int | None:
        """At which its quality is that of a checkpoint; None if of a finished pool, or not known."""
        return self.score.pool.images_seen if self.score and self.score.pool else None


@dataclass(frozen=True)
class Heading:
    """A column's head: the link that sorts by it, and how it is sorted now, if it is."""

    title: str
    query: str
    aria: str
    is_number: bool


def rows_of(sweep: Sweep) -> list[Row]:
    runs = list(sweep.runs.select_related("generator").prefetch_related("losses").order_by("pk"))
    newest = _newest(Score.objects.filter(generator__run__in=runs, name=QUALITY))
    return [_row(run, newest.get(run.generator_id)) for run in runs]


def _row(run: TrainingRun, score: Score | None) -> Row:
    moments = history(run)
    return Row(run, score, verdicts(run, moments), is_judged(run, moments))


def _newest(scores: Any) -> dict[int, Score]:
    """By generator: that of a finished pool, if there is one, else of the last checkpoint."""
    found: Iterable[Score] = scores.select_related("pool")
    return {score.generator_id: score for score in sorted(found, key=_lateness)}


def _lateness(score: Score) -> tuple[bool, int]:
    seen = score.pool.images_seen if score.pool else None
    return seen is None, seen or 0


def stamp_of(rows: Sequence[Row]) -> str:
    """What changes when there is something new to show."""
    told = [
        (row.run.state, row.run.images_seen, row.score and row.score.value, row.verdicts)
        for row in rows
    ]
    return blake2b(repr(told).encode(), digest_size=8).hexdigest()


def in_order(rows: Sequence[Row], order: str) -> list[Row]:
    """Rows by a swept key or one of SORTS, from high to low after a minus; what is unknown comes last."""
    falls, key = order.startswith("-"), order.removeprefix("-")
    known = [row for row in rows if _value(row, key) is not None]
    unknown = [row for row in rows if _value(row, key) is None]
    return [*sorted(known, key=lambda row: _comparable(_value(row, key)), reverse=falls), *unknown]


def _value(row: Row, key: str) -> Any:
    own = {
        "training": row.run.pk,
        "state": row.run.state,
        "quality": row.score.value if row.score else None,
        "verdicts": len(row.verdicts),
    }
    return own[key] if key in own else row.run.point.get(key)


def _comparable(value: Any) -> tuple[bool, float, str]:
    """Numbers before words."""
    is_number = type(value) in (int, float)
    return not is_number, value if is_number else 0.0, str(value)


def headings(sweep: Sweep, order: str) -> list[Heading]:
    titles = {
        "training": "Training",
        "state": "State",
        "quality": figure(QUALITY).heading,
        "verdicts": "Verdicts",
    }
    first, *last = SORTS
    keys = [first, *_keys(sweep), *last]
    return [
        Heading(
            titles.get(key, key),
            f"-{key}" if order == key else key,
            _aria(key, order),
            key == "quality",
        )
        for key in keys
    ]


def _keys(sweep: Sweep) -> list[str]:
    first = sweep.runs.first()
    return list(first.point) if first else []


def _aria(key: str, order: str) -> str:
    if order.removeprefix("-") != key:
        return ""
    return "descending" if order.startswith("-") else "ascending"


def plot(rows: Sequence[Row]) -> Parallel | None:
    words = figure(QUALITY)
    return parallel(
        {row.run.pk: row.run.point for row in rows},
        {row.run.pk: row.score.value for row in rows if row.score},
        title=words.heading,
        write=words.write,
        better=words.better,
    )
