"""Rows that a worker completes: queued, running, ready, failed; claimed under a lease, swept when stranded.

The row is the record and the message only a nudge: a message that arrives twice is worked once, and one
that is lost is sent again by `sweep`.
"""

import threading
import time
import uuid
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Generic, Self, TypeVar, cast

from django.db import connection, models
from django.db.models import F, Q
from django.utils import timezone

from evalsite.celery import AWAITED, app, enqueue, waiting

LEASE = timedelta(seconds=20)
HEARTBEAT_S = 4.0
REPORT_EVERY_S = 0.3
RESEND_AFTER = timedelta(seconds=10)
MAX_ATTEMPTS = 3

FILE_REFUSED = "file refused"
"""What is noted of a row that failed because its file cannot be taken or holds too little: it fails again."""


shutting_down = threading.Event()
"""Set when this process is asked to end: every lease it holds is put down at the next chance."""


class Stopped(Exception):
    """The row was cancelled, another worker holds it, or this process ends: put the tools down."""


J = TypeVar("J", bound="Job")


class JobState(models.TextChoices):
    WAITING = "waiting"  # for another job, which will call `release`
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobQuerySet(models.QuerySet[J], Generic[J]):
    """Shared by every table of jobs through `Job.jobs`."""

    def queued(self) -> Self:
        return self.filter(state=JobState.QUEUED)

    def running(self) -> Self:
        return self.filter(state=JobState.RUNNING)

    def ready(self) -> Self:
        return self.filter(state=JobState.READY)

    def unfinished(self) -> Self:
        return self.filter(state__in=[JobState.QUEUED, JobState.RUNNING])

    def told(self) -> Self:
        """Rows that people are told of; the rest is a part of something larger."""
        return self

    def recent(self) -> Self:
        """Rows that a worker has begun, and not ended more than a minute ago."""
        minute_ago = timezone.now() - timedelta(minutes=1)
        ended_long_ago = Q(finished_at__lt=minute_ago)
        return self.exclude(started_at=None).exclude(ended_long_ago)

    def stranded(self) -> Self:
        """Running rows whose worker has stopped renewing its lease."""
        return self.running().filter(leased_until__lt=timezone.now())

    def unsent(self) -> Self:
        """Queued rows that nobody has picked up for a while."""
        return self.queued().filter(queued_at__lt=timezone.now() - RESEND_AFTER)


class Job(models.Model):
    """A row and the state of the work on it."""

    task: ClassVar[str]
    counted_ahead: int | None = None
    """What `count_ahead` has found; None if nobody asked it."""

    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    progress = models.FloatField(default=0.0, help_text="share done, 0 to 1")
    note = models.CharField(max_length=200, blank=True, help_text="what is being done right now")
    error = models.TextField(blank=True, help_text="why it failed, in words for the researcher")
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="claims since the last finished segment"
    )
    cancel_requested = models.BooleanField(default=False)
    lease_token = models.UUIDField(null=True, editable=False, help_text="empty if nobody holds it")
    leased_until = models.DateTimeField(null=True, editable=False, help_text="empty if not running")
    queued_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(
        null=True, editable=False, help_text="empty until first claimed"
    )
    finished_at = models.DateTimeField(null=True, editable=False, help_text="empty until it ends")

    jobs = JobQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_unfinished(self) -> bool:
        return self.state in {JobState.WAITING, JobState.QUEUED, JobState.RUNNING}

    @property
    def can_be_cancelled(self) -> bool:
        """Whether `cancel` would stop it, and has not been asked yet."""
        return self.state in {JobState.QUEUED, JobState.RUNNING} and not self.cancel_requested

    @property
    def is_ready(self) -> bool:
        return self.state == JobState.READY

    @property
    def is_refused(self) -> bool:
        """Whether it failed by its file, so that trying again would fail again."""
        return self.state == JobState.FAILED and self.note == FILE_REFUSED

    @property
    def is_later(self) -> bool:
        """Whether it is done while nothing else waits."""
        return False

    @property
    def percent(self) -> int:
        return int(100 * self.progress)

    @property
    def ahead(self) -> int:
        """How many unfinished jobs that people know of were queued before this one; see `count_ahead`."""
        if self.state != JobState.QUEUED:
            return 0
        if self.counted_ahead is None:
            count_ahead([self])
        return self.counted_ahead or 0


def kinds() -> list[type[Job]]:
    """Every table of jobs."""
    return [model for model in Job.__subclasses__() if not model._meta.abstract]


def count_ahead(rows: Iterable[Job]) -> None:
    """Count for all of these rows that are queued how many jobs are ahead: of what is awaited, only such."""
    queued = [row for row in rows if row.state == JobState.QUEUED]
    if not queued:
        return
    awaited, others = _queued_moments(is_awaited=True), _queued_moments(is_awaited=False)
    for row in queued:
        row.counted_ahead = bisect_left(awaited, row.queued_at)
        if row.task not in AWAITED:
            row.counted_ahead += bisect_left(others, row.queued_at)


def _queued_moments(*, is_awaited: bool) -> list[datetime]:
    """When all unfinished jobs were queued, in order."""
    unfinished = (
        model.jobs.told().unfinished() for model in kinds() if (model.task in AWAITED) == is_awaited
    )
    return sorted(
        moment for found in unfinished for moment in found.values_list("queued_at", flat=True)
    )


