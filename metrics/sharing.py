"""What could be shared: how useful synthetic images are, and what they give away of those learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import numpy as np

from metrics.duplicates import Duplicates, duplicates
from metrics.errors import MetricError, TooFewImages, Unavailable
from metrics.extractors.base import Floats32
from metrics.features import PoolFeatures
from metrics.judgement import MOST, READ_IMAGES, Judgement, judge, lacking
from metrics.measure import Sets
from metrics.membership import Membership, membership
from metrics.statement import ADVICE, LIMITS, TITLES, level_of, reasons_of
from metrics.statistics_file import Statistics
from metrics.synthetic import STEPS, Labelled, Usefulness, usefulness
from metrics.thumbnails import coarse_pixels
from pools.store import Labels

LEARNED, TESTED = 20_000, 10_000
"""Images that classifiers learn from, and are tested on, at most."""

NEEDED = (
    "what could be shared needs images that were trained on, images that were held out and generated "
    "images: name the first with --train, or give a data set that is divided"
)

Telling = Callable[[float, str], object]
"""Called with the share done, 0 to 1, and what is done now; what it raises ends the work."""


@dataclass(frozen=True)
class Sharing:
    """A statement on what could be shared, the evidence, and what that does not prove.

    `level` is "no" (do not share), "care" (look closer), "no sign" or "unknown"; `title`, `advice`
    and `reasons` say it in plain sentences, `limits` what is not shown. `usefulness` is None where
    it cannot be had, for the reason in `not_useful`; `attacks`, by what distances are between
    ("features", "pixels"), are empty for the reason in `not_attacked`. Both reasons are else empty.
    `attacked_classes` is how many classes the attacks were about, None if about all images.
    """

    level: str
    title: str
    advice: str
    reasons: tuple[str, ...]
    limits: tuple[str, ...]
    extractor: str
    n_fake: int
    n_train: int
    n_held_out: int
    seed: int
    class_names: tuple[str, ...]
    usefulness: Usefulness | None
    not_useful: str
    memorisation: Judgement
    attacks: dict[str, Membership]
    not_attacked: str
    attacked_classes: int | None
    duplicates: Duplicates

    def as_dict(self) -> dict[str, Any]:
        """Return plain dicts, sequences, strings and numbers, ready for JSON."""
        return asdict(self)


def share(
    sets: Sets, *, seed: int = 0, steps: int = STEPS, telling: Telling | None = None
) -> Sharing:
    """Judge the synthetic images of `sets`, as `metrics.measure.prepare` makes them.

    Memorisation and membership look at 50,000 images of a set at most, classifiers learn from
    20,000 and are tested on 10,000, all the first in the order of digests. `level` is

    - "no" if the verdict on memorisation is "copies", or an attack surely succeeds: the low end of
      its area under the curve is above 0.6, or that of the share found at 1 % false alarms above 0.1;
    - "care" if the verdict is "close", or an attack does better than chance;
    - "unknown" if there were too few images for either, else "no sign". A pool that gives nothing
      away is called "care" or worse in less than 15 % of cases.

    Raises Unavailable without training images, held-out images or generated images.
    """
    train, held_out, fake = (each.first(MOST) for each in _required(sets))
    tell = telling or _silent
    tell(0.0, "looking for copies")
    judged = judge(train, held_out, fake, seed=seed)
    tell(0.2, "guessing what was trained on")
    classes = lacking(held_out, fake)
    attacks, not_attacked = _attacks(train, held_out, fake, classes)
    tell(0.3, "looking for duplicates")
    alike = duplicates(fake.images.batches(READ_IMAGES))
    useful, not_useful = _useful(train, held_out, fake, seed, steps, tell)
    level = level_of(judged.verdict, attacks)
    asked = None if classes is None else len(classes)
    return Sharing(
        level=level,
        title=TITLES[level],
        advice=ADVICE[level],
        reasons=tuple(reasons_of(judged, attacks, not_attacked, asked, useful, not_useful, alike)),
        limits=LIMITS,
        extractor=fake.extractor,
        n_fake=len(fake),
        n_train=len(train),
        n_held_out=len(held_out),
        seed=seed,
        class_names=tuple(getattr(train.images, "class_names", None) or ()),
        usefulness=useful,
        not_useful=not_useful,
        memorisation=judged,
        attacks=attacks,
        not_attacked=not_attacked,
        attacked_classes=asked,
        duplicates=alike,
    )


def _required(sets: Sets) -> tuple[PoolFeatures, PoolFeatures, PoolFeatures]:
    """Return training, held-out and generated images."""
    train, held_out = sets.learned or (None, None)
    if train is None or held_out is None or isinstance(sets.fake, Statistics):
        raise Unavailable(NEEDED)
    return train, held_out, sets.fake


def _attacks(
    train: PoolFeatures, held_out: PoolFeatures, fake: PoolFeatures, classes: Labels | None
) -> tuple[dict[str, Membership], str]:
    """Return attacks by what distances are between; without any, why.

    They are about images of some classes, those that the pool has: images of others it cannot give
    away, and who asks about them has less success than a pool deserves. None stands for all.
    """
    if classes is not None:
        train, held_out = train.of_classes(classes), held_out.of_classes(classes)
    sides = train, held_out, fake
    try:
        return {
            "features": membership(*(each.features for each in sides)),
            "pixels": membership(*map(_coarse, sides)),
        }, ""
    except TooFewImages as reason:
        return {}, f"{reason}{'' if classes is None else ' of the classes that the pool has'}"


def _coarse(pool: PoolFeatures) -> Floats32:
    """Return the coarse pixels of a pool's rows."""
    parts = [coarse_pixels(images) for images in pool.images.batches(READ_IMAGES)]
    return np.asarray(np.concatenate(parts)[pool.order])


