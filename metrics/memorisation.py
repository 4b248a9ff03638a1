"""Memorisation: whether samples lie closer to the training images than new real images do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from metrics.c_t import Classes, c_t
from metrics.copies import NEIGHBOURS, Copies, Mask, Nearest, Space
from metrics.distances import Indices
from metrics.duplicates import Prints, Shared, between, grouped
from metrics.errors import TooFewImages
from metrics.estimate import Estimate
from metrics.looks import Looks
from metrics.rows import Floats, Rows
from metrics.verdict import verdict_of, words_of, words_of_few

FEWEST = 50
"""Samples, and held-out images, below which closeness is not judged."""

SHOWN = 16

LEARNED = 0.5
"""Held-out images say nothing of new ones if this share of them are training images."""

AllLooks = tuple[Looks, Looks | None, Looks]
"""Those of training images, held-out images and samples."""

Kinds = Mapping[tuple[int, int], str]
"""Pairs (sample, training image) that are duplicates: "exact" or "near"."""


@dataclass(frozen=True)
class Match:
    """A sample and the real images nearest to it, by index, with distances in `space`.

    `space` is "features" or "pixels". `ratio` is the distance to the training image over that
    image's own distance to its fifth neighbour in the training set. `duplicate` is "exact", "near"
    or empty: how sample and training image are one. The held-out side is None where there are no
    such images.
    """

    fake: int
    train: int
    train_distance: float
    held_out: int | None
    held_out_distance: float | None
    ratio: float
    space: str
    duplicate: str

    @property
    def nearest_in_train(self) -> bool:
        """Whether no held-out image is nearer than the training image."""
        return self.held_out_distance is None or self.train_distance <= self.held_out_distance


@dataclass(frozen=True)
class Memorisation:
    """What tells copying from learning.

    `c_t` is None where it cannot be had, and `unjudged` says why (empty otherwise). `new_authenticity`
    is what held-out images score in place of the samples, at most as many; None without them.
    `verdict` is "copies", "close", "none" or "unknown", and `words` say it in plain sentences.
    `closest` and `farthest` hold up to 16 samples, by `Match.ratio`, duplicates first.
    """

    c_t: Estimate | None
    unjudged: str
    authenticity: Estimate
    new_authenticity: Estimate | None
    copied: Copies
    closest: tuple[Match, ...]
    farthest: tuple[Match, ...]
    verdict: str
    words: str


def memorisation(
    train: Rows,
    held_out: Rows | None,
    fake: Rows,
    looks: AllLooks | None = None,
    *,
    classes: Classes | None = None,
    seed: int = 0,
) -> Memorisation:
    """Judge features (n, d) of samples against those of training and of held-out real images.

    Three questions, each against what images that were not trained on would do:

    - Copies: does a sample lie implausibly close to a training image? Its distance is divided by
      that image's distance to its fifth neighbour (after the local ratio of Carlini et al. 2023),
      and a copy has a ratio of at most 0.5 that only 1 in 100 new real images reaches. New real
      images are the held-out ones, and each training image against the others, but for exact
      twins. So a generator that copies a few images is found, also with no image held out.
    - C_T (see metrics/c_t.py): are samples closer than held-out images on the whole? With `classes`,
      those of held-out images and of samples, than held-out images of their own class.
    - Authenticity of Alaa et al. (2022): the share of samples farther from their nearest training
      image than that one is from its own nearest, strictly, as in dgm-eval's AuthPct / 100;
      binomial standard error of two more successes and failures (Agresti & Coull 1998).

    With `looks`, copies are counted four ways, and what is gravest is told: between features; between
    coarse pixels, where noise cannot hide them, which moves the features of small images far;
    as near duplicates; and as equal in every pixel: these two are compared with held-out images or,
    without any, with what the training images have among themselves. Held-out images that are mostly
    training images are left out. C_T stays with features: blurred samples are closer in pixels than
    new images.

    The verdict is "copies" if these outnumber chance, and one, even at the low end of their interval
    (a generator that leaves out unusual images raises chance a little), else "close" if the interval
    of C_T is below 0, else "none"; "unknown" if C_T cannot be had. Without copying, "copies" or
    "close" comes up in less than 5 % of cases. `seed` draws the cells of C_T.

    Raises TooFewImages below 7 training images, 2 samples or, unless None, 2 held-out images;
    MetricError and NotFinite for features that do not match or are no numbers.
    """
    _require(train, fake)
    features = Space.of("features", train, held_out, fake)
    unjudged = _unjudged(features)
    if features.held_out is not None and _is_learned(features.held_out):
        held_out, features = None, features.without_held_out()
        looks = looks and (looks[0], None, looks[2])
    pixels = looks and _pixels(*looks)
    again = _Again.of(*looks) if looks else _Again.unseen()
    copied = _gravest([features, *([pixels] if pixels else [])], again.copies)
    closeness = None
    if held_out is not None and not unjudged:
        closeness = c_t(train, held_out, fake, classes=classes, seed=seed)
    shown = pixels if pixels and copied.outnumber_chance and copied.seen != "features" else features
    verdict = verdict_of(copied, closeness)
    return Memorisation(
        c_t=closeness,
        unjudged=unjudged,
        authenticity=_authenticity(features.samples, features.own),
        new_authenticity=_new_authenticity(features, len(fake)),
        copied=copied,
        closest=_matches(_closest(shown, again.kinds), shown, again.kinds),
        farthest=_matches(np.argsort(-features.ratios, kind="stable"), features, again.kinds),
        verdict=verdict,
        words=words_of(verdict, copied, closeness, unjudged, again.exact),
    )


@dataclass(frozen=True)
class OfFew:
    """What duplicates alone tell, of however few images; fields as those of `Memorisation`.

    `copied` is None unless they outnumber chance.
    """

    verdict: str
    words: str
    copied: Copies | None

    @classmethod
    def of(cls, looks: AllLooks, reason: str) -> OfFew:
        """Judge by exact and near duplicates, where nothing else can be had for a reason."""
        train, held_out, fake = looks
        again = _Again.of(train, held_out, fake)
        if held_out is not None and _chance(train.prints, held_out)[0].mean() >= LEARNED:
            again = _Again.of(train, None, fake)
        copied = max(
            (count for count in again.copies if count.outnumber_chance),
            key=lambda count: count.high,
            default=None,
        )
        return cls(
            "copies" if copied else "unknown",
            words_of_few(copied, again.exact, reason),
            copied,
        )


def _require(train: Rows, fake: Rows) -> None:
    if len(train) < NEIGHBOURS + 2 or len(fake) < 2:
        raise TooFewImages(
            f"memorisation needs at least {NEIGHBOURS + 2} training images and 2 samples, "
            f"got {len(train)} and {len(fake)}"
        )


def _pixels(train: Looks, held_out: Looks | None, fake: Looks) -> Space:
    new = None if held_out is None else held_out.coarse
    return Space.of("pixels", train.coarse, new, fake.coarse)


@dataclass(frozen=True)
class _Again:
    """Samples that are training images again, and how many more of them than chance brings."""

    kinds: Kinds
    exact: int
    copies: tuple[Copies, ...]

    @classmethod
    def unseen(cls) -> _Again:
        return cls({}, 0, ())

    @classmethod
    def of(cls, train: Looks, held_out: Looks | None, fake: Looks) -> _Again:
        shared = between(train.prints, fake.prints)
        exact, near = _masks(shared, len(fake))
        new_exact, new_near = _chance(train.prints, held_out)
        kinds = dict.fromkeys(shared.near, "near") | dict.fromkeys(shared.exact, "exact")
        found = (
            Copies.counted(exact, new_exact, "exact"),
            Copies.counted(exact | near, new_exact | new_near, "near"),
        )
        return cls(kinds, len(shared.exact), found)


def _chance(train: Prints, held_out: Looks | None) -> tuple[Mask, Mask]:
    """Return which new images are exact and near duplicates of training images."""
    if held_out is not None:
        return _masks(between(train, held_out.prints), len(held_out))
    found, n = grouped(train), len(train.digests)
    return _mask(chain(*found.exact), n), _mask(chain(*found.near), n)


def _masks(shared: Shared, n: int) -> tuple[Mask, Mask]:
    return _mask((pair[0] for pair in shared.exact), n), _mask((pair[0] for pair in shared.near), n)


def _mask(images: Iterable[int], n: int) -> Mask:
    return np.isin(np.arange(n), list(images))


def _gravest(spaces: Sequence[Space], again: Sequence[Copies]) -> Copies:
    """Return the count that accuses of most copies, or, if none does, that of most in a space."""
    near = [space.copies for space in spaces]
    accusing = [count for count in (*near, *again) if count.outnumber_chance]
    return max(accusing or near, key=lambda count: count.high)


def _unjudged(features: Space) -> str:
    """Return why C_T cannot be had; empty if it can."""
    if features.held_out is None:
        return "no real images were held out to compare with"
    samples, reals = len(features.samples.distance), len(features.held_out.distance)
    if min(samples, reals) < FEWEST:
        return (
            f"closeness needs at least {FEWEST} samples and {FEWEST} held-out real images, "
            f"got {samples:,} and {reals:,}"
        )
    if _is_learned(features.held_out):
        return "most held-out real images are training images"
    return ""


def _is_learned(held_out: Nearest) -> bool:
    """Whether most of these images are training images, and say nothing of new ones."""
    return bool(np.median(held_out.distance) == 0)


def _new_authenticity(features: Space, n: int) -> Estimate | None:
    """Return what held-out images score in place of n samples."""
    new = features.held_out
    if new is None:
        return None
    return _authenticity(Nearest(new.distance[:n], new.index[:n]), features.own)


def _authenticity(to_train: Nearest, own: Floats) -> Estimate:
    authentic = to_train.distance > own[to_train.index, 0]
    return Estimate.of_share(int(authentic.sum()), len(authentic), "binomial")


def _closest(space: Space, kinds: Kinds) -> Indices:
    """Return samples in order of ratios, exact duplicates of training images first, then near."""
    pairs = zip(range(len(space.ratios)), space.samples.index.tolist(), strict=True)
    rank = [("exact", "near", "").index(kinds.get(pair, "")) for pair in pairs]
    return np.lexsort((space.ratios, np.array(rank)))


def _matches(order: Indices, space: Space, kinds: Kinds) -> tuple[Match, ...]:
    return tuple(_match(sample, space, kinds) for sample in order[:SHOWN].tolist())


def _match(sample: int, space: Space, kinds: Kinds) -> Match:
    train = int(space.samples.index[sample])
    new = space.samples_to_held_out
    return Match(
        fake=sample,
        train=train,
        train_distance=float(space.samples.distance[sample]),
        held_out=None if new is None else int(new.index[sample]),
        held_out_distance=None if new is None else float(new.distance[sample]),
        ratio=float(space.ratios[sample]),
        space=space.name,
        duplicate=kinds.get((sample, train), ""),
    )
