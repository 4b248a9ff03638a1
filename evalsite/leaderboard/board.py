"""The leaderboard of one data set and protocol: a row a generator, people's scores beside metrics."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from evalsite.catalog.models import Dataset, Generator
from evalsite.leaderboard.models import Score
from evalsite.studies.models import Protocol, Study

HUMAN = {
    Protocol.UNLIMITED: ("error_rate", "fake_error", "real_error", "dprime"),
    Protocol.FLASH: ("threshold_ms", "error_rate", "fake_error", "real_error", "dprime"),
}


@dataclass(frozen=True)
class Row:
    """A generator, what people say of it, and what metrics say of the pool they saw."""

    generator: Generator
    human: dict[str, Score]
    metrics: dict[str, Score]
    lead_name: str

    @property
    def lead(self) -> Score | None:
        """The score by which it is ranked."""
        return self.human.get(self.lead_name)

    @property
    def n(self) -> dict[str, int]:
        """Who and what is behind the human scores; a first answer has rates before a threshold."""
        return next((score.n for score in self.human.values()), {})

    @property
    def rank(self) -> str:
        lead = self.lead
        if lead is None or lead.rank_low is None:
            return "–"
        if lead.rank_low == lead.rank_high:
            return str(lead.rank_low)
        return f"{lead.rank_low}–{lead.rank_high}"

    @property
    def is_simulated(self) -> bool:
        return any(score.simulated for score in self.human.values())


@dataclass(frozen=True)
class Board:
    """What is compared on one page."""

    dataset: Dataset
    protocol: str
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


def board_of(dataset: Dataset, protocol: str) -> Board:
    """Every generator that imitates the data set and has images, best first."""
    studies = list(Study.objects.launched().filter(dataset=dataset, protocol=protocol))
    human = _preferred(Score.objects.of_board(dataset, protocol))
    generators = Generator.objects.filter(dataset=dataset, pools__state="ready").distinct()
    return _board(dataset, protocol, generators, human, studies)


def board_of_study(study: Study) -> Board:
    """The same for the generators of one study, by its own answers alone."""
    human = _preferred(Score.objects.of_study(study))
    generators = Generator.objects.filter(pools__studies=study).distinct()
    return _board(study.dataset, study.protocol, generators, human, [study])


def _board(
    dataset: Dataset,
    protocol: str,
    generators: Iterable[Generator],
    human: dict[int, dict[str, Score]],
    studies: list[Study],
) -> Board:
    metrics = _metrics(dataset, studies)
    columns = HUMAN[Protocol(protocol)]
    rows = [
        Row(each, human.get(each.pk, {}), metrics.get(each.pk, {}), lead_name=columns[0])
        for each in generators
    ]
    names = sorted({name for row in rows for name in row.metrics}, key=_metric_order)
    return Board(dataset, protocol, sorted(rows, key=_order), columns, names, studies)


def _order(row: Row) -> tuple[bool, float, str]:
    """By the leading score, the highest first; who has none comes last, by name."""
    return row.lead is None, -row.lead.value if row.lead else 0.0, row.generator.name


def _metric_order(name: str) -> tuple[int, str]:
    kinds = ("IS", "FID", "FD", "KID")
    kind = name.partition("-")[0]
    return kinds.index(kind) if kind in kinds else len(kinds), name


def _preferred(scores: Iterable[Score]) -> dict[int, dict[str, Score]]:
    """Scores by generator and name: people's where there are any, else simulated ones, never mixed."""
    people: dict[int, dict[str, Score]] = {}
    simulated: dict[int, dict[str, Score]] = {}
    for score in scores:
        side = simulated if score.simulated else people
        side.setdefault(score.generator_id, {})[score.name] = score
    return people or simulated


def _metrics(dataset: Dataset, studies: list[Study]) -> dict[int, dict[str, Score]]:
    """The metrics of each generator's newest pool that people saw, or else of its newest."""
    found = Score.objects.of_pools().filter(dataset=dataset).order_by("pool_id")
    seen = set(
        Study.pools.through.objects.filter(study__in=studies).values_list("pool_id", flat=True)
    )
    chosen: dict[int, tuple[bool, int]] = {}
    for score in found:
        assert score.pool_id is not None  # noqa: S101  # of_pools
        key = (score.pool_id in seen, score.pool_id)
        chosen[score.generator_id] = max(key, chosen.get(score.generator_id, key))
    metrics: dict[int, dict[str, Score]] = {}
    for score in found:
        if chosen[score.generator_id][1] == score.pool_id:
            metrics.setdefault(score.generator_id, {})[score.name] = score
    return metrics
