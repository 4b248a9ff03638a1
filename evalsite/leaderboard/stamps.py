"""What changes when a page has something new to show: a page asks with the last stamp it got."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Max

from evalsite.catalog.models import Dataset, Generator, Pool
from evalsite.catalog.stamps import digest, joined, of_job
from evalsite.jobs import count_ahead
from evalsite.leaderboard.models import Measurement, Score
from evalsite.studies.models import Study


def stamp_of_study(study: Study) -> str:
    finished = study.observers.people().finished().count()
    metrics = Score.objects.filter(pool__studies=study)
    failed = Measurement.jobs.failed().filter(pool__studies=study).count()
    return joined(
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
    return joined(scores.count(), _newest(scores), states, failed, *newest_pool.values())


def stamp_of_pool(pool: Pool, measurements: Iterable[Measurement]) -> str:
    jobs = [pool, *measurements]
    count_ahead(jobs)
    return digest(*map(of_job, jobs), _newest(pool.scores))


def stamp_of_generator(generator: Generator) -> str:
    run = getattr(generator, "run", None)
    measurements = Measurement.jobs.filter(pool__generator=generator).order_by("pk")
    jobs = [*([run] if run else []), *generator.pools.order_by("pk"), *measurements]
    count_ahead(jobs)
    return digest(*map(of_job, jobs), run and run.images_seen, _newest(generator.scores))


def _newest(rows: Any) -> float:
    moment = rows.aggregate(newest=Max("computed_at"))["newest"]
    return float(moment.timestamp()) if moment else 0.0
