"""The Celery tasks that measure: ranges of pools to features, and features to figures."""

from django.conf import settings

from evalsite.celery import app
from evalsite.jobs import FILE_REFUSED, Lease
from evalsite.leaderboard import measuring
from evalsite.leaderboard.models import FeatureRange, Measurement
from workers.base import completes


@completes(FeatureRange)
def extract(lease: Lease[FeatureRange]) -> None:
    """Compute the features of a range of a pool, unless they are there."""
    from metrics.extractors.catalog import create
    from metrics.features import FeatureCache, extract_range

    asked = lease.row

    def report(done: int, total: int) -> None:
        if lease.report(done / total, f"{done:,} of {total:,} images"):
            measuring.report_gathering(asked)

    extract_range(
        asked.pool.open_whole(),
        create(asked.extractor),
        asked.start,
        asked.stop,
        FeatureCache(settings.FEATURES_DIR),
        content_hash=asked.pool.content_hash,
        progress=report,
    )
    lease.ready()
    measuring.report_gathering(asked)


@app.task(name="workers.tasks.gather")  # type: ignore[untyped-decorator]
def gather(pk: int) -> None:
    """Go on with a measurement whose ranges have all been worked."""
    measuring.release_if_gathered(pk)


@completes(Measurement)
def measure(lease: Lease[Measurement]) -> None:
    """Measure a pool against the held-out images, and the training images once their features are there.

    What no range has brought into the cache is computed here: slower, with the same digits.
    """
    from metrics.errors import TooFewImages

    try:
        _measure(lease)
    except TooFewImages as reason:
        lease.fail(str(reason), note=FILE_REFUSED)


def _measure(lease: Lease[Measurement]) -> None:
    from metrics.features import FeatureCache
    from metrics.measure import measure as measure_pools

    asked, pool = lease.row, lease.row.pool
    train = measuring.train_pool_of(pool)
    has_train = train is not None and measuring.is_gathered(train, asked.extractor)
    measured = measure_pools(
        pool.imitates.held_out_pool.open_whole(),
        pool.open_whole(),
        train=train.open_whole() if train and has_train else None,
        metrics=measuring.metrics_of(pool),
        extractor=asked.extractor,
        cache=FeatureCache(settings.FEATURES_DIR),
        progress=lambda done, total: lease.report(done / total, "comparing"),
    )
    lease.require()
    measuring.record_measurement(asked, measured.as_dict())
    if train and not has_train:
        measuring.wait_for(lease, train)
