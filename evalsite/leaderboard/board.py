"""The leaderboard of one data set, protocol and condition: a row a generator, people beside metrics."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from evalsite.catalog.models import Dataset, Generator
from evalsite.jobs import JobQuerySet
from evalsite.leaderboard.models import Measurement, Score
from evalsite.leaderboard.words import column_order, parts
from evalsite.studies.models import Protocol, Study

RATES = ("error_rate", "fake_error", "real_error", "dprime")
HUMAN = {
    Protocol.UNLIMITED: RATES,
    Protocol.LIMITED: RATES,
    Protocol.FLASH: ("threshold_ms", "modal_ms", *RATES),
    Protocol.PAIR: ("win_rate", "strength"),
    Protocol.SELECT: RATES,
    Protocol.NAME: ("named_right",),
}


@dataclass(frozen=True)
class Row:
    """A generator, what people say of it, and what metrics say of the pool they saw.

    Attributes:
        failed: why there are no figures of an extractor, by its name, where measuring failed.
        refused: why there is no figure of those that were measured and cannot be had, by its name.
    """

    generator: Generator
    human: dict[str, Score]
    metrics: dict[str, Score]
    lead_name: str
    failed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def lead(self) -> Score | None:
        """The score by which it is ranked."""
        return self.human.get(self.lead_name)

    def figure(self, name: str) -> Score | None:
        return self.human.get(name) or self.metrics.get(name)

    def failure(self, name: str) -> str:
        """Why a figure could not be measured; empty if it could, or nobody has tried yet."""
        if name in self.metrics:
            return ""
        return self.refused.get(name) or self.failed.get(parts(name)[1], "")

    @property
    def pool_id(self) -> int | None:
        """The pool that the metrics are of."""
        return next((score.pool_id for score in self.metrics.values()), None)

    @property
    def n(self) -> dict[str, int]:
        """Who and what is behind the human scores; a first answer has rates before a threshold."""
        return next((score.n for score in self.human.values()), {})

    @property
    def judged(self) -> int:
        return judged(self.n)

    @property
    def rank(self) -> str:
        lead = self.lead
        return "–" if lead is None else rank_set(lead.rank_low, lead.rank_high)

    @property
    def is_simulated(self) -> bool:
        return any(score.simulated for score in self.human.values())


def rank_set(low: int | None, high: int | None) -> str:
    """The ranks that something may have, as they are written.

    >>> rank_set(1, 3), rank_set(2, 2), rank_set(None, None)
    ('1–3', '2', '–')
    """
    if low is None or high is None:
        return "–"
    return str(low) if low == high else f"{low}–{high}"


@dataclass(frozen=True)
class Board:
    """What is compared on one page."""

    dataset: Dataset
    protocol: str
    condition: str
    rows: list[Row]
    human_names: tuple[str, ...]
    metric_names: list[str]
    studies: list[Study] = field(default_factory=list)

    @property
    def lead_name(self) -> str:
        return self.human_names[0]

    @property
    def has_answers(self) -> bool:
        return any(row.human for row in self.rows)

    @property
    def has_simulated(self) -> bool:
        return any(row.is_simulated for row in self.rows)

    @property
    def open_study(self) -> Study | None:
        return next((study for study in self.studies if study.is_open), None)


@dataclass(frozen=True)
class Place:
    """Where answers are comparable, and how many there are, of people before simulated ones."""

    protocol: str
    condition: str
    people: int = 0
    simulated: int = 0

    @property
    def size(self) -> tuple[int, int]:
        return self.people, self.simulated


def places_of(dataset: Dataset) -> list[Place]:
    """Every protocol and condition in which the data set was studied, the most answered first."""
    studies = Study.objects.launched().filter(dataset=dataset).order_by("protocol", "condition")
    answers: dict[tuple[str, str], dict[tuple[bool, int], int]] = {
        place: {} for place in studies.values_list("protocol", "condition")
    }
    for score in Score.objects.filter(dataset=dataset, study=None, pool=None).defer("details"):
        place = answers.setdefault((score.protocol, score.condition), {})
        key = score.simulated, score.generator_id
        place[key] = max(place.get(key, 0), judged(score.n))
    places = [
        Place(
            protocol,
            condition,
            people=sum(n for (simulated, _), n in own.items() if not simulated),
            simulated=sum(n for (simulated, _), n in own.items() if simulated),
        )
        for (protocol, condition), own in answers.items()
    ]
    return sorted(places, key=lambda place: place.size, reverse=True)


def judged(n: dict[str, int]) -> int:
    """The pairs or else the images that people judged."""
    return n.get("pairs", n.get("trials", 0))


def board_of(dataset: Dataset, protocol: str, condition: str = "") -> Board:
    """Every generator that imitates the data set and has images or scores, best first."""
    place = {"dataset": dataset, "protocol": protocol, "condition": condition}
    studies = list(Study.objects.launched().filter(**place))
    human = _preferred(Score.objects.of_board(dataset, protocol, condition))
    shown = Q(pools__state="ready", pools__images_seen=None) | Q(pk__in=human)
    generators = Generator.objects.filter(shown, dataset=dataset).distinct()
    return _board(dataset, protocol, condition, generators, human, studies)


def board_of_study(study: Study) -> Board:
    """The same for the generators of one study, by its own answers alone."""
    human = _preferred(Score.objects.of_study(study))
    shown = Q(pools__studies=study) | Q(pk__in=human)
    generators = Generator.objects.filter(shown).distinct()
    return _board(study.dataset, study.protocol, study.condition, generators, human, [study])


def _board(
    dataset: Dataset,
    protocol: str,
    condition: str,
    generators: Iterable[Generator],
    human: dict[int, dict[str, Score]],
    studies: list[Study],
) -> Board:
    metrics = _metrics(dataset, studies)
    failed, refused = _failed(dataset, metrics), _refused(dataset, metrics)
    lead, *others = HUMAN[Protocol(protocol)]
    known = {name for scores in human.values() for name in scores}
    columns = (lead, *(name for name in others if name in known or not known))
    rows = [
        Row(
            each,
            human.get(each.pk, {}),
            metrics.get(each.pk, {}),
            lead_name=lead,
            failed=failed.get(each.pk, {}),
            refused=refused.get(each.pk, {}),
        )
        for each in generators
    ]
    names = sorted({name for row in rows for name in row.metrics}, key=column_order)
    return Board(dataset, protocol, condition, sorted(rows, key=_order), columns, names, studies)


def _order(row: Row) -> tuple[bool, float, str]:
    """By the leading score, the highest first; who has none comes last, by name."""
    return row.lead is None, -row.lead.value if row.lead else 0.0, row.generator.name


def _preferred(scores: Iterable[Score]) -> dict[int, dict[str, Score]]:
    """Scores by generator and name: people's where there are any, else simulated ones, never mixed."""
    people: dict[int, dict[str, Score]] = {}
    simulated: dict[int, dict[str, Score]] = {}
    for score in scores:
        side = simulated if score.simulated else people
        side.setdefault(score.generator_id, {})[score.name] = score
    return people or simulated


