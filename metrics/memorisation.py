"""Memorisation: whether samples lie closer to the training images than new real images do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from metrics.distances import nearest
from metrics.errors import TooFewImages
from metrics.estimate import Z95, Estimate
from metrics.rows import Floats, Rows

NEIGHBOURS = 5
"""A training image's surroundings reach to this neighbour, so that a few twins do not hide it."""

COPY_RATIO, COPY_SHARE = 0.5, 0.01
"""A copy is at most this ratio away, and closer than all but this share of new real images."""

FEWEST = 50
"""Samples, and held-out images, below which closeness is not judged."""

MAX_CELLS, IMAGES_PER_CELL, FEWEST_IN_CELL = 50, 200, 20
"""As Meehan et al.: 50 cells for 10,000 images, and only cells with more than 20 samples."""

CLUSTERED, ROUNDS = 10_000, 10
SHOWN = 16

Sets = tuple[Rows, Rows, Rows]
"""Features of training images, held-out images and samples."""

Integers = NDArray[np.intp]


@dataclass(frozen=True)
class Match:
    """A sample and the real images nearest to it, by index, with distances between features.

    `ratio` is the distance to the training image over that image's own distance to its fifth
    neighbour in the training set. The held-out side is None where there are no such images.
    """

    fake: int
    train: int
    train_distance: float
    held_out: int | None
    held_out_distance: float | None
    ratio: float

    @property
    def nearest_in_train(self) -> bool:
        """Whether no held-out image is nearer than the training image."""
        return self.held_out_distance is None or self.train_distance <= self.held_out_distance


@dataclass(frozen=True)
class Copies:
    """How many of `n` samples are training images up to noise.

    `within` of them lie within `ratio` of one, as `expected` of n new real images would. `value`
    is the difference, `low` and `high` its 95 % interval (Newcombe 1998), not below 0.
    """

    value: float
    low: float
    high: float
    n: int
    within: int
    expected: float
    ratio: float


@dataclass(frozen=True)
class Memorisation:
    """What tells copying from learning.

    `c_t` is None where it cannot be had, and `unjudged` says why (empty otherwise). `verdict` is
    "copies", "close", "none" or "unknown", and `words` say it in plain sentences. `closest` and
    `farthest` hold up to 16 samples, by `Match.ratio`.
    """

    c_t: Estimate | None
    unjudged: str
    authenticity: Estimate
    copied: Copies
    closest: tuple[Match, ...]
    farthest: tuple[Match, ...]
    verdict: str
    words: str


@dataclass(frozen=True)
class _Nearest:
    """For each of n images the nearest of some set, as distances (n,) and indices (n,)."""

    distance: Floats
    index: Integers

    @classmethod
    def of(cls, images: Rows, among: Rows) -> _Nearest:
        distances, indices = nearest(images, among, 1)
        return cls(distances[:, 0], indices[:, 0])


def memorisation(train: Rows, held_out: Rows | None, fake: Rows, *, seed: int = 0) -> Memorisation:
    """Judge features (n, d) of samples against those of training and of held-out real images.

    Three questions, each against what images that were not trained on would do:

    - Copies: does a sample lie implausibly close to a training image? Its distance is divided by
      that image's distance to its fifth neighbour (after the local ratio of Carlini et al. 2023),
      and a copy has a ratio of at most 0.5 that only 1 in 100 new real images reaches. New real
      images are the held-out ones, and each training image against the others, but for exact
      twins. So a generator that copies a few images is found, also with no image held out.
    - C_T (see `c_t`): are samples closer than held-out images on the whole?
    - Authenticity of Alaa et al. (2022): the share of samples farther from their nearest training
      image than that one is from its own nearest, strictly, as in dgm-eval's AuthPct / 100;
      binomial standard error of two more successes and failures (Agresti & Coull 1998).

    The verdict is "copies" if these outnumber chance even at the low end of their interval (a
    generator that leaves out unusual images raises chance a little), else "close" if the interval
    of C_T is below 0, else "none"; "unknown" if C_T cannot be had. Without copying, "copies" or
    "close" comes up in less than 5 % of cases. `seed` draws the cells of C_T.

    Raises TooFewImages below 7 training images, 2 samples or, unless None, 2 held-out images;
    MetricError and NotFinite for features that do not match or are no numbers.
    """
    _require(train, fake)
    own, own_index = nearest(train, train, NEIGHBOURS + 1, same=True)
    reach = own[:, NEIGHBOURS - 1]
    to_train = _Nearest.of(fake, train)
    ratios = _ratios(to_train, reach)
    new_ratios = _left_out_ratios(own, own_index)
    to_held_out, closeness, unjudged = None, None, "no real images were held out to compare with"
    if held_out is not None:
        to_held_out, held_to_train = _Nearest.of(fake, held_out), _Nearest.of(held_out, train)
        new_ratios = np.concatenate([new_ratios, _ratios(held_to_train, reach)])
        unjudged = _unjudged(held_to_train, to_train)
        closeness = None if unjudged else c_t(train, held_out, fake, seed=seed)
    copied = _copies(ratios, new_ratios)
    verdict = _verdict(copied, closeness)
    order = np.argsort(ratios, kind="stable")
    return Memorisation(
        c_t=closeness,
        unjudged=unjudged,
        authenticity=_authenticity(to_train, own[:, 0]),
        copied=copied,
        closest=_matches(order[:SHOWN], ratios, to_train, to_held_out),
        farthest=_matches(order[::-1][:SHOWN], ratios, to_train, to_held_out),
        verdict=verdict,
        words=_words(verdict, copied, closeness, unjudged),
    )


