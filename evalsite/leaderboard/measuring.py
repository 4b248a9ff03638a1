"""Having pools measured: features by many workers, in ranges that are shared, then figures."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from evalsite import jobs
from evalsite.catalog.models import Pool
from evalsite.celery import enqueue_chord
from evalsite.jobs import JobState, Lease
from evalsite.leaderboard.models import EXTRACTOR, FeatureRange, Measurement, Score
from metrics.extractors import weights
from metrics.extractors.catalog import WEIGHTS

SLOWER = 8
"""A range of large networks has so many times fewer images, lest its worker be gone for minutes."""

TOLD = 4
"""Measurements at most that hear of each step of a range: the others come after them."""

CHECKPOINT_METRICS = ("kid", "fid_inf")
"""Unbiased, so that few images do: what a training's own pools are measured by."""


def extractors() -> list[str]:
    """What pools are measured with: as the settings say, if the weights are at hand."""
    return [name for name in settings.METRIC_EXTRACTORS if is_at_hand(name)]


def is_at_hand(extractor: str) -> bool:
    """Whether it can be used without fetching anything; nothing is read."""
    return extractor not in WEIGHTS or weights.is_at_hand(WEIGHTS[extractor])


def request_measurements(pool: Pool) -> list[Measurement]:
    """The metrics of a pool with every extractor that there is for it; asked for now if new."""
    names = extractors() if pool.images_seen is None else [EXTRACTOR]
    return [request_measurement(pool, name) for name in names]


@transaction.atomic
def request_measurement(pool: Pool, extractor: str = EXTRACTOR) -> Measurement:
    """The metrics of a pool; asked for now if they are new."""
    measurement, created = Measurement.jobs.get_or_create(
        pool=pool, extractor=extractor, defaults={"state": JobState.WAITING}
    )
    if created:
        _gather(measurement, _needed(measurement, [pool, pool.imitates.held_out_pool]))
    return measurement


@transaction.atomic
def measure_again(measurement: Measurement) -> None:
    """Ask once more for what failed, range by range, unless it can only fail again."""
    if measurement.is_refused:
        return
    if jobs.put_back(Measurement.jobs.filter(pk=measurement.pk), JobState.WAITING):
        pool, train = measurement.pool, train_pool_of(measurement.pool)
        pools = [pool, _real(pool), *([train] if train and measurement.content else [])]
        measurement.refresh_from_db()
        _gather(measurement, _needed(measurement, pools))


def metrics_of(pool: Pool) -> tuple[str, ...] | None:
    """What a pool is measured by; None is all that the extractor gives."""
    return None if pool.images_seen is None else CHECKPOINT_METRICS


def train_pool_of(pool: Pool) -> Pool | None:
    """The training images that a pool is compared with, if any are apart from the held-out ones."""
    if pool.images_seen is not None:
        return None
    return pool.imitates.pools.filter(split=Pool.Split.TRAIN).exclude(pk=_real(pool).pk).first()


def _real(pool: Pool) -> Pool:
    return pool.imitates.held_out_pool


def is_gathered(pool: Pool, extractor: str) -> bool:
    """Whether workers have been through all images of a pool."""
    ranges = FeatureRange.jobs.filter(pool=pool, extractor=extractor)
    return ranges.exists() and not ranges.unfinished().exists()


def wait_for(lease: Lease[Measurement], pool: Pool) -> None:
    """Put a measurement down until the features of a further pool are there."""
    ranges = _needed(lease.row, [pool])
    with transaction.atomic():
        lease.wait()
        _gather(lease.row, ranges)


def _needed(measurement: Measurement, pools: Iterable[Pool]) -> list[FeatureRange]:
    """The ranges of pools, from now on among those that the measurement waits for."""
    ranges = [each for pool in pools for each in _ranges(pool, measurement.extractor)]
    measurement.ranges.add(*ranges)
    return ranges


