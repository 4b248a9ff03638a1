"""Putting numbers on the leaderboard: people's scores from the trial table, metrics from a measurement."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction

from evalsite import jobs
from evalsite.catalog.models import Dataset, Generator, Pool
from evalsite.celery import enqueue
from evalsite.leaderboard.models import EXTRACTOR, Measurement, Score
from evalsite.studies.models import Response, Study
from evalsite.studies.services import ask_for_scores
from evalsite.studies.table import trial_table
from scoring.score import GeneratorScore, Scores, score

RATES = {
    "error_rate": "error_rate",
    "fake_error": "fake_error",
    "real_error": "real_error",
    "dprime": "d_prime",
    "criterion": "criterion",
}


def request_measurement(pool: Pool, extractor: str = EXTRACTOR) -> Measurement:
    """The metrics of a pool; asked for now if they are new."""
    with transaction.atomic():
        measurement, created = Measurement.jobs.get_or_create(pool=pool, extractor=extractor)
        if created:
            jobs.submit(measurement)
    return measurement


def record_measurement(measurement: Measurement, measured: Mapping[str, Any]) -> None:
    """Store every figure of a measurement, as `metrics.measure` gives them."""
    pool = measurement.pool
    assert pool.generator is not None  # noqa: S101  # only generators' pools are measured
    scores = [
        Score(
            generator=pool.generator,
            dataset=pool.imitates,
            pool=pool,
            name=figure["name"],
            value=figure["value"],
            low=figure["low"],
            high=figure["high"],
            n={"fake": figure["n_fake"], "real": figure["n_real"]}
            if figure["n_real"]
            else {"fake": figure["n_fake"]},
            resampled=figure["resampled"],
            note=figure["note"],
            details={
                **figure,
                "seed": measured["seed"],
                "reference": str(pool.imitates.held_out_pool),
            },
        )
        for figure in measured["figures"]
    ]
    _replace(Score.objects.filter(pool=pool, name__in=[score.name for score in scores]), scores)


def score_if_due(study: Study) -> None:
    """Score a study that has new answers; of several messages that ask for it, the first does."""
    if Study.objects.filter(pk=study.pk, scores_due=True).update(scores_due=False):
        refresh_scores(study)


def refresh_scores(study: Study) -> None:
    """Score a study, and the board it belongs to, from every answer so far."""
    together = list(Study.objects.beside(study))
    counted = Response.objects.of_studies(together).count()
    for simulated in (False, True):
        own = score(trial_table([study], simulated=simulated))
        board = own if together == [study] else score(trial_table(together, simulated=simulated))
        _store(own, study.dataset, study.protocol, study=study, simulated=simulated)
        _store(board, study.dataset, study.protocol, study=None, simulated=simulated)
    if Response.objects.of_studies(together).count() != counted:
        ask_for_scores(study)  # a later scoring may have ended before this one


def catch_up() -> None:
    """Ask again for what was to be measured or scored and was lost on the way."""
    for pool in Pool.jobs.of_generators().ready().filter(measurements=None):
        request_measurement(pool)
    for pk in Study.objects.filter(scores_due=True).values_list("pk", flat=True):
        enqueue("score", pk)


def _store(
    scores: Scores, dataset: Dataset, protocol: str, *, study: Study | None, simulated: bool
) -> None:
    generators = {
        generator.slug: generator for generator in Generator.objects.filter(dataset=dataset)
    }
    place = {"dataset": dataset, "protocol": protocol, "study": study, "simulated": simulated}
    rows = [
        Score(generator=generators[judged.generator], **place, **fields)
        for judged in scores.generators
        for fields in _fields(judged, scores)
    ]
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)  # two studies may share a board
        _replace(Score.objects.filter(pool=None, **place), rows)


@transaction.atomic
def _replace(old: Any, new: Sequence[Score]) -> None:
    old.delete()
    Score.objects.bulk_create(new)


def _fields(judged: GeneratorScore, scores: Scores) -> Iterator[dict[str, Any]]:
    """The rows of one generator, without what they have in common."""
    common = {"n": _counts(judged), "rank_low": judged.rank_low, "rank_high": judged.rank_high}
    for name, attribute in RATES.items():
        estimate = getattr(judged, attribute)
        if estimate.value is not None:
            yield {
                **common,
                "name": name,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "resampled": estimate.resampled,
                "note": estimate.reason or "",
                "details": {
                    "observers_low": estimate.observers_low,
                    "observers_high": estimate.observers_high,
                    "draws": scores.draws,
                    "seed": scores.seed,
                },
            }
    if judged.response_time.median_ms is not None:
        times = {
            "right_ms": judged.response_time.right_ms,
            "wrong_ms": judged.response_time.wrong_ms,
        }
        yield {**common, "name": "rt_ms", "value": judged.response_time.median_ms, "details": times}
    if judged.threshold is not None:
        yield {**common, **_threshold(judged)}


def _counts(judged: GeneratorScore) -> dict[str, int]:
    return {
        "observers": judged.n_observers,
        "trials": judged.n_trials,
        "images": judged.n_images,
        "real_trials": judged.n_real_trials,
    }


def _threshold(judged: GeneratorScore) -> dict[str, Any]:
    assert judged.threshold is not None  # noqa: S101  # the caller has looked
    threshold = judged.threshold
    censored = {"floor": threshold.n_blocks_at_floor, "ceiling": threshold.n_blocks_at_ceiling}
    notes = [
        f"{count} of {threshold.n_blocks} blocks at the {end}"
        for end, count in censored.items()
        if count
    ]
    if threshold.mean_ms.reason:
        notes.append(threshold.mean_ms.reason)
    return {
        "name": "threshold_ms",
        "value": threshold.mean_ms.value,
        "low": threshold.mean_ms.low,
        "high": threshold.mean_ms.high,
        "rank_low": threshold.rank_low,
        "rank_high": threshold.rank_high,
        "resampled": "observers",
        "note": "; ".join(notes),
        "details": {"blocks": threshold.n_blocks, **censored},
    }
