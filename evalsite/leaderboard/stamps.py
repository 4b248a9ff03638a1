"""What changes when a page has something new to show: a page asks with the last stamp it got."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse

from evalsite.catalog.models import Dataset, Generator, Pool
from evalsite.jobs import Job
from evalsite.leaderboard.models import Measurement, Score
from evalsite.studies.models import Study

NOTHING_NEW = 204  # upon which htmx leaves the page as it is


def is_same(request: HttpRequest, stamp: str) -> bool:
    return request.GET.get("as_of") == stamp


def nothing_new() -> HttpResponse:
    return HttpResponse(status=NOTHING_NEW)


def stamp_of_study(study: Study) -> str:
    finished = study.observers.people().finished().count()
    metrics = Score.objects.filter(pool__studies=study)
    failed = Measurement.jobs.failed().filter(pool__studies=study).count()
    return _joined(
        study.state, finished, failed, *map(_newest, (study.scores, study.reports, metrics))
    )


def stamp_of_board(dataset: Dataset) -> str:
    """Of all boards of the data set together."""
    scores = Score.objects.filter(dataset=dataset)
    studies = Study.objects.filter(dataset=dataset).order_by("pk").values_list("state", flat=True)
    ready = Pool.jobs.of_generators().ready().filter(generator__dataset=dataset)
    newest_pool = ready.aggregate(newest=Max("pk"), n=Count("pk"))
    states = "".join(state[0] for state in studies)
    failed = Measurement.jobs.failed().filter(pool__generator__dataset=dataset).count()
    return _joined(scores.count(), _newest(scores), states, failed, *newest_pool.values())


def stamp_of_pool(pool: Pool, measurements: Iterable[Measurement]) -> str:
    return _digest(*map(_of_job, [pool, *measurements]), _newest(pool.scores))


def stamp_of_generator(generator: Generator) -> str:
    run = getattr(generator, "run", None)
    measurements = Measurement.jobs.filter(pool__generator=generator).order_by("pk")
    jobs = [*([run] if run else []), *generator.pools.order_by("pk"), *measurements]
    return _digest(*map(_of_job, jobs), run and run.images_seen, _newest(generator.scores))


def _of_job(job: Job) -> tuple[object, ...]:
    return job.pk, job.state, job.progress, job.note, job.ahead


def _newest(rows: Any) -> float:
    moment = rows.aggregate(newest=Max("computed_at"))["newest"]
    return float(moment.timestamp()) if moment else 0.0


def _digest(*parts: object) -> str:
    """The same, short enough for an address."""
    return blake2b(_joined(*parts).encode(), digest_size=8).hexdigest()


def _joined(*parts: object) -> str:
    return "-".join(map(str, parts))
