"""Two pools to figures: features once, then every metric that was asked for, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from metrics.errors import ImageMismatch, MetricError, TooFewImages, UnknownName
from metrics.estimate import Estimate, Published
from metrics.extractors import catalog
from metrics.extractors.base import Extractor, Features, Images, identity
from metrics.features import ArrayPool, FeatureCache, ImagePool, Progress, pool_features
from metrics.figures import METRICS, figure_name
from metrics.frechet import frechet_estimate
from metrics.inception_score import inception_score
from metrics.kid import kid

MAX_SEED = 2**32 - 1
RESAMPLED = "generated images; the real ones are held fixed"
RESAMPLED_ALONE = "generated images"


@dataclass(frozen=True)
class Figure:
    """One number with its 95 % interval, its n and all that tells it from another of its name.

    `low`, `high` and `se` are None where no interval can be had (`method` says why), `n_real` is
    None for a metric that looks at generated images alone, `note` is empty or a caution in plain
    words, and `published` is the variant that papers print, where it differs.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    se: float | None
    n_real: int | None
    n_fake: int
    extractor: str
    resampled: str
    method: str
    published: Published | None
    note: str


@dataclass(frozen=True)
class Measurement:
    """All figures of one comparison."""

    figures: tuple[Figure, ...]
    extractor: str
    n_real: int
    n_fake: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists, strings and numbers, ready for JSON."""
        plain = asdict(self)
        return plain | {"figures": list(plain["figures"])}


def measure(
    real: ImagePool | Images,
    fake: ImagePool | Images,
    *,
    metrics: Iterable[str] = tuple(METRICS),
    extractor: str | Extractor = "lite0",
    seed: int = 0,
    cache: FeatureCache | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Measure generated images against real ones: pools, or uint8 arrays (N, H, W, 1 or 3).

    `metrics` are among "is", "fid" and "kid"; `seed` draws the splits and subsets of the published
    variants and moves nothing else; `progress` is called with the images done of both sets.
    Equal pixels in equal order give equal digits, whatever holds them.

    Raises TooFewImages below 2 images a side, ImageMismatch if the sets differ in resolution or
    channels, UnknownName for a metric or extractor that does not exist, NotFinite for features
    that are no numbers, MetricError for a seed that is not 0 to 2³² - 1.
    """
    names = _known(metrics)
    _require_seed(seed)
    real_pool, fake_pool = _as_pool(real), _as_pool(fake)
    _require_comparable(real_pool, fake_pool)
    network = catalog.create(extractor) if isinstance(extractor, str) else extractor
    features = partial(pool_features, extractor=network, cache=cache)
    total = len(real_pool) + len(fake_pool)
    real_features = features(real_pool, progress=_part(progress, 0, total))
    fake_features = features(fake_pool, progress=_part(progress, len(real_pool), total))
    return Measurement(
        tuple(COMPUTE[name](real_features, fake_features, network, seed) for name in names),
        identity(network),
        len(real_pool),
        len(fake_pool),
        seed,
    )


def _known(metrics: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(metrics))
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        got = ", ".join(map(repr, unknown)) or "none"
        raise UnknownName(f"metrics need to be among {', '.join(METRICS)}, got {got}")
    return names


def _require_seed(seed: int) -> None:
    if not 0 <= seed <= MAX_SEED:
        raise MetricError(f"a seed needs to be 0 to {MAX_SEED}, got {seed}")


def _as_pool(images: ImagePool | Images) -> ImagePool:
    return ArrayPool(images) if isinstance(images, np.ndarray) else images


def _require_comparable(real: ImagePool, fake: ImagePool) -> None:
    if real.shape[1:] != fake.shape[1:]:
        raise ImageMismatch(
            "both sets need the same height, width and channels, "
            f"got {_size(real)} (real) and {_size(fake)} (fake)"
        )
    if min(len(real), len(fake)) < 2:
        raise TooFewImages(
            f"both sets need at least 2 images, got {len(real)} (real) and {len(fake)} (fake)"
        )


def _size(pool: ImagePool) -> str:
    return " × ".join(map(str, pool.shape[1:]))


def _part(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _is(real: Features, fake: Features, extractor: Extractor, seed: int) -> Figure:
    if fake.probabilities is None:
        raise MetricError(f"IS needs an extractor with classes, got {extractor.name}")
    estimate = inception_score(fake.probabilities, seed=seed)
    return _figure("is", estimate, None, len(fake), extractor, floor=1.0)


def _fid(real: Features, fake: Features, extractor: Extractor, seed: int) -> Figure:
    estimate = frechet_estimate(real.features, fake.features)
    n, dimensions = min(len(real), len(fake)), real.features.shape[1]
    note = ""
    if n <= dimensions:
        note = f"n = {n:,} ≤ d = {dimensions:,}: biased upward; read KID beside it"
    return _figure("fid", estimate, len(real), len(fake), extractor, floor=0.0, note=note)


def _kid(real: Features, fake: Features, extractor: Extractor, seed: int) -> Figure:
    estimate = kid(real.features, fake.features, seed=seed)
    return _figure("kid", estimate, len(real), len(fake), extractor)


COMPUTE: Mapping[str, Callable[[Features, Features, Extractor, int], Figure]] = {
    "is": _is,
    "fid": _fid,
    "kid": _kid,
}


def _figure(
    metric: str,
    estimate: Estimate,
    n_real: int | None,
    n_fake: int,
    extractor: Extractor,
    *,
    floor: float = -np.inf,
    note: str = "",
) -> Figure:
    low, high = estimate.interval(floor) or (None, None)
    return Figure(
        name=figure_name(metric, extractor.name),
        value=estimate.value,
        low=low,
        high=high,
        se=estimate.se,
        n_real=n_real,
        n_fake=n_fake,
        extractor=identity(extractor),
        resampled=RESAMPLED_ALONE if n_real is None else RESAMPLED,
        method=estimate.method,
        published=estimate.published,
        note=note,
    )