def _useful(
    train: PoolFeatures,
    held_out: PoolFeatures,
    fake: PoolFeatures,
    seed: int,
    steps: int,
    tell: Telling,
) -> tuple[Usefulness | None, str]:
    """Return what classifiers make of the images, or why there are none."""
    try:
        sets = (
            _labelled(train, "real", LEARNED),
            _labelled(held_out, "held-out", TESTED),
            _labelled(fake, "synthetic", LEARNED),
        )
        found = usefulness(
            *_of_like_channels(sets),
            steps=steps,
            seed=seed,
            progress=lambda done, total: tell(0.35 + 0.65 * done / total, "training classifiers"),
        )
    except MetricError as reason:
        return None, str(reason)
    return found, ""


def _labelled(pool: PoolFeatures, name: str, most: int) -> Labelled:
    """Return the first images that have a label, in the order of digests."""
    if pool.labels is None or not (pool.labels >= 0).any():
        raise Unavailable(
            f"a classifier needs {name} images with classes, and these have none: draw them from a "
            "class-conditional generator, or sort them into a folder for each class"
        )
    rows = np.flatnonzero(pool.labels >= 0)[:most]
    chosen = np.sort(pool.order[rows])
    parts = [
        images[chosen[first:last] - start]
        for start, images in zip(count(0, READ_IMAGES), pool.images.batches(READ_IMAGES))
        for first, last in [np.searchsorted(chosen, [start, start + len(images)])]
    ]
    images = np.concatenate(parts)[np.searchsorted(chosen, pool.order[rows])]
    return Labelled(images, pool.labels[rows])


def _of_like_channels(sets: Sequence[Labelled]) -> Iterator[Labelled]:
    """Yield the sets, grey images as RGB where those of another set are."""
    channels = max(each.images.shape[3] for each in sets)
    for images, labels in sets:
        yield Labelled(images.repeat(channels // images.shape[3], axis=3), labels)


def text(report: Sharing) -> str:
    """Return the report as people read it at a terminal."""
    lines = [f"{report.title}.", report.advice, "", *_listed(report.reasons)]
    return "\n".join([*lines, "", "What this does not show:", *_listed(report.limits)])


def _listed(sentences: Iterable[str]) -> Iterator[str]:
    return (f"- {each}" for each in sentences)


def _silent(share: float, words: str) -> None:
    pass
