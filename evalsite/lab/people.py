"""What people made of an attack's images: from the answers of the studies that ask what they see."""

from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from django.db.models import Count

from evalsite.lab.models import Attack, Rung
from evalsite.lab.words import FORGED
from evalsite.leaderboard.models import Score
from evalsite.studies.models import Protocol, Study
from evalsite.studies.table import trial_table
from scoring.naming import (
    LEAST,
    Opinion,
    Regions,
    RungFigure,
    Verdict,
    human_valid,
    opinions,
    three_sets,
)
from scoring.table import TrialTable

KEPT_S = 3600
MOST_IMAGES = 8
DRAWS = 2_000
"""Of the intervals: a page waits for them."""


@dataclass(frozen=True)
class Named:
    """An image of a rung, and how many of those who were asked named it rightly."""

    position: int
    index: int
    words: str
    n_right: int
    n_answers: int


@dataclass(frozen=True)
class Seen:
    """What is known of people's answers to an attack.

    Attributes:
        figures: by the rung's position.
        changed, unchanged: the images that people found most and least changed, those first.
        regions: the three sets, over all forged images that enough people have named.
        most_answers: to one forged image; fewer than `wanted` are not enough.
    """

    is_simulated: bool
    figures: dict[int, RungFigure]
    changed: list[Named]
    unchanged: list[Named]
    regions: Regions
    most_answers: int
    wanted: int = LEAST


def studies_of(attack: Attack) -> list[Study]:
    """Those that ask what its images are."""
    asked = Study.objects.filter(protocol=Protocol.NAME, pools__rung__attack=attack)
    return list(asked.distinct())


def seen(attack: Attack, rungs: list[Rung]) -> Seen | None:
    """From the answers so far; None before there are any. Kept until there are more."""
    found = studies_of(attack)
    if not found:
        return None
    answers = Count("observers__trials__response")
    counted = Study.objects.filter(pk__in=[study.pk for study in found]).annotate(n=answers)
    stamps = [
        f"{code}.{revision}.{n}"
        for code, revision, n in counted.values_list("code", "revision", "n")
    ]
    ready = sum(rung.pool_id is not None for rung in rungs)
    key = f"lab-{attack.pk}-{ready}-{'-'.join(sorted(stamps))}"
    return cache.get_or_set(key, lambda: _seen(found, rungs), KEPT_S)


def _seen(studies: list[Study], rungs: list[Rung]) -> Seen | None:
    for is_simulated in (False, True):
        table = trial_table(studies, simulated=is_simulated)
        if len(table):
            return _of(table, rungs, is_simulated=is_simulated)
    return None


def _of(table: TrialTable, rungs: list[Rung], *, is_simulated: bool) -> Seen:
    places = stimuli(rungs)
    verdicts = {
        name: Verdict(str(rung.position), rung.outcomes["fooled"][index])
        for name, (rung, index) in places.items()
    }
    figures = human_valid(table, verdicts, draws=DRAWS)
    named = [each for each in opinions(table) if each.stimulus in places]
    named = [each for each in named if places[each.stimulus][0].kind == FORGED]
    forged = [each for each in named if each.n_answers >= LEAST]
    ordered = [_named(each, *places[each.stimulus]) for each in sorted(forged, key=_share_right)]
    return Seen(
        is_simulated,
        {int(each.rung): each for each in figures},
        changed=ordered[:MOST_IMAGES],
        unchanged=ordered[::-1][:MOST_IMAGES],
        regions=three_sets(
            np.array([verdicts[each.stimulus].wrong for each in forged], dtype=np.bool_),
            np.array([each.is_right for each in forged], dtype=np.bool_),
        ),
        most_answers=max((each.n_answers for each in named), default=0),
    )


def stimuli(rungs: list[Rung]) -> dict[str, tuple[Rung, int]]:
    """The rung and the place in it of every image that counts, by its name in the trial table.

    As in plain success: what the network took wrongly when clean is not the attack's doing.
    """
    return {
        f"{rung.pool.generator.slug}/{rung.pool.pk}/{index}": (rung, index)
        for rung in rungs
        if rung.pool is not None and rung.pool.generator is not None
        for index, counts in enumerate(rung.outcomes["counted"])
        if counts
    }


def _share_right(opinion: Opinion) -> tuple[float, str]:
    return opinion.n_right / opinion.n_answers, opinion.stimulus


def _named(opinion: Opinion, rung: Rung, index: int) -> Named:
    return Named(rung.position, index, rung.words, opinion.n_right, opinion.n_answers)


def dprimes(rungs: list[Rung]) -> dict[int, Score]:
    """People's d′ of each rung's generator against real images, where the leaderboard has it."""
    generators = {rung.pool.generator_id: rung.position for rung in rungs if rung.pool is not None}
    scores = Score.objects.filter(
        generator__in=generators, name="dprime", study=None, pool=None
    ).order_by("simulated")
    found: dict[int, Score] = {}
    for score in scores:
        found.setdefault(generators[score.generator_id], score)
    return found