def _ranges(pool: Pool, extractor: str) -> list[FeatureRange]:
    """All of a pool, those that failed before put back: weights or room may be there now."""
    ranges = FeatureRange.jobs.filter(pool=pool, extractor=extractor)
    jobs.put_back(ranges, progress=0.0)
    if not ranges.exists():
        size = range_images(extractor)
        new = [
            FeatureRange(
                pool=pool, extractor=extractor, start=start, stop=min(start + size, pool.count)
            )
            for start in range(0, pool.count, size)
        ]
        FeatureRange.jobs.bulk_create(new, ignore_conflicts=True)  # another may be as quick
    return list(ranges.all())


def range_images(extractor: str) -> int:
    """Images in a range: some seconds of work."""
    size: int = settings.RANGE_IMAGES
    return size if extractor == EXTRACTOR else max(1, size // SLOWER)


def _gather(measurement: Measurement, ranges: Iterable[FeatureRange]) -> None:
    unfinished = [each.pk for each in ranges if each.is_unfinished]
    later = measurement.is_later
    if unfinished:
        enqueue_chord("extract", unfinished, then="gather", pk=measurement.pk, later=later)
    else:
        jobs.release(measurement)


def release_if_gathered(pk: int) -> None:
    """Queue a measurement whose features are there, or cannot be had and it will say why."""
    for measurement in Measurement.jobs.gathered().filter(pk=pk):
        jobs.release(measurement)


def report_gathering(gathered: FeatureRange) -> None:
    """Tell the measurements that wait for a range, the first of them, how far they are."""
    for measurement in gathered.measurements.waiting().order_by("queued_at")[:TOLD]:
        found = measurement.gathering
        Measurement.jobs.waiting().filter(pk=measurement.pk).update(
            progress=found.progress, note=str(found)
        )


@transaction.atomic
def record_measurement(measurement: Measurement, measured: Mapping[str, Any]) -> None:
    """Store all that `metrics.measure` gives: a score a figure, and the rest as it is."""
    figures = measured["figures"]
    names = [figure["name"] for figure in figures]
    told = [figure for figure in figures if figure["value"] is not None]
    Score.objects.filter(pool=measurement.pool, name__in=names).delete()
    Score.objects.bulk_create(_score(measurement.pool, figure, measured) for figure in told)
    measurement.content = {
        **measured,
        "figures": [figure for figure in figures if figure["value"] is None],
    }
    measurement.save(update_fields=["content"])


def _score(pool: Pool, figure: Mapping[str, Any], measured: Mapping[str, Any]) -> Score:
    assert pool.generator is not None  # noqa: S101  # only generators' pools are measured
    n = {"fake": figure["n_fake"], "real": figure["n_real"]}
    return Score(
        generator=pool.generator,
        dataset=pool.imitates,
        pool=pool,
        name=figure["name"],
        value=figure["value"],
        low=figure["low"],
        high=figure["high"],
        n={side: count for side, count in n.items() if count},
        resampled=figure["resampled"],
        note=figure["note"],
        details={**figure, "seed": measured["seed"], "real": str(_real(pool))},
    )


def catch_up() -> None:
    """Ask for what was to be measured and was lost on the way, or has new weights to be measured with."""
    for measurement in Measurement.jobs.gathered():
        jobs.release(measurement)
    for name in extractors():
        for pool in Pool.jobs.of_generators().ready().exclude(measurements__extractor=name):
            request_measurement(pool, name)
        _measure_with_new_weights(name)
    of_checkpoints = Pool.jobs.of_checkpoints().ready()
    for pool in of_checkpoints.exclude(measurements__extractor=EXTRACTOR):
        request_measurement(pool)


def _measure_with_new_weights(extractor: str) -> None:
    """What failed before the weights came that are there now, as those before may have been broken."""
    came_at = weights.came_at(WEIGHTS[extractor]) if extractor in WEIGHTS else None
    if came_at:
        failed = Measurement.jobs.failed().filter(extractor=extractor, finished_at__lt=came_at)
        for measurement in failed:
            measure_again(measurement)