def _metrics(dataset: Dataset, studies: list[Study]) -> dict[int, dict[str, Score]]:
    """The metrics of each generator's newest pool that people saw, or else of its newest of all classes."""
    own = Score.objects.of_pools().filter(dataset=dataset)
    found = own.select_related("pool").order_by("pool_id")
    seen = set(
        Study.pools.through.objects.filter(study__in=studies).values_list("pool_id", flat=True)
    )
    chosen: dict[int, tuple[bool, bool, int]] = {}
    for score in found:
        assert score.pool is not None  # noqa: S101  # of_pools
        key = (score.pool.pk in seen, not score.pool.classes, score.pool.pk)
        chosen[score.generator_id] = max(key, chosen.get(score.generator_id, key))
    metrics: dict[int, dict[str, Score]] = {}
    for score in found:
        if chosen[score.generator_id][-1] == score.pool_id:
            metrics.setdefault(score.generator_id, {})[score.name] = score
    return metrics


def _failed(dataset: Dataset, metrics: dict[int, dict[str, Score]]) -> dict[int, dict[str, str]]:
    """Why measuring failed, by generator and extractor: of the pool that has figures, or else of the newest."""
    shown = _shown(metrics)
    found = Measurement.jobs.failed().filter(pool__generator__dataset=dataset)
    called = _called(found)
    newest: dict[int, tuple[int, dict[str, str]]] = {}
    for each in found.select_related("pool").order_by("pool_id"):
        assert each.pool.generator_id is not None  # noqa: S101  # filtered by it
        pk, own = each.pool.generator_id, each.pool_id
        if shown.get(pk, own) == own:
            others = newest[pk][1] if pk in newest and newest[pk][0] == own else {}
            name = called.get(each.extractor, each.extractor)
            newest[pk] = own, {**others, each.extractor: each.error, name: each.error}
    return {pk: errors for pk, (_, errors) in newest.items()}


def _called(failed: "JobQuerySet[Measurement]") -> dict[str, str]:
    """What figures call the extractors that failed, where they are asked for by another name, as a file is."""
    asked = failed.order_by().values("extractor")
    known = Measurement.jobs.filter(extractor__in=asked).exclude(content={})
    return {
        extractor: line.partition(" (")[0]
        for extractor, line in known.values_list("extractor", "content__extractor").distinct()
    }


def _shown(metrics: dict[int, dict[str, Score]]) -> dict[int, int | None]:
    """The pool whose figures are shown, by generator."""
    return {pk: next(iter(own.values())).pool_id for pk, own in metrics.items()}


def _refused(dataset: Dataset, metrics: dict[int, dict[str, Score]]) -> dict[int, dict[str, str]]:
    """Why figures were refused, by generator and figure, of the pools whose other figures are shown."""
    shown, refused = _shown(metrics), defaultdict[int, dict[str, str]](dict)
    found = Measurement.jobs.told().filter(pool__generator__dataset=dataset).exclude(content={})
    told = found.values_list("pool__generator_id", "pool_id", "content__figures")
    for generator, pool, figures in told:
        if shown.get(generator) == pool:
            refused[generator] |= {each["name"]: each["note"] for each in figures or []}
    return refused
