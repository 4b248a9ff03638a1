"""What could be shared of a pool, judged beside the images that its generator learned from."""

from django.conf import settings

from evalsite.jobs import Lease
from evalsite.leaderboard import sharing
from evalsite.leaderboard.models import EXTRACTOR, SharingReport

FEATURES = 0.3
"""The share of the work that features are, where nobody has computed them yet."""


def share(lease: Lease[SharingReport]) -> None:
    """Write the report; features that measurements have left in the cache are not computed again."""
    from metrics.extractors.catalog import create
    from metrics.features import FeatureCache
    from metrics.measure import prepare
    from metrics.sharing import share as judge

    asked, pool = lease.row, lease.row.pool
    held_out, train = sharing.sides_of(pool)
    total = held_out.count + train.count + pool.count
    done: dict[int, int] = {}

    def looked(side: int, images: int) -> None:
        done[side] = images
        seen = sum(done.values())
        lease.report(FEATURES * seen / total, f"looked at {seen:,} of {total:,} images")

    sets = prepare(
        held_out.open_whole(),
        pool.open_whole(),
        train.open_whole(),
        network=create(EXTRACTOR),
        cache=FeatureCache(settings.FEATURES_DIR),
        progress=looked,
    )
    found = judge(
        sets, telling=lambda part, words: lease.report(FEATURES + (1 - FEATURES) * part, words)
    )
    lease.require()
    sharing.keep_report(asked, found.as_dict())