class Lease(Generic[J]):
    """The right to work on one row, kept alive by a thread until the `with` block ends."""

    def __init__(self, row: J, token: uuid.UUID) -> None:
        self.row = row
        self._rows = type(row).jobs.filter(pk=row.pk, lease_token=token)
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._reported = 0.0
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            self._renew()
        connection.close()

    def _renew(self, **values: object) -> None:
        kept = self._rows.filter(cancel_requested=False).update(
            leased_until=timezone.now() + LEASE, **values
        )
        if not kept:
            self._stop.set()

    def should_stop(self) -> bool:
        return self._stop.is_set() or shutting_down.is_set()

    def report(self, progress: float, note: str = "") -> bool:
        """Store how far the work is, a few times a second at most; raise Stopped when to stop.

        Return whether it was stored this time.
        """
        is_time = time.monotonic() - self._reported > REPORT_EVERY_S
        if is_time:
            self._reported = time.monotonic()
            self._renew(progress=min(max(progress, 0.0), 1.0), note=note[:200])
        self.check()
        return is_time

    def is_held(self) -> bool:
        """Whether the row is still there, and no other worker's."""
        return self._rows.exists()

    def require(self) -> None:
        """Raise Stopped if another worker holds the row now; what it has stored must stand."""
        if not self.is_held():
            raise Stopped

    def check(self) -> None:
        if self.should_stop():
            raise Stopped

    def _end(self, **values: object) -> bool:
        return bool(self._rows.update(lease_token=None, leased_until=None, **values))

    def ready(self) -> bool:
        return self._end(
            state=JobState.READY, progress=1.0, note="", error="", finished_at=timezone.now()
        )

    def fail(self, error: str, *, note: str = "") -> bool:
        return self._end(state=JobState.FAILED, error=error, note=note, finished_at=timezone.now())

    def put_down(self) -> None:
        """End the row if it was cancelled; otherwise leave it to another worker."""
        cancelled = self._rows.filter(cancel_requested=True).update(
            state=JobState.CANCELLED,
            note="",
            finished_at=timezone.now(),
            lease_token=None,
            leased_until=None,
        )
        if not cancelled and self._end(state=JobState.QUEUED, queued_at=timezone.now(), attempts=0):
            submit(self.row)

    def requeue(self) -> None:
        """Give the row back for its next segment, unless it was cancelled in this one."""
        self.put_down()

    def wait(self) -> None:
        """Leave the row until somebody releases it."""
        self._end(state=JobState.WAITING, queued_at=timezone.now(), attempts=0)


def claim(model: type[J], pk: int) -> Lease[J] | None:
    """Take a queued row for this process, or None if there is nothing to take."""
    token = uuid.uuid4()
    now = timezone.now()
    won = (
        model.jobs.queued()
        .filter(pk=pk)
        .update(
            state=JobState.RUNNING,
            lease_token=token,
            leased_until=now + LEASE,
            attempts=F("attempts") + 1,
            started_at=models.functions.Coalesce("started_at", now),
        )
    )
    return Lease(cast("J", model.jobs.get(pk=pk)), token) if won else None


def submit(row: Job) -> None:
    """Ask a worker to complete a row that has just been written."""
    enqueue(row.task, row.pk, later=row.is_later)


def release(row: Job) -> None:
    """Queue a row that has waited for another job."""
    waited = type(row).jobs.filter(pk=row.pk, state=JobState.WAITING)
    if waited.update(state=JobState.QUEUED, queued_at=timezone.now()):
        submit(row)


def retry(row: Job) -> bool:
    """Queue a failed or cancelled row again; what it had finished is kept."""
    won = put_back(type(row).jobs.filter(pk=row.pk))
    if won:
        submit(row)
    return bool(won)


def put_back(rows: JobQuerySet[J], state: JobState = JobState.QUEUED, **changes: object) -> int:
    """Make those of the rows that failed or were cancelled as if newly asked for; no worker is told."""
    return rows.filter(state__in=[JobState.FAILED, JobState.CANCELLED]).update(
        state=state,
        error="",
        note="",
        attempts=0,
        cancel_requested=False,
        queued_at=timezone.now(),
        finished_at=None,
        **changes,
    )


def cancel(row: Job) -> bool:
    """Stop a row: at once if it waits, at its worker's next heartbeat if it runs; False if it has ended."""
    rows = type(row).jobs.filter(pk=row.pk)
    ended = {"state": JobState.CANCELLED, "finished_at": timezone.now()}
    return bool(
        rows.queued().update(cancel_requested=True, **ended)
        or rows.running().update(cancel_requested=True)
    )


def sweep() -> int:
    """Give back what dead workers held, and resend what the broker has lost; return the number of rows."""
    swept = 0
    for model in kinds():
        for row in model.jobs.stranded():
            swept += _give_back(row)
        if not waiting(_queue(model)):
            for row in model.jobs.unsent():
                submit(row)
                swept += 1
    return swept


def _queue(model: type[Job]) -> str:
    route = app.conf.task_routes.get(f"workers.tasks.{model.task}", {})
    return str(route.get("queue", app.conf.task_default_queue))


def _give_back(row: Job) -> bool:
    held = type(row).jobs.stranded().filter(pk=row.pk, lease_token=row.lease_token)
    freed = {"lease_token": None, "leased_until": None}
    if row.cancel_requested:
        return bool(held.update(state=JobState.CANCELLED, finished_at=timezone.now(), **freed))
    if row.attempts >= MAX_ATTEMPTS:
        error = f"The worker died {row.attempts} times while working on this. Its log says why; then press Retry."
        return bool(
            held.update(state=JobState.FAILED, error=error, finished_at=timezone.now(), **freed)
        )
    won = bool(held.update(state=JobState.QUEUED, queued_at=timezone.now(), **freed))
    if won:
        submit(row)
    return won
