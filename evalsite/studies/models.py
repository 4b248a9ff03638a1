"""What observers are shown and what they answer: study, observer, block, trial, response."""

import secrets
from collections.abc import Iterable
from typing import Literal, Self

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.urls import reverse

from evalsite.catalog.models import Dataset, Pool


def study_code() -> str:
    return secrets.token_hex(4)


def random_code() -> str:
    """128 bits that say nothing about what they name."""
    return secrets.token_urlsafe(16)


class Protocol(models.TextChoices):
    UNLIMITED = "unlimited", "Unlimited"
    FLASH = "flash", "Flash"


class StudyQuerySet(models.QuerySet["Study"]):
    def open(self) -> Self:
        return self.filter(state=Study.State.OPEN)

    def waiting(self) -> Self:
        return self.filter(state=Study.State.WAITING)

    def launched(self) -> Self:
        return self.exclude(state=Study.State.WAITING)

    def beside(self, study: "Study") -> Self:
        """Every launched study whose answers share a leaderboard with this one's."""
        return self.launched().filter(dataset=study.dataset_id, protocol=study.protocol)

    def with_counts(self) -> Self:
        people = Q(observers__simulated=False, observers__counts=True)
        return self.annotate(
            people=Count("observers", filter=people & Q(observers__finished_at__isnull=False)),
        )


class Study(models.Model):
    """One experiment: which images, which protocol, how many trials. Frozen when it opens."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for its images"
        OPEN = "open"
        CLOSED = "closed"

    code = models.CharField(max_length=16, unique=True, default=study_code, editable=False)
    name = models.CharField(max_length=120)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="studies",
        help_text="empty for the demo's own",
    )
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="studies")
    real_pool = models.ForeignKey(Pool, models.PROTECT, related_name="+")
    pools = models.ManyToManyField(Pool, related_name="studies", help_text="the generators' images")
    protocol = models.CharField(max_length=10, choices=Protocol.choices)
    trials_per_observer = models.PositiveSmallIntegerField(help_text="without practice")
    practice_trials = models.PositiveSmallIntegerField(default=4)
    blocks_per_observer = models.PositiveSmallIntegerField(default=1)
    consent_text = models.TextField()
    seed = models.PositiveIntegerField(default=0)
    display_multiple = models.PositiveSmallIntegerField(
        default=1, help_text="screen pixels per image pixel, the same for real and fake"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    design = models.JSONField(default=dict, blank=True, help_text="frozen when the study opens")
    design_hash = models.CharField(max_length=64, blank=True, help_text="empty until it opens")
    observers_invited = models.PositiveIntegerField(default=0, editable=False)
    scores_due = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(
        null=True, blank=True, help_text="empty until its images are ready"
    )

    objects = StudyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("study", args=[self.code])

    @property
    def public_path(self) -> str:
        return reverse("take_part", args=[self.code])

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def is_flash(self) -> bool:
        return self.protocol == Protocol.FLASH


class Observer(models.Model):
    """One person taking part in one study, known only by a random token in a cookie."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="observers")
    token = models.CharField(max_length=32, unique=True, default=random_code, editable=False)
    ordinal = models.PositiveIntegerField(help_text="0 for the study's first observer")
    counts = models.BooleanField(default=True, help_text="false for the study's own researcher")
    simulated = models.BooleanField(default=False)
    consented_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(
        null=True, blank=True, help_text="empty until the last answer"
    )
    screen = models.JSONField(
        default=dict, blank=True, help_text="pixel ratio, size on screen, refresh"
    )

    class Meta:
        ordering = ["ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["study", "ordinal"], name="one_observer_per_ordinal")
        ]

    def __str__(self) -> str:
        return f"{self.study.code}-{self.ordinal}"


class Block(models.Model):
    """A run of trials between two breaks."""

    class Kind(models.TextChoices):
        PRACTICE = "practice"
        MAIN = "main"

    observer = models.ForeignKey(Observer, models.CASCADE, related_name="blocks")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["observer", "position"], name="one_block_per_position")
        ]

    def __str__(self) -> str:
        return f"{self.observer} block {self.position}"

    @property
    def gives_feedback(self) -> bool:
        return self.kind == self.Kind.PRACTICE or self.observer.study.is_flash


class TrialQuerySet(models.QuerySet["Trial"]):
    def unanswered(self) -> Self:
        return self.filter(response__isnull=True)

    def answered(self) -> Self:
        return self.filter(response__isnull=False)

    def main(self) -> Self:
        return self.filter(block__kind=Block.Kind.MAIN)

    def that_count(self) -> Self:
        """Answers that enter the scores: not practice, not the researcher's own."""
        return self.answered().main().filter(observer__counts=True)

    def in_order(self) -> Self:
        return self.order_by("block__position", "position")


class Trial(models.Model):
    """One planned question: this image, at this place, for this long."""

    observer = models.ForeignKey(Observer, models.CASCADE, related_name="trials")
    block = models.ForeignKey(Block, models.CASCADE, related_name="trials")
    position = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=32, unique=True, default=random_code, editable=False)
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="+")
    image_index = models.PositiveIntegerField()
    exposure_ms = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="empty if unlimited, or not yet set by the staircase"
    )

    objects = TrialQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["block", "position"], name="one_trial_per_position"),
            models.UniqueConstraint(
                fields=["observer", "pool", "image_index"], name="an_image_is_seen_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.block}, trial {self.position}"

    @property
    def truth(self) -> Literal["real", "fake"]:
        return "real" if self.pool.is_real else "fake"


class ResponseQuerySet(models.QuerySet["Response"]):
    def of_studies(self, studies: Iterable[Study]) -> Self:
        return self.filter(trial__observer__study__in=studies)


class Response(models.Model):
    """What the observer answered, and how it was shown."""

    class Answer(models.TextChoices):
        REAL = "real"
        FAKE = "fake"

    trial = models.OneToOneField(Trial, models.CASCADE, related_name="response")
    answer = models.CharField(max_length=4, choices=Answer.choices)
    rt_ms = models.FloatField(help_text="from the image's onset to the answer")
    shown_ms = models.FloatField(
        null=True, blank=True, help_text="measured exposure; empty if unlimited"
    )
    frames_shown = models.PositiveIntegerField(
        null=True, blank=True, help_text="empty if unlimited"
    )
    frames_dropped = models.PositiveIntegerField(
        null=True, blank=True, help_text="empty if unlimited"
    )
    refresh_hz = models.FloatField(null=True, blank=True, help_text="empty if not measured")
    flags = models.CharField(max_length=100, blank=True, help_text="words separated by ;")
    answered_at = models.DateTimeField()

    objects = ResponseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(answer__in=["real", "fake"]), name="real_or_fake"),
            models.CheckConstraint(condition=Q(rt_ms__gte=0), name="time_runs_forward"),
        ]

    def __str__(self) -> str:
        return f"{self.trial}: {self.answer}"

    @property
    def is_correct(self) -> bool:
        return self.answer == self.trial.truth
