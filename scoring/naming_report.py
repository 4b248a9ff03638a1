"""All that is found in a trial table of images that people named, in one object."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from scoring.agreement import agreement
from scoring.anytime import AnytimeInterval, anytime
from scoring.columns import Mask, as_text, factorise
from scoring.dictionary import NONE
from scoring.exclusions import Criteria, Excluded, count_excluded, exclude
from scoring.figure import Figure
from scoring.images import Extremes, extremes, score_images
from scoring.intervals import Estimate, Progress
from scoring.observers import NamingObserver, score_naming_observers
from scoring.pairs import REAL
from scoring.report import AGREEMENT_DRAWS, MOST_IMAGES, plain
from scoring.score import Difference, GeneratorScore, Scores, score
from scoring.selection import select
from scoring.table import TrialTable


@dataclass(frozen=True)
class PoolNames:
    """What people call the images of one generator, or of the real ones.

    Attributes:
        generator: "" for the real images.
        named_right: share of answers that are the true class. said_none: that are "none of them".
        median_ms: of the response times; right_ms, wrong_ms: split by right and wrong answers.
        rank_low, rank_high: the ranks that its joint intervals allow, 1 for most often named right;
            None for the real images, which have no rank, and without an interval.
    """

    generator: str
    n_observers: int
    n_images: int
    n_trials: int
    named_right: Estimate
    said_none: Estimate
    median_ms: float | None
    right_ms: float | None
    wrong_ms: float | None
    rank_low: int | None
    rank_high: int | None


@dataclass(frozen=True)
class Confusion:
    """How often the images of each class were called what, of one generator ("": real images).

    Attributes:
        counts: a row a class of `truths`, a column an answer of `answers`.
    """

    generator: str
    truths: tuple[str, ...]
    answers: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class NamingReport:
    """What `naming_report` finds.

    Attributes:
        pools: the generators, most often named right first; then the real images, if any.
        differences: of the shares named right, of all pairs of generators with an interval.
        confusions: of each pool, in the order of `pools`.
        skipped: "out", always.
        images: by pool, those at both ends: `highest` are most often named wrongly.
        anytime: by generator, the interval that may be watched, of the share named right.
    """

    pools: tuple[PoolNames, ...]
    differences: tuple[Difference, ...]
    n_observers: int
    n_trials: int
    n_skipped: int
    n_catch: int
    n_excluded_trials: int
    excluded: dict[str, int]
    skipped: str
    draws: int
    seed: int
    confidence: float
    confusions: tuple[Confusion, ...]
    images: tuple[Extremes, ...]
    observers: tuple[NamingObserver, ...]
    agreement: Figure
    anytime: dict[str, AnytimeInterval]
    exclusions: tuple[Excluded, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers, strings and None: ready for JSON."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}


def naming_report(
    table: TrialTable,
    *,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
    criteria: Criteria | None = None,
    progress: Progress | None = None,
) -> NamingReport:
    """Score a trial table of the task "name", and find all else that it tells.

    Args:
        criteria: who is left out; None keeps the table's own flags of exclusion.
        progress: called with (draws done, draws wanted) of the first of the scores.

    Raises:
        ValueError: an argument is out of its range.
    """
    if criteria is not None:
        table = exclude(table, criteria)
    common: dict[str, Any] = {"seed": seed, "confidence": confidence}
    generated = rightly_named(table)
    ranked = score(generated, draws=draws, staircase=None, progress=progress, **common)
    used, left_out = select(table)
    pooled = replace(used, generator=as_text(name or REAL for name in used.generator))
    right, none = (
        score(_hits(pooled, hit), draws=draws, staircase=None, **common)
        for hit in (~used.wrong, used.response == NONE)
    )
    pools = _pools(ranked, right, none)
    alpha_draws = min(draws, AGREEMENT_DRAWS)
    return NamingReport(
        pools=pools,
        differences=ranked.differences,
        n_observers=right.n_observers,
        n_trials=right.n_trials,
        n_skipped=left_out.n_skipped,
        n_catch=left_out.n_catch,
        n_excluded_trials=left_out.n_excluded,
        excluded=left_out.observer_counts(),
        skipped="out",
        draws=draws,
        seed=seed,
        confidence=confidence,
        confusions=tuple(confusion(used, pool.generator) for pool in pools),
        images=extremes(score_images(table, confidence=confidence), MOST_IMAGES),
        observers=score_naming_observers(table),
        agreement=agreement(table, draws=alpha_draws, **common),
        anytime=anytime(generated, confidence),
        exclusions=count_excluded(table),
    )


def rightly_named(table: TrialTable) -> TrialTable:
    """The generated images of a table of the task "name", as a table whose error rate is the share
    of answers that name the true class; so `score` and `Live` give it, its interval and its rank.
    """
    own = table.where(table.fake)
    return _hits(own, ~own.wrong)


def _hits(table: TrialTable, hit: Mask) -> TrialTable:
    """The same answers as of fakes, wrong where `hit`; what was skipped stays skipped."""
    said = np.where(hit, "real", "fake").astype(np.object_)
    response = np.where(table.answered, said, "").astype(np.object_)
    return replace(table, truth=as_text(["fake"] * len(table)), response=response)


def confusion(used: TrialTable, generator: str) -> Confusion:
    """Classes against answers of one generator, "" for the real images; "none" is the last answer.

    Args:
        used: answers that count, as `select` leaves them.

    >>> table = TrialTable.from_columns({
    ...     "observer": ["ann", "bob"], "stimulus": ["s1", "s1"], "generator": ["fgsm"] * 2,
    ...     "truth": ["7", "7"], "response": ["none", "1"]}, task="name")
    >>> found = confusion(table, "fgsm")
    >>> found.truths, found.answers, found.counts
    (('7',), ('1', '7', 'none'), ((1, 0, 1),))
    """
    own = used.where(np.asarray(used.generator == generator, dtype=np.bool_))
    truths, truth = factorise(own.truth)
    named = sorted({*own.truth.tolist(), *own.response.tolist()} - {NONE})
    answers = (*named, NONE)
    place = {name: number for number, name in enumerate(answers)}
    counts = np.zeros((len(truths), len(answers)), dtype=np.int64)
    said = np.array([place[name] for name in own.response], dtype=np.intp)
    np.add.at(counts, (truth, said), 1)
    return Confusion(generator, truths, answers, tuple(map(tuple, counts.tolist())))


def _pools(ranked: Scores, right: Scores, none: Scores) -> tuple[PoolNames, ...]:
    ranks = {row.generator: row for row in ranked.generators}
    nones = {row.generator: row.error_rate for row in none.generators}
    ordered = sorted(right.generators, key=lambda row: row.generator == REAL)
    return tuple(_pool(row, nones[row.generator], ranks.get(row.generator)) for row in ordered)


def _pool(own: GeneratorScore, none: Estimate, rank: GeneratorScore | None) -> PoolNames:
    time = own.response_time
    return PoolNames(
        generator="" if rank is None else own.generator,
        n_observers=own.n_observers,
        n_images=own.n_images,
        n_trials=own.n_trials,
        named_right=own.error_rate,
        said_none=none,
        median_ms=time.median_ms,
        right_ms=time.wrong_ms,  # a hit is what `_hits` calls wrong
        wrong_ms=time.right_ms,
        rank_low=rank.rank_low if rank else None,
        rank_high=rank.rank_high if rank else None,
    )
