"""Memorisation as a reader meets it: a verdict in words, its figures, and whom to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import inf, isfinite

import numpy as np

from metrics.c_t import Classes
from metrics.copies import Copies
from metrics.errors import TooFewImages
from metrics.estimate import Estimate
from metrics.features import PoolFeatures
from metrics.figures import Compared, Figure, Reference
from metrics.image_pools import read_at
from metrics.looks import Looks
from metrics.memorisation import Match, Memorisation, OfFew, memorisation
from metrics.pictures import Comparison, neighbour_sheet
from pools.store import UNLABELLED, Labels

MOST = 50_000
"""Images of each set that are looked at: nearest neighbours take time as the square of n."""

UNTOLD = (
    "It may also be that they show more of a kind of image whose examples lie close together: where "
    "all images have classes, they are compared within these."
)
"""What is said of samples that seem closer, where nobody can tell their shares of the classes."""

READ_IMAGES = 256
SHARE = (0.0, 1.0)


@dataclass(frozen=True)
class Neighbour:
    """A generated image, by position in its pool, and the real images nearest to it.

    `real` is the nearest of all, in `split`, "train" or "held out"; the nearest of each split
    follows, None where there are no held-out images. Distances are in `space`, between "features" or
    between coarse "pixels"; `ratio` is that to the training image over what is usual around that one,
    None if images are alike all around it. `duplicate` is "exact" or "near" if the training image is
    a duplicate of the sample, else empty.
    """

    fake: int
    real: int
    split: str
    distance: float
    ratio: float | None
    train: int
    train_distance: float
    held_out: int | None
    held_out_distance: float | None
    space: str
    duplicate: str


@dataclass(frozen=True)
class Judgement:
    """Whether a generator copies: "copies", "close", "none" or "unknown", and `words` to say it.

    `copied` counts copies; None where there are too few images to judge at all, as `words` say. Of so
    few only duplicates are told, without anybody to look at.
    """

    verdict: str
    words: str
    copied: Copies | None
    c_t: Figure
    authenticity: Figure
    closest: tuple[Neighbour, ...]
    farthest: tuple[Neighbour, ...]


def judge(
    train: PoolFeatures, held_out: PoolFeatures | None, fake: PoolFeatures, *, seed: int
) -> Judgement:
    """Judge by at most the first 50,000 images of each set, in the order of digests.

    Looks at features, and at pixels, which are read once more. Where there are too few images for
    anything else, duplicates alone are the judgement, with the reason. Where generated images lack
    some classes, held-out ones of the others are left out: some classes lie closer together than
    others, so that new images of these alone would seem to cling to the training images. For the same
    reason C_T compares within classes, where all images have one.
    """
    if held_out and (classes := lacking(held_out, fake)) is not None:
        found = _judged(train, held_out.of_classes(classes), fake, seed)
        return replace(found, words=f"{found.words} {_beside(len(classes))}")
    found = _judged(train, held_out, fake, seed)
    if found.verdict == "close" and _classes(held_out, fake) is None:
        return replace(found, words=f"{found.words} {UNTOLD}")
    return found


def lacking(held_out: PoolFeatures, fake: PoolFeatures) -> Labels | None:
    """Return the classes that samples share with held-out images if these have more, else None."""
    if held_out.labels is None or fake.labels is None or (fake.labels == UNLABELLED).any():
        return None
    there = np.setdiff1d(held_out.labels, [UNLABELLED])
    shared = np.intersect1d(there, fake.labels)
    return shared if 0 < len(shared) < len(there) else None


def _classes(held_out: PoolFeatures | None, fake: PoolFeatures) -> Classes | None:
    """Return those of held-out images and of samples; None unless all have one, of the same classes."""
    if held_out is None or held_out.labels is None or fake.labels is None:
        return None
    classes = held_out.labels, fake.labels
    there, own = map(np.unique, classes)
    return classes if np.array_equal(there, own) and UNLABELLED not in there else None


def _beside(classes: int) -> str:
    of = "one class that samples have" if classes == 1 else f"{classes:,} classes that samples have"
    return f"Beside them stand the held-out images of the {of}."


def _judged(
    train: PoolFeatures, held_out: PoolFeatures | None, fake: PoolFeatures, seed: int
) -> Judgement:
    train, fake = train.first(MOST), fake.first(MOST)
    held_out = held_out.first(MOST) if held_out else None
    compared = Compared(fake.name, fake.extractor, len(train), len(fake))
    new, new_looks = (held_out.features, _looks(held_out)) if held_out else (None, None)
    looks = _looks(train), new_looks, _looks(fake)
    try:
        found = memorisation(
            train.features, new, fake.features, looks, classes=_classes(held_out, fake), seed=seed
        )
    except TooFewImages as reason:
        return _refused(compared, str(reason), OfFew.of(looks, str(reason)))
    return Judgement(
        verdict=found.verdict,
        words=found.words,
        copied=found.copied,
        c_t=_closeness(found, compared),
        authenticity=_authenticity(found, compared, min(len(fake), len(held_out or ()))),
        closest=_neighbours(found.closest, train, held_out, fake),
        farthest=_neighbours(found.farthest, train, held_out, fake),
    )


def _refused(compared: Compared, reason: str, again: OfFew) -> Judgement:
    """Return what duplicates alone tell."""
    return Judgement(
        verdict=again.verdict,
        words=again.words,
        copied=again.copied,
        c_t=compared.refused("c_t", reason),
        authenticity=compared.refused("authenticity", reason),
        closest=(),
        farthest=(),
    )


def _looks(pool: PoolFeatures) -> Looks:
    """Return the looks of a pool's rows; the pool is read forwards, once."""
    chosen = np.sort(pool.order)
    parts = [
        Looks.of(images[chosen[first:last] - start])
        for start, images in zip(count(0, READ_IMAGES), pool.images.batches(READ_IMAGES))
        for first, last in [np.searchsorted(chosen, [start, start + len(images)])]
        if last > first
    ]
    return Looks.joined(parts).taken(np.searchsorted(chosen, pool.order))


