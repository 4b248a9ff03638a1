"""How a study is going: who is taking part now, how fast, what it costs, and how sure its scores are."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Max, Q
from django.utils import timezone

from evalsite.studies.design import images_on_screen
from evalsite.studies.models import Response, Study
from evalsite.studies.services import Payroll, payroll

WATCHED_MIN = 10
STILL_HERE = timedelta(minutes=15)
"""Who has answered nothing for so long has stopped, though they may come back."""

LATEST_FINISHED = 200
COST_KEPT_S = 15
SPARK_W, SPARK_H = 120, 24


@dataclass(frozen=True)
class People:
    """Observers who count, by how far they are."""

    in_progress: int
    stopped: int
    finished: int
    screened_out: int
    withdrawn: int


@dataclass(frozen=True)
class Spark:
    """Answers in each of the last minutes, the oldest first."""

    counts: list[int]

    @property
    def a_minute(self) -> float:
        return sum(self.counts) / len(self.counts)

    @property
    def bars(self) -> list[tuple[float, float, float]]:
        """Left edge, top and height of each bar."""
        step, top = SPARK_W / len(self.counts), max(*self.counts, 1)
        heights = [SPARK_H * count / top for count in self.counts]
        return [(step * n, SPARK_H - height, height) for n, height in enumerate(heights)]


@dataclass(frozen=True)
class Precision:
    """The widest anytime-valid interval among the generators, ± points, and the goal if there is one."""

    points: float
    goal: float | None

    @property
    def share(self) -> float | None:
        """How much of the way is gone, in percent: the width falls with the root of the people."""
        return None if self.goal is None else 100 * min((self.goal / self.points) ** 2, 1.0)


@dataclass(frozen=True)
class Monitor:
    """What the owner watches while people answer.

    Attributes:
        median_minutes: from consent to the last answer, of those who finished last; None before.
        money: None where nobody is paid. precision: None before there is an interval for all.
        scored_at: None before the first scoring. is_due: answers wait to be scored.
    """

    people: People
    spark: Spark
    median_minutes: float | None
    money: Payroll | None
    precision: Precision | None
    scored_at: datetime | None
    is_due: bool


def monitor_of(study: Study) -> Monitor:
    """A handful of queries by index, whatever the study's size: this is asked for every few seconds."""
    now = timezone.now()
    scores = study.scores.filter(simulated=False)
    return Monitor(
        people=_people(study, now),
        spark=_spark(study, now),
        median_minutes=_median_minutes(study),
        money=_money(study),
        precision=precision_of(_intervals(study), study.rules.stopping.goal_points),
        scored_at=scores.aggregate(newest=Max("computed_at"))["newest"],
        is_due=study.scores_due,
    )


def _people(study: Study, now: datetime) -> People:
    unfinished, here = Q(finished_at=None), Q(changed_at__gt=now - STILL_HERE)
    counts = study.observers.people().aggregate(
        in_progress=Count("pk", filter=unfinished & here),
        stopped=Count("pk", filter=unfinished & ~here),
        finished=Count("pk", filter=~unfinished & Q(qualified=True)),
        screened_out=Count("pk", filter=~unfinished & Q(qualified=False)),
    )
    return People(**counts, withdrawn=study.withdrawals.count())


def _spark(study: Study, now: datetime) -> Spark:
    """Screens answered a minute; found by those observers who have answered lately."""
    since = now - timedelta(minutes=WATCHED_MIN)
    lately = study.observers.people().filter(changed_at__gt=since)
    moments = Response.objects.filter(
        trial__observer__in=lately, answered_at__gt=since
    ).values_list("answered_at", flat=True)
    ages = Counter(int((now - moment).total_seconds() // 60) for moment in moments)
    together = images_on_screen(study.protocol, study.rules)
    return Spark([ages[age] // together for age in reversed(range(WATCHED_MIN))])


def _median_minutes(study: Study) -> float | None:
    latest = study.observers.people().finished().order_by("-finished_at")
    times = latest.values_list("consented_at", "finished_at")[:LATEST_FINISHED]
    seconds = [(end - start).total_seconds() for start, end in times if end]
    return median(seconds) / 60 if seconds else None


def _money(study: Study) -> Payroll | None:
    """What has been earned; it is counted from the answers, so it is kept for some seconds."""
    payment = study.rules.payment
    if not (payment.base or payment.bonus):
        return None
    key = f"payroll-{study.code}"
    money: Payroll | None = cache.get(key)
    if money is None:
        money = payroll(study)
        cache.set(key, money, timeout=COST_KEPT_S)
    return money


def _intervals(study: Study) -> dict[str, Any] | None:
    """The anytime-valid intervals of people's answers, alone of all that the report holds."""
    return study.reports.filter(simulated=False).values_list("content__anytime", flat=True).first()


def precision_of(intervals: dict[str, Any] | None, goal: float | None) -> Precision | None:
    """The widest of the intervals, each with `low` and `high`; None if one of them is missing."""
    if not intervals or any(own["low"] is None for own in intervals.values()):
        return None
    return Precision(max(50 * (own["high"] - own["low"]) for own in intervals.values()), goal)
