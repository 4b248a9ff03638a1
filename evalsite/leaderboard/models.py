"""What people and metrics make of every generator: estimates, each with its interval and its n."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from evalsite.catalog.models import Dataset, Generator, Pool
from evalsite.jobs import Job
from evalsite.leaderboard.words import figure
from evalsite.studies.models import Protocol, Study

EXTRACTOR = "lite0"


class Measurement(Job):
    """The metrics of one pool with one extractor."""

    task: ClassVar[str] = "measure"

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="measurements")
    extractor = models.CharField(max_length=40, default=EXTRACTOR)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "extractor"], name="one_measurement_per_extractor"
            )
        ]

    def __str__(self) -> str:
        return f"metrics of {self.pool} with {self.extractor}"


class ScoreQuerySet(models.QuerySet["Score"]):
    def of_board(self, dataset: Dataset, protocol: str, condition: str = "") -> Self:
        """Human scores over all studies of a data set, protocol and condition."""
        place = {"dataset": dataset, "protocol": protocol, "condition": condition}
        return self.filter(study=None, pool=None, **place)

    def of_study(self, study: Study) -> Self:
        return self.filter(study=study)

    def of_pools(self) -> Self:
        return self.filter(pool__isnull=False)


class Score(models.Model):
    """One estimate of one generator: by people (a study's, or a whole board's), or by a metric (a pool's)."""

    generator = models.ForeignKey(Generator, models.CASCADE, related_name="scores")
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="+")
    protocol = models.CharField(
        max_length=10, choices=Protocol.choices, blank=True, help_text="empty for a metric"
    )
    condition = models.CharField(max_length=80, blank=True, help_text="as of its studies")
    study = models.ForeignKey(
        Study, models.CASCADE, null=True, related_name="scores", help_text="empty for a whole board"
    )
    pool = models.ForeignKey(
        Pool,
        models.CASCADE,
        null=True,
        related_name="scores",
        help_text="empty for people's scores",
    )
    simulated = models.BooleanField(default=False, help_text="from simulated observers only")
    name = models.CharField(max_length=40, help_text="error_rate, dprime, FD-lite0, …")
    value = models.FloatField()
    low = models.FloatField(null=True, help_text="95 % interval; empty if there is none")
    high = models.FloatField(null=True, help_text="95 % interval; empty if there is none")
    rank_low = models.PositiveIntegerField(null=True, help_text="best rank it may have")
    rank_high = models.PositiveIntegerField(null=True, help_text="worst rank it may have")
    n = models.JSONField(default=dict, help_text="observers, trials, images, … behind the value")
    resampled = models.CharField(max_length=80, blank=True, help_text="what the interval resamples")
    note = models.TextField(blank=True)
    details = models.JSONField(default=dict, help_text="extractor, seed, reference, …")
    computed_at = models.DateTimeField(auto_now=True)

    objects = ScoreQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "name"], condition=Q(pool__isnull=False), name="one_figure_per_pool"
            ),
            models.UniqueConstraint(
                fields=["study", "generator", "name", "simulated"],
                condition=Q(study__isnull=False),
                name="one_score_per_study",
            ),
            models.UniqueConstraint(
                fields=["dataset", "protocol", "condition", "generator", "name", "simulated"],
                condition=Q(study__isnull=True, pool__isnull=True),
                name="one_score_per_board",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.generator}: {self.name} {self.value:.4g}"

    @property
    def definition(self) -> str:
        return figure(self.name).definition

    @property
    def label(self) -> str:
        return figure(self.name).heading

    @property
    def shown(self) -> str:
        return figure(self.name).write(self.value)

    @property
    def shown_interval(self) -> str:
        """The interval as it is written, or a dash with no interval."""
        if self.low is None or self.high is None:
            return "–"
        write = figure(self.name).write
        return f"{write(self.low)} to {write(self.high)}"

    @property
    def shown_n(self) -> str:
        return ", ".join(f"{count:,} {what}" for what, count in self.n.items())


class StudyReport(models.Model):
    """All that the scoring finds in a study's answers besides the scores: see scoring.report."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="reports")
    simulated = models.BooleanField(default=False)
    content = models.JSONField()
    computed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "simulated"], name="one_report_per_study")
        ]

    def __str__(self) -> str:
        return f"report of {self.study}"