def _closeness(found: Memorisation, compared: Compared) -> Figure:
    """Return C_T; new real images in place of the samples score 0, but for chance."""
    if found.c_t is None:
        return compared.refused("c_t", found.unjudged)
    new = Estimate(0.0, found.c_t.se, found.c_t.method)
    return compared.figure("c_t", found.c_t, reference=_reference(new, found.copied.n))


def _authenticity(found: Memorisation, compared: Compared, new: int) -> Figure:
    """Return authenticity beside that of `new` held-out images."""
    perfect = found.new_authenticity
    reference = None if perfect is None else _reference(perfect, new, SHARE)
    return compared.figure("authenticity", found.authenticity, bounds=SHARE, reference=reference)


def _reference(estimate: Estimate, n: int, bounds: tuple[float, float] = (-inf, inf)) -> Reference:
    low, high = estimate.interval(*bounds) or (None, None)
    return Reference(estimate.value, low, high, n)


def _neighbours(
    matches: Iterable[Match],
    train: PoolFeatures,
    held_out: PoolFeatures | None,
    fake: PoolFeatures,
) -> tuple[Neighbour, ...]:
    return tuple(_neighbour(match, train, held_out, fake) for match in matches)


def _neighbour(
    match: Match, train: PoolFeatures, held_out: PoolFeatures | None, fake: PoolFeatures
) -> Neighbour:
    """Return a match by positions in the pools, where the rows have an order of their own."""
    learned = int(train.order[match.train]), "train", match.train_distance
    nearest, new, new_distance = learned, None, match.held_out_distance
    if held_out and match.held_out is not None and new_distance is not None:
        new = int(held_out.order[match.held_out])
        nearest = learned if match.nearest_in_train else (new, "held out", new_distance)
    return Neighbour(
        int(fake.order[match.fake]),
        *nearest,
        ratio=match.ratio if isfinite(match.ratio) else None,
        train=learned[0],
        train_distance=match.train_distance,
        held_out=new,
        held_out_distance=new_distance,
        space=match.space,
        duplicate=match.duplicate,
    )


def picture(
    judgement: Judgement, train: PoolFeatures, held_out: PoolFeatures | None, fake: PoolFeatures
) -> bytes:
    """Return a PNG of the samples closest to and farthest from what was learned, as they judge.

    Raises TooFewImages where there were too few to judge by.
    """
    if not judgement.closest:
        raise TooFewImages(judgement.words)
    shown = (*judgement.closest, *judgement.farthest)
    comparisons = _comparisons(shown, train, held_out, fake)
    closest = len(judgement.closest)
    return neighbour_sheet(comparisons[:closest], comparisons[closest:])


def _comparisons(
    shown: Sequence[Neighbour],
    train: PoolFeatures,
    held_out: PoolFeatures | None,
    fake: PoolFeatures,
) -> list[Comparison]:
    samples = read_at(fake.images, [each.fake for each in shown])
    learned = read_at(train.images, [each.train for each in shown])
    beside = [each.held_out for each in shown if each.held_out is not None]
    new = read_at(held_out.images, beside) if held_out and beside else [None] * len(shown)
    return [
        Comparison(sample, train_image, held_out_image, inf if each.ratio is None else each.ratio)
        for each, sample, train_image, held_out_image in zip(
            shown, samples, learned, new, strict=True
        )
    ]
