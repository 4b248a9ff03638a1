"""Sets of images to figures: features once, then every metric that is asked for, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeGuard

import numpy as np

from metrics import compare
from metrics.caution import cautioned, class_caution
from metrics.compute import METRICS, PAIRWISE_IMAGES, Metric, Sides
from metrics.duplicates import Duplicates, duplicates
from metrics.errors import MetricError, NotFinite, TooFewImages, Unavailable, UnknownName
from metrics.estimate import Estimate
from metrics.extractors import catalog
from metrics.extractors.base import Extractor, Floats32, Images
from metrics.features import FeatureCache, PoolFeatures, PoolProgress, Progress, features_of
from metrics.figures import Compared, Figure, Reference
from metrics.image_pools import ArrayPool, ImagePool
from metrics.judgement import Judgement, judge
from metrics.mapped import small_in_memory
from metrics.measurement import ClassFigure, Measurement
from metrics.per_class import PerClass, per_class
from metrics.statistics_file import Statistics

MAX_SEED = 2**32 - 1
FEWER = f"of the first {PAIRWISE_IMAGES:,} images a side, in the order of digests"
READ_IMAGES = 256

ASKED = (*METRICS, "memorisation", "duplicates")
"""All that can be asked for."""

GROUPS = {
    "all": ASKED,
    "default": tuple(name for name in ASKED if name not in ("fid_inf15", "cmmd")),
    "prdc": ("precision", "recall", "density", "coverage"),
}

Pixels = ImagePool | Images
Telling = Callable[[str], object]
"""Called with what is computed next; what it returns is ignored."""


class Sets(NamedTuple):
    """The sets of a comparison.

    `train` are the images that a generator learned from, where `real` are held out, or `held_out`
    are images that it never saw, where `real` are those it learned from: one of them at most.
    """

    real: PoolFeatures | Statistics
    fake: PoolFeatures | Statistics
    train: PoolFeatures | None = None
    held_out: PoolFeatures | None = None

    @property
    def others(self) -> PoolFeatures | None:
        """Real images of the part that `real` is not."""
        return self.train or self.held_out

    @property
    def learned(self) -> tuple[PoolFeatures, PoolFeatures | None] | None:
        """What the generator learned from and what it never saw; None if nobody can tell."""
        real = None if isinstance(self.real, Statistics) else self.real
        if self.train:
            return self.train, real
        return (real, self.held_out) if real and self.held_out else None


def measure(
    real: Pixels | Statistics,
    fake: Pixels | Statistics,
    *,
    train: Pixels | None = None,
    held_out: Pixels | None = None,
    metrics: Iterable[str] | None = None,
    extractor: str | Extractor = "lite0",
    seed: int = 0,
    cache: FeatureCache | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Measurement:
    """Measure generated images against real ones: pools, or uint8 arrays (N, H, W, 1 or 3).

    Either may be the statistics of a set, which leaves the Fréchet distance. `train`, `held_out`
    and `metrics` are as `measure_features` takes them, the other options as `features_of` does;
    `progress` is called with the images done of all sets. Equal images give equal digits, whatever
    holds them, in whatever order.

    Raises TooFewImages below 2 images a side, UnknownName for a metric or extractor that does not
    exist, ImageMismatch for images that are none, NotFinite for features that are no numbers,
    MetricError for a seed that is not 0 to 2³² - 1.
    """
    names = None if metrics is None else wanted(metrics)
    require_seed(seed)
    network = catalog.create(extractor) if isinstance(extractor, str) else extractor
    sets = prepare(
        real,
        fake,
        train,
        held_out,
        network=network,
        cache=cache,
        recipe=extractor if isinstance(extractor, str) else None,
        workers=workers,
        progress=progress and _summed(progress, (real, fake, train, held_out)),
    )
    return measure_features(*sets, metrics=names, seed=seed, network=network)


def prepare(
    real: Pixels | Statistics,
    fake: Pixels | Statistics,
    train: Pixels | None = None,
    held_out: Pixels | None = None,
    *,
    network: Extractor,
    cache: FeatureCache | None = None,
    recipe: str | None = None,
    workers: int = 1,
    progress: PoolProgress | None = None,
) -> Sets:
    """Return the features of the sets of a comparison, all computed in one go (`features_of`).

    Raises TooFewImages below 2 images a side, ImageMismatch for statistics of other features, before
    anything is computed.
    """
    given = (real, fake, train, held_out)
    pools = {at: _as_pool(each) for at, each in enumerate(given) if _is_pixels(each)}
    for at, name in enumerate(("REAL", "FAKE")):
        if at in pools:
            compare.require_enough(name, len(pools[at]))
    for name, side in (("REAL", real), ("FAKE", fake)):
        if pools and isinstance(side, Statistics):
            compare.require_fitting(name, side, network, next(iter(pools.values())).read(0, 1))
    found = features_of(
        list(pools.values()),
        network,
        cache=cache,
        recipe=recipe,
        workers=workers,
        progress=progress,
    )
    features = dict(zip(pools, found, strict=True))
    return Sets(
        real if isinstance(real, Statistics) else features[0],
        fake if isinstance(fake, Statistics) else features[1],
        features.get(2),
        features.get(3),
    )


def measure_features(
    real: PoolFeatures | Statistics,
    fake: PoolFeatures | Statistics,
    train: PoolFeatures | None = None,
    held_out: PoolFeatures | None = None,
    *,
    metrics: Iterable[str] | None = None,
    seed: int = 0,
    network: Extractor | None = None,
    telling: Telling | None = None,
) -> Measurement:
    """Measure sets whose features are there.

    `train` are the images that a generator learned from, where `real` are held out, or `held_out`
    what it never saw, where `real` are what it learned from. With either, memorisation is judged,
    and each figure has a reference: what as many of these images score against the same `real`.

    `metrics` are among ASKED; None stands for the group "default", as far as these sets allow.
    What is asked for and cannot be had is a figure without value and with the reason. A Fréchet
    distance of n ≤ d images brings FD∞ and KID with it. Pixels are read for duplicates, and for
    diversity, which needs `network`, the extractor. `seed` draws splits, halves, subsets and pairs.
    """
    names = wanted(metrics)
    require_seed(seed)
    compare.require_comparable(real, fake)
    sets = Sets(real, fake, train, held_out)
    with small_in_memory(_arrays(sets)):
        return _measured(
            sets,
            names,
            Sides(real, fake, seed, network),
            asked=metrics is not None,
            tell=telling or (lambda name: None),
        )


def _measured(
    sets: Sets, names: Sequence[str], sides: Sides, *, asked: bool, tell: Telling
) -> Measurement:
    perfect = _perfect(sets, sides)
    figures = [
        figure
        for name in _with_company(names, sides)
        if (figure := _figure(name, sides, perfect, tell, asked=asked))
    ]
    judged = _judged(sets, sides.seed, tell) if "memorisation" in names else None
    return Measurement(
        extractor=sides.extractor[1],
        n_real=compare.count(sets.real),
        n_fake=compare.count(sets.fake),
        n_train=None if sets.learned is None else len(sets.learned[0]),
        seed=sides.seed,
        figures=(*cautioned(figures, sides), *([judged.authenticity] if judged else [])),
        classes=_classes(sides) if "fid" in names else (),
        memorisation=judged,
        duplicates=_duplicates(sets.fake, tell) if "duplicates" in names else None,
        warnings=(
            *compare.warnings(sets.real, sets.fake),
            *_learned_warnings(sets),
            *_unjudged(judged, asked and "memorisation" in names),
        ),
    )


def _arrays(sets: Sets) -> Iterator[Floats32 | None]:
    for each in sets:
        if isinstance(each, PoolFeatures):
            yield from (each.features, each.probabilities)


def wanted(metrics: Iterable[str] | None) -> tuple[str, ...]:
    """Return the metrics of a list of names and groups; raises UnknownName for others."""
    given = ["default"] if metrics is None else list(metrics)
    unknown = [name for name in given if name not in ASKED and name not in GROUPS]
    if unknown or not given:
        raise UnknownName(
            f"metrics need to be among {', '.join([*ASKED, *GROUPS])}, "
            f"got {', '.join(map(repr, unknown)) or 'none'}"
        )
    return tuple(dict.fromkeys(each for name in given for each in GROUPS.get(name, (name,))))


def require_seed(seed: int) -> None:
    """Raise MetricError for a seed that draws nothing."""
    if not 0 <= seed <= MAX_SEED:
        raise MetricError(f"a seed needs to be 0 to {MAX_SEED}, got {seed}")


def _is_pixels(given: Pixels | Statistics | None) -> TypeGuard[Pixels]:
    return given is not None and not isinstance(given, Statistics)


def _as_pool(given: Pixels) -> ImagePool:
    return ArrayPool(given) if isinstance(given, np.ndarray) else given


def _summed(progress: Progress, sets: Sequence[Pixels | Statistics | None]) -> PoolProgress:
    """Return what adds up the images done of all pools."""
    total = sum(len(each) for each in sets if _is_pixels(each))
    done: dict[int, int] = {}

    def report(pool: int, now: int) -> None:
        done[pool] = now
        progress(sum(done.values()), total)

    return report


def _with_company(names: Sequence[str], sides: Sides) -> list[str]:
    """Add what is to be read beside a Fréchet distance of few images."""
    company: list[str] = []
    if "fid" in names and sides.too_few_for_frechet and not isinstance(sides.fake, Statistics):
        company = ["fid_inf"] if isinstance(sides.real, Statistics) else ["fid_inf", "kid"]
    return [name for name in METRICS if name in names or name in company]


def _perfect(sets: Sets, sides: Sides) -> Sides | None:
    """Return as many real images of the other part as there are fakes, in their place."""
    if sets.others is None or isinstance(sets.fake, Statistics):
        return None
    return replace(sides, fake=sets.others.first(len(sets.fake)))


def _figure(
    name: str, sides: Sides, perfect: Sides | None, tell: Telling, *, asked: bool
) -> Figure | None:
    """Return a figure, refused where it cannot be had; None if nobody asked for it by name."""
    tell(name)
    metric = METRICS[name]
    used = sides.fewer if metric.pairwise else sides
    compared = Compared(*used.extractor, compare.count(used.real), compare.count(used.fake))
    try:
        estimate = _estimated(metric, used)
    except (TooFewImages, NotFinite) as reason:
        return compared.refused(name, str(reason), alone=metric.alone)
    except Unavailable as reason:
        return compared.refused(name, str(reason), alone=metric.alone) if asked else None
    return compared.figure(
        name,
        estimate,
        bounds=metric.bounds,
        alone=metric.alone,
        note="" if used is sides else FEWER,
        reference=None
        if perfect is None
        else _reference(metric, perfect.fewer if metric.pairwise else perfect),
    )


def _estimated(metric: Metric, sides: Sides) -> Estimate:
    """Return what a metric gives; raises NotFinite where float64 cannot hold it."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = metric.estimate(sides)
    numbers = [found.value, found.se or 0.0]
    if found.published:
        numbers += [found.published.value, found.published.spread]
    if not np.isfinite(numbers).all():
        raise NotFinite("features are so large that the figure is beyond what numbers hold")
    if isinstance(sides.fake, PoolFeatures) and _is_one_image(sides.fake):
        return found.without_error("all generated images are the same one")
    return found.unless_alike()


