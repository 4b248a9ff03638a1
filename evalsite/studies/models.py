"""What observers are shown and what they answer: study, observer, block, trial, response."""

import secrets
from collections.abc import Iterable
from typing import Literal, Self

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.urls import reverse

from evalsite.catalog.models import Dataset, Pool
from evalsite.studies.design import MOST_CLASSES, Rules
from scoring.dictionary import NONE, Task


def study_code() -> str:
    return secrets.token_hex(4)


def random_code() -> str:
    """128 bits that say nothing about what they name."""
    return secrets.token_urlsafe(16)


PLAIN_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is taken for another


def withdrawal_code() -> str:
    """What an observer can copy by hand: 12 letters and figures, 59 bits."""
    groups = ("".join(secrets.choice(PLAIN_LETTERS) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


class Protocol(models.TextChoices):
    UNLIMITED = "unlimited", "Unlimited"
    LIMITED = "limited", "Limited"
    FLASH = "flash", "Flash"
    PAIR = "pair", "Pair"
    SELECT = "select", "Select"
    NAME = "name", "Name"


class StudyQuerySet(models.QuerySet["Study"]):
    def open(self) -> Self:
        return self.filter(state=Study.State.OPEN)

    def waiting(self) -> Self:
        return self.filter(state=Study.State.WAITING)

    def launched(self) -> Self:
        return self.exclude(state=Study.State.WAITING)

    def beside(self, study: "Study") -> Self:
        """Every launched study whose answers share a leaderboard with this one's."""
        return self.launched().filter(
            dataset=study.dataset_id, protocol=study.protocol, condition=study.condition
        )

    def with_counts(self) -> Self:
        people = Q(observers__simulated=False, observers__counts=True, observers__qualified=True)
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
    condition = models.CharField(
        max_length=80,
        blank=True,
        help_text="what else must be the same for answers to share a leaderboard: 1 s and 5 s, …",
    )
    rules_json = models.JSONField(default=dict, blank=True, help_text="see design.Rules")
    trials_per_observer = models.PositiveSmallIntegerField(
        help_text="questions, without practice: images, pairs or grids"
    )
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
    completion_code = models.CharField(
        max_length=60, blank=True, help_text="what Prolific or MTurk asks of those who finish"
    )
    return_url = models.URLField(
        max_length=300, blank=True, help_text="where observers go at the end"
    )
    screened_out_url = models.URLField(
        max_length=300, blank=True, help_text="where those go who did not qualify"
    )
    imported_from = models.CharField(
        max_length=200, blank=True, help_text="the file its trials came from; empty if shown here"
    )
    trials_key = models.CharField(
        max_length=64, blank=True, editable=False, help_text="where imported trials are kept"
    )
    revision = models.PositiveIntegerField(
        default=0, editable=False, help_text="grows when answers are taken away"
    )
    observers_invited = models.PositiveIntegerField(default=0, editable=False)
    scores_due = models.BooleanField(default=False, editable=False)
    report_due = models.BooleanField(default=False, editable=False)
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

    @property
    def task(self) -> Task:
        """What is asked of an image: is it real, or what is it."""
        return "name" if self.protocol == Protocol.NAME else "real"

    @property
    def class_names(self) -> list[str]:
        """What an image may be called, where that is asked; numbered from 0 in labels and answers."""
        names: list[str] = self.design.get("class_names", [])
        return names

    @property
    def rules(self) -> Rules:
        return Rules.from_json(self.rules_json)


class Withdrawal(models.Model):
    """That somebody took their answers back: when, and what they had been paid; not who."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="withdrawals")
    paid = models.DecimalField(max_digits=9, decimal_places=2, default=0)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.study}: withdrawn {self.at:%Y-%m-%d}"


class ObserverQuerySet(models.QuerySet["Observer"]):
    def people(self) -> Self:
        """Who counts: no simulated observer, not the study's own researcher."""
        return self.filter(simulated=False, counts=True)

    def finished(self) -> Self:
        return self.filter(finished_at__isnull=False, qualified=True)

    def in_progress(self) -> Self:
        return self.filter(finished_at__isnull=True)


class Observer(models.Model):
    """One person taking part in one study, known only by a random token in a cookie."""

    class Source(models.TextChoices):
        LINK = "link", "the link"
        PROLIFIC = "prolific", "Prolific"
        MTURK = "mturk", "Mechanical Turk"

    study = models.ForeignKey(Study, models.CASCADE, related_name="observers")
    token = models.CharField(max_length=32, unique=True, default=random_code, editable=False)
    ordinal = models.PositiveIntegerField(help_text="0 for the study's first observer")
    code = models.CharField(
        max_length=16,
        unique=True,
        default=withdrawal_code,
        editable=False,
        help_text="with it an observer may delete their own data",
    )
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.LINK)
    participant = models.CharField(max_length=80, blank=True, help_text="the platform's id")
    platform_study = models.CharField(max_length=80, blank=True)
    platform_session = models.CharField(max_length=80, blank=True)
    submit_to = models.URLField(max_length=200, blank=True, help_text="MTurk's address, checked")
    language = models.CharField(max_length=12, blank=True)
    qualified = models.BooleanField(default=True, help_text="false if the practice went too badly")
    changed_at = models.DateTimeField(auto_now=True, db_index=True, help_text="the last answer")
    counts = models.BooleanField(default=True, help_text="false for the study's own researcher")
    simulated = models.BooleanField(default=False)
    consented_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(
        null=True, blank=True, help_text="empty until the last answer"
    )
    screen = models.JSONField(
        default=dict, blank=True, help_text="pixel ratio, size on screen, refresh"
    )

    objects = ObserverQuerySet.as_manager()

    class Meta:
        ordering = ["ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["study", "ordinal"], name="one_observer_per_ordinal"),
            models.UniqueConstraint(
                fields=["study", "source", "participant"],
                condition=~Q(participant=""),
                name="a_participant_takes_part_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.study.code}-{self.ordinal}"

    @property
    def is_person(self) -> bool:
        """Whether they count, as in `people`."""
        return self.counts and not self.simulated


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
        """Answers that enter the trial table: not practice, the researcher's own, or the unqualified's."""
        people = {"observer__counts": True, "observer__qualified": True}
        return self.answered().main().filter(**people)

    def in_order(self) -> Self:
        return self.order_by("block__position", "position")


class Trial(models.Model):
    """One image to be judged: at this place, for this long; alone, or on a screen with others."""

    observer = models.ForeignKey(Observer, models.CASCADE, related_name="trials")
    block = models.ForeignKey(Block, models.CASCADE, related_name="trials")
    position = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=32, unique=True, default=random_code, editable=False)
    screen = models.PositiveSmallIntegerField(
        help_text="images of a block that are judged together share it; counts from 0"
    )
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="+")
    image_index = models.PositiveIntegerField()
    is_catch = models.BooleanField(
        default=False, help_text="its pixels are shuffled before it is shown: plainly no real image"
    )
    label = models.CharField(
        max_length=4,
        blank=True,
        help_text="the number of its class, none for a catch trial; empty if it is not to be named",
    )
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
    def truth(self) -> str:
        """The right answer."""
        return self.label or self.origin

    @property
    def origin(self) -> Literal["real", "fake"]:
        return "real" if self.pool.is_real and not self.is_catch else "fake"


ANSWERS = ("real", "fake", "tie", NONE, *map(str, range(MOST_CLASSES)))


class ResponseQuerySet(models.QuerySet["Response"]):
    def of_studies(self, studies: Iterable[Study]) -> Self:
        return self.filter(trial__observer__study__in=studies)


class Response(models.Model):
    """What the observer answered, and how it was shown."""

    class Answer(models.TextChoices):
        REAL = "real"
        FAKE = "fake"
        TIE = "tie", "cannot tell"  # of a pair only

    trial = models.OneToOneField(Trial, models.CASCADE, related_name="response")
    answer = models.CharField(
        max_length=4, help_text="real, fake or tie; to name it, the number of a class, or none"
    )
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
            models.CheckConstraint(condition=Q(answer__in=ANSWERS), name="a_known_answer"),
            models.CheckConstraint(condition=Q(rt_ms__gte=0), name="time_runs_forward"),
        ]

    def __str__(self) -> str:
        return f"{self.trial}: {self.answer}"

    @property
    def is_correct(self) -> bool:
        return self.answer == self.trial.truth