def c_t(train: Rows, held_out: Rows, fake: Rows, *, seed: int = 0) -> Estimate:
    """Return the data-copying statistic C_T of Meehan, Chaudhuri & Dasgupta (2020).

    In each cell of a partition of the training images by k-means, z is the Mann–Whitney statistic
    of the distances to the nearest training image of that cell, samples against held-out images,
    standardised as if both had one distribution; C_T is the mean of z over cells with more than 20
    samples, weighted by held-out images. Below 0: samples are closer, as copies are; above 0: they
    are farther, as under-fitting makes them. With the same cells, equal to the authors' code (with
    its continuity correction; ties get mean ranks). Cells: one for 200 images of the smaller of
    both sets, at most 50, from 10 seeded rounds of Lloyd's algorithm on at most 10,000 training
    images; all in one cell if no cell will do.

    The standard error is that under no copying, when every z has variance 1: √(Σ weight²).

    Raises TooFewImages with 20 samples or fewer, and below 2 training or held-out images.
    """
    whole = [(train, held_out, fake)]
    cells = min(MAX_CELLS, min(len(held_out), len(fake)) // IMAGES_PER_CELL)
    scored = _scored(_divided(whole[0], cells, seed)) if cells > 1 else []
    scored = scored or _scored(whole)
    if not scored:
        raise TooFewImages(
            f"C_T needs more than {FEWEST_IN_CELL} samples, 2 training and 2 held-out images, "
            f"got {len(fake):,}, {len(train):,} and {len(held_out):,}"
        )
    counts, z = np.array(scored).T
    weights = counts / counts.sum()
    method = f"error if nothing is copied; {len(z)} of {max(cells, 1)} cells"
    return Estimate(float(weights @ z), float(np.sqrt(weights @ weights)), method)


def _require(train: Rows, fake: Rows) -> None:
    if len(train) < NEIGHBOURS + 2 or len(fake) < 2:
        raise TooFewImages(
            f"memorisation needs at least {NEIGHBOURS + 2} training images and 2 samples, "
            f"got {len(train)} and {len(fake)}"
        )


def _unjudged(held_out: _Nearest, fake: _Nearest) -> str:
    """Return why C_T cannot be had; empty if it can, given the nearest training images."""
    samples, reals = len(fake.distance), len(held_out.distance)
    if min(samples, reals) < FEWEST:
        return (
            f"closeness needs at least {FEWEST} samples and {FEWEST} held-out real images, "
            f"got {samples:,} and {reals:,}"
        )
    if np.median(held_out.distance) == 0:
        return "most held-out real images are training images"
    return ""


def _divided(sets: Sets, cells: int, seed: int) -> list[Sets]:
    """Return the part of each set in each cell of a partition of the first by k-means."""
    rng = np.random.default_rng(seed)
    train = sets[0]
    chosen = rng.choice(len(train), min(CLUSTERED, len(train)), replace=False)
    sample = train[np.sort(chosen)]
    centres = sample[rng.choice(len(sample), min(cells, len(sample)), replace=False)]
    for _ in range(ROUNDS):
        pairs = zip(_parts(sample, centres), centres, strict=True)
        centres = np.stack([part.mean(axis=0) if len(part) else old for part, old in pairs])
    train_parts, held_out_parts, fake_parts = (_parts(rows, centres) for rows in sets)
    return list(zip(train_parts, held_out_parts, fake_parts, strict=True))


def _parts(rows: Rows, centres: Rows) -> list[Rows]:
    """Return the rows nearest to each centre."""
    cell = _Nearest.of(rows, centres).index
    return [rows[np.flatnonzero(cell == number)] for number in range(len(centres))]


def _scored(cells: list[Sets]) -> list[tuple[int, float]]:
    """Return held-out images and z of each cell with enough samples."""
    return [
        (len(held_out), _z(_Nearest.of(fake, train), _Nearest.of(held_out, train)))
        for train, held_out, fake in cells
        if len(fake) > FEWEST_IN_CELL and len(held_out) > 1 and len(train) > 1
    ]


def _z(samples: _Nearest, reals: _Nearest) -> float:
    m, n = len(samples.distance), len(reals.distance)
    ranks = rankdata(np.concatenate([samples.distance, reals.distance]))
    u = ranks[:m].sum() - m * (m + 1) / 2
    return float((u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12))


def _ratios(to_train: _Nearest, reach: Floats) -> Floats:
    return _divide(to_train.distance, reach[to_train.index])


def _left_out_ratios(own: Floats, own_index: Integers) -> Floats:
    """Return the ratio of each training image to the others, as if it had been held out."""
    twin = own_index[:, 0]
    counted = (own_index[twin, :NEIGHBOURS] == np.arange(len(own))[:, None]).any(axis=1)
    reach = np.where(counted, own[twin, NEIGHBOURS], own[twin, NEIGHBOURS - 1])
    return _divide(own[:, 0], reach)[own[:, 0] > 0]


def _divide(distance: Floats, reach: Floats) -> Floats:
    """Return distance / reach: 0 for no distance, infinite for some distance and no reach."""
    ratios = np.where(distance > 0, np.inf, 0.0)
    return np.divide(distance, reach, out=ratios, where=reach > 0)


def _copies(ratios: Floats, new_ratios: Floats) -> Copies:
    rare = np.sort(new_ratios)[int(COPY_SHARE * len(new_ratios)) :][:1]
    ratio = float(min([COPY_RATIO, *rare]))
    n, new = len(ratios), len(new_ratios)
    within, new_within = int((ratios <= ratio).sum()), int((new_ratios <= ratio).sum())
    share, low, high = _wilson(within, n)
    new_share, new_low, new_high = _wilson(new_within, new)
    excess = share - new_share
    return Copies(
        value=max(0.0, n * excess),
        low=max(0.0, n * (excess - math.hypot(share - low, new_high - new_share))),
        high=max(0.0, n * (excess + math.hypot(high - share, new_share - new_low))),
        n=n,
        within=within,
        expected=n * new_share,
        ratio=ratio,
    )


def _wilson(count: int, n: int) -> tuple[float, float, float]:
    """Return a share and its 95 % interval by Wilson (1927); of none, 0 and all there is."""
    share, z = count / max(n, 1), Z95
    centre = count + z**2 / 2
    reach = z * math.sqrt(count * (1 - share) + z**2 / 4)
    return share, (centre - reach) / (n + z**2), (centre + reach) / (n + z**2)


def _authenticity(to_train: _Nearest, own: Floats) -> Estimate:
    authentic = to_train.distance > own[to_train.index]
    n = len(authentic) + 4
    share = (authentic.sum() + 2) / n
    return Estimate(float(authentic.mean()), float(np.sqrt(share * (1 - share) / n)), "binomial")


def _matches(
    samples: Integers, ratios: Floats, to_train: _Nearest, to_held_out: _Nearest | None
) -> tuple[Match, ...]:
    return tuple(
        Match(
            fake=int(sample),
            train=int(to_train.index[sample]),
            train_distance=float(to_train.distance[sample]),
            held_out=None if to_held_out is None else int(to_held_out.index[sample]),
            held_out_distance=None if to_held_out is None else float(to_held_out.distance[sample]),
            ratio=float(ratios[sample]),
        )
        for sample in samples
    )


def _verdict(copied: Copies, closeness: Estimate | None) -> str:
    if copied.low > copied.expected:
        return "copies"
    if closeness is None:
        return "unknown"
    return "close" if _bounds(closeness)[1] < 0 else "none"


def _bounds(closeness: Estimate) -> tuple[float, float]:
    return closeness.interval() or (-np.inf, np.inf)


def _words(verdict: str, copied: Copies, closeness: Estimate | None, unjudged: str) -> str:
    """Return the verdict in one or two sentences for somebody who never heard of C_T."""
    if verdict == "copies":
        return (
            f"About {copied.value:,.0f} of {copied.n:,} samples (95 % interval {copied.low:,.0f} "
            f"to {copied.high:,.0f}) are copies of training images, up to noise: "
            f"{copied.within:,} lie that close to one, and of as many new real images "
            f"{copied.expected:,.0f} would."
        )
    most = f"At most {math.ceil(copied.high):,.0f} of {copied.n:,} are copies, exact or nearly so"
    if closeness is None:
        return (
            f"{most}. Whether samples are closer to the training images than new real images would "
            f"be cannot be said: {unjudged}."
        )
    low, high = _bounds(closeness)
    figures = f"C_T {closeness.value:.1f}, 95 % interval {low:.1f} to {high:.1f}".replace("-", "−")
    if verdict == "close":
        return (
            "Samples lie closer to the training images than held-out real images do "
            f"({figures}; about 0 if nothing is copied): the generator clings to its training "
            f"images, or leaves out unusual ones. {most}."
        )
    distance = "lie farther from" if low > 0 else "are no closer to"
    return (
        f"No sign of copying: samples {distance} the training images than held-out real images "
        f"({figures}; clearly below 0 if something is copied). {most}."
    )
