"""What people and metrics make of every generator: estimates, each with its interval and its n."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Count, F, FloatField, Min, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from evalsite.catalog.models import Dataset, Generator, Pool
from evalsite.jobs import Job, JobQuerySet, JobState
from evalsite.leaderboard.words import figure, without_folder
from evalsite.studies.models import Protocol, Study

EXTRACTOR = "lite0"
"""The one that every installation has."""

EXTRACTOR_LENGTH = 200

TOO_FEW = (
    "the covariance is not of full rank",
    "images are few: half as many",
    "images are few for the classes",
    "images are few beside",
)
"""What the metrics note of a Fréchet distance of no more images than features have dimensions, and
of FD∞, an inception score and coverage of few."""


class FeatureRangeQuerySet(JobQuerySet["FeatureRange"]):
    def told(self) -> Self:
        return self.none()

    def images(self) -> dict[str, Any]:
        """Sums over these ranges: images in all and done, ranges in all and done, first start.

        What a worker that died had done of a range is not done: another begins it anew.
        """
        images = F("stop") - F("start")
        is_done = Q(state__in=[JobState.RUNNING, JobState.READY])
        return self.aggregate(
            images_total=Coalesce(Sum(images), 0),
            images_done=Coalesce(
                Sum(images * F("progress"), filter=is_done, output_field=FloatField()), 0.0
            ),
            ranges_total=Count("pk"),
            ranges_done=Count("pk", filter=Q(state=JobState.READY)),
            began_at=Min("started_at"),
        )


class FeatureRange(Job):
    """Some images of a pool, whose features one worker computes; shared by all that need them."""

    task: ClassVar[str] = "extract"

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="feature_ranges")
    extractor = models.CharField(max_length=EXTRACTOR_LENGTH)
    start = models.PositiveIntegerField(help_text="its first image")
    stop = models.PositiveIntegerField(help_text="the image after its last")

    jobs = FeatureRangeQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["pool", "start"]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "extractor", "start"], name="one_range_per_start"
            )
        ]

    def __str__(self) -> str:
        return f"{without_folder(self.extractor)} features of {self.pool}, images {self.start:,} to {self.stop:,}"


@dataclass(frozen=True)
class Gathering:
    """How far the features are that a measurement waits for."""

    images_done: int
    images_total: int
    ranges_done: int
    ranges_total: int
    images_per_s: float | None
    seconds_left: float | None

    @property
    def progress(self) -> float:
        return self.images_done / self.images_total if self.images_total else 0.0

    def __str__(self) -> str:
        words = f"{self.images_done:,} of {self.images_total:,} images"
        if self.images_per_s is None or self.seconds_left is None:
            return words
        return f"{words}, {self.images_per_s:,.0f} a second, {self.seconds_left:,.0f} s left"


class MeasurementQuerySet(JobQuerySet["Measurement"]):
    def told(self) -> Self:
        return self.filter(pool__images_seen=None)

    def unfinished(self) -> Self:
        """Those that wait are worked on too: their features are."""
        return self.filter(state__in=[JobState.WAITING, JobState.QUEUED, JobState.RUNNING])

    def waiting(self) -> Self:
        return self.filter(state=JobState.WAITING)

    def failed(self) -> Self:
        """Those that people are told of, and that will not go on by themselves."""
        return self.told().filter(state=JobState.FAILED)

    def gathered(self) -> Self:
        """Those that wait no longer: no worker has any of their ranges still to do."""
        at_work = [JobState.QUEUED, JobState.RUNNING]
        return self.waiting().exclude(ranges__state__in=at_work)


class Measurement(Job):
    """The metrics of one pool with one extractor.

    It waits for the features of the pool and of the held-out images, gives its figures, and then
    waits for those of the training images, for what a perfect generator would score and what was
    copied.
    """

    task: ClassVar[str] = "measure"

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="measurements")
    extractor = models.CharField(max_length=EXTRACTOR_LENGTH, default=EXTRACTOR)
    ranges = models.ManyToManyField(
        FeatureRange, related_name="measurements", help_text="what it waits for"
    )
    content = models.JSONField(
        default=dict,
        help_text="all of metrics.measure but the figures that are scores; empty until measured",
    )

    jobs = MeasurementQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "extractor"], name="one_measurement_per_extractor"
            )
        ]

    def __str__(self) -> str:
        return f"metrics of {self.pool} with {self.looks_with}"

    @property
    def looks_with(self) -> str:
        """The extractor as people are told of it."""
        return without_folder(self.extractor)

    @property
    def is_later(self) -> bool:
        """Curves of trainings, and what training images add, wait for figures of pools."""
        return self.pool.images_seen is not None or bool(self.content)

    @property
    def is_gathering(self) -> bool:
        """Whether workers are at its features."""
        return self.state == JobState.WAITING

    @property
    def gathering(self) -> Gathering:
        """How far its features are; the pace is that of the ranges begun since it waits."""
        found = self.ranges.all().images()
        done, total = round(found["images_done"]), found["images_total"]
        pace = self._images_per_s()
        return Gathering(
            images_done=done,
            images_total=total,
            ranges_done=found["ranges_done"],
            ranges_total=found["ranges_total"],
            images_per_s=pace,
            seconds_left=(total - done) / pace if pace else None,
        )

    def _images_per_s(self) -> float | None:
        own = self.ranges.filter(started_at__gte=self.queued_at).images()
        if not own["images_done"]:
            return None
        seconds = (timezone.now() - own["began_at"]).total_seconds()
        return float(own["images_done"] / max(seconds, 0.001))


class SharingReport(Job):
    """What a pool gives away of the images that its generator learned from, and how useful it is."""

    task: ClassVar[str] = "share"

    pool = models.OneToOneField(Pool, models.CASCADE, related_name="sharing")
    content = models.JSONField(
        default=dict, help_text="all of metrics.sharing; empty until it is written"
    )

    def __str__(self) -> str:
        return f"what could be shared of {self.pool}"

    @property
    def is_later(self) -> bool:
        """It takes a minute, and nobody's study waits for it."""
        return True


class ScoreQuerySet(models.QuerySet["Score"]):
    def of_board(self, dataset: Dataset, protocol: str, condition: str = "") -> Self:
        """Human scores over all studies of a data set, protocol and condition."""
        place = {"dataset": dataset, "protocol": protocol, "condition": condition}
        return self.filter(study=None, pool=None, **place)

    def of_study(self, study: Study) -> Self:
        return self.filter(study=study)

    def of_pools(self) -> Self:
        """What metrics say of pools, but for those that trainings left on their way."""
        return self.filter(pool__isnull=False, pool__images_seen=None)

    def of_checkpoints(self, generator: Generator) -> Self:
        """What metrics say of a generator while it was trained: by figure, in order of images seen."""
        own = self.filter(generator=generator, pool__images_seen__isnull=False)
        return own.select_related("pool").order_by("name", "pool__images_seen")


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
    def caution(self) -> str:
        """Why it is not to be read beside figures of more images; empty if it can be."""
        return self.note if any(words in self.note for words in TOO_FEW) else ""

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
