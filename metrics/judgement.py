"""Memorisation as a reader meets it: a verdict in words, its figures, and whom to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metrics.features import PoolFeatures, read_at
from metrics.figures import Compared, Figure
from metrics.memorisation import Match, memorisation
from metrics.pictures import Comparison, neighbour_sheet

MOST = 50_000
"""Images of each set that are looked at: nearest neighbours take time as the square of n."""


@dataclass(frozen=True)
class Neighbour:
    """A generated image, by position in its pool, and the real images nearest to it.

    `real` is the nearest of all, in `split`, "train" or "held out"; the nearest of each split
    follows, None where there are no held-out images. Distances are between features; `ratio` is
    that to the training image over what is usual around that one.
    """

    fake: int
    real: int
    split: str
    distance: float
    ratio: float
    train: int
    train_distance: float
    held_out: int | None
    held_out_distance: float | None


@dataclass(frozen=True)
class Judgement:
    """Whether a generator copies: "copies", "close", "none" or "unknown", and `words` to say it."""

    verdict: str
    words: str
    c_t: Figure
    authenticity: Figure
    closest: tuple[Neighbour, ...]
    farthest: tuple[Neighbour, ...]


def judge(
    train: PoolFeatures, held_out: PoolFeatures | None, fake: PoolFeatures, *, seed: int
) -> Judgement:
    """Judge by at most the first 50,000 images of each set, in the order of digests.

    Raises TooFewImages where there are too few for any judgement.
    """
    train, fake = train.first(MOST), fake.first(MOST)
    held_out = held_out.first(MOST) if held_out else None
    new = held_out.features if held_out else None
    found = memorisation(train.features, new, fake.features, seed=seed)
    compared = Compared(fake.name, fake.extractor, len(train), len(fake))
    return Judgement(
        verdict=found.verdict,
        words=found.words,
        c_t=compared.refused("c_t", found.unjudged)
        if found.c_t is None
        else compared.figure("c_t", found.c_t),
        authenticity=compared.figure("authenticity", found.authenticity, bounds=(0.0, 1.0)),
        closest=_neighbours(found.closest, train, held_out, fake),
        farthest=_neighbours(found.farthest, train, held_out, fake),
    )


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
        ratio=match.ratio,
        train=learned[0],
        train_distance=match.train_distance,
        held_out=new,
        held_out_distance=new_distance,
    )


def picture(
    judgement: Judgement, train: PoolFeatures, held_out: PoolFeatures | None, fake: PoolFeatures
) -> bytes:
    """Return a PNG of the samples closest to and farthest from what was learned, as they judge."""
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
    new = (
        read_at(held_out.images, [each.held_out for each in shown if each.held_out is not None])
        if held_out
        else [None] * len(shown)
    )
    return [
        Comparison(sample, train_image, held_out_image, each.ratio)
        for each, sample, train_image, held_out_image in zip(
            shown, samples, learned, new, strict=True
        )
    ]