def _is_one_image(pool: PoolFeatures) -> bool:
    """Whether all images are equal in every pixel; digests are sorted."""
    return bool(pool.digests[0] == pool.digests[-1])


def _reference(metric: Metric, perfect: Sides) -> Reference | None:
    try:
        estimate = _estimated(metric, perfect)
    except (TooFewImages, NotFinite, Unavailable):
        return None
    low, high = estimate.interval(*metric.bounds) or (None, None)
    return Reference(estimate.value, low, high, len(perfect.fakes))


def _judged(sets: Sets, seed: int, tell: Telling) -> Judgement | None:
    """Return what there is to say of memorisation; None without training or generated images."""
    if sets.learned is None or isinstance(sets.fake, Statistics):
        return None
    tell("memorisation")
    return judge(*sets.learned, sets.fake, seed=seed)


def _learned_warnings(sets: Sets) -> tuple[str, ...]:
    train, held_out = sets.learned or (None, None)
    return compare.learned_warnings(train, held_out) if train and held_out else ()


def _unjudged(judged: Judgement | None, asked: bool) -> tuple[str, ...]:
    if judged or not asked:
        return ()
    return ("memorisation cannot be judged without the training images",)


def _classes(sides: Sides) -> tuple[ClassFigure, ...]:
    real, fake = sides.fewer.real, sides.fewer.fake
    if isinstance(real, Statistics) or isinstance(fake, Statistics):
        return ()
    if real.labels is None or fake.labels is None:
        return ()
    found = per_class(real.features, fake.features, real.labels, fake.labels)
    names = _class_names(fake) | _class_names(real)
    return tuple(
        _class_figure(label, names.get(label, str(label)), found, real, fake)
        for label in sorted([*found, *found.refused])
    )


def _class_names(side: PoolFeatures) -> dict[int, str]:
    return dict(enumerate(getattr(side.images, "class_names", None) or ()))


def _class_figure(
    label: int, name: str, found: PerClass, real: PoolFeatures, fake: PoolFeatures
) -> ClassFigure:
    estimate = found.get(label)
    low, high = (estimate and estimate.unless_alike().interval(0.0)) or (None, None)
    n_real, n_fake = (int(np.count_nonzero(side.labels == label)) for side in (real, fake))
    return ClassFigure(
        label,
        name,
        n_real=n_real,
        n_fake=n_fake,
        value=None if estimate is None else estimate.value,
        low=low,
        high=high,
        note=found.refused.get(label)
        or class_caution(min(n_real, n_fake), compare.dimensions(real)),
    )


def _duplicates(fake: PoolFeatures | Statistics, tell: Telling) -> Duplicates | None:
    if isinstance(fake, Statistics):
        return None
    tell("duplicates")
    return duplicates(fake.images.batches(READ_IMAGES))
