"""How many samples are copies: closer to a training image than chance brings new real images."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metrics.distances import Indices, nearest
from metrics.estimate import Z95
from metrics.rows import Floats, Rows

NEIGHBOURS = 5
"""A training image's surroundings reach to this neighbour, so that a few twins do not hide it."""

COPY_RATIO, COPY_SHARE = 0.5, 0.01
"""A copy is at most this ratio away, and closer than all but this share of new real images."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Copies:
    """How many of `n` samples are training images up to noise.

    `within` of them are as close to one as a copy, as `expected` of n new real images would be.
    `value` is the difference, `low` and `high` its 95 % interval (Newcombe 1998), not below 0. `seen`
    says how: "features" or "pixels", within `ratio` of a training image (see `Space`); "near", a near
    duplicate of one, or "exact", equal to one in every pixel, without a ratio.
    """

    value: float
    low: float
    high: float
    n: int
    within: int
    expected: float
    seen: str
    ratio: float | None = None

    @property
    def outnumber_chance(self) -> bool:
        """Whether they do, and are more than one, at the low end of their interval.

        The margin is for generators that leave out unusual images, which raises chance a little.
        """
        return self.low > max(self.expected, 1.0)

    @property
    def bounds(self) -> tuple[int, int]:
        """The interval in whole images: no narrower, as rounding might make it.

        >>> Copies(2.0, 0.4, 8.2, n=110, within=3, expected=1.0, seen="near").bounds
        (0, 9)
        """
        return math.floor(self.low), min(math.ceil(self.high), self.n)

    @classmethod
    def counted(cls, within: Mask, chance: Mask, seen: str, ratio: float | None = None) -> Copies:
        """Return how many more samples are close than new real images: a mask of each."""
        n = len(within)
        share, low, high = _wilson(within)
        expected, least, most = _wilson(chance)
        excess = share - expected
        return cls(
            value=max(0.0, n * excess),
            low=max(0.0, n * (excess - math.hypot(share - low, most - expected))),
            high=max(0.0, n * (excess + math.hypot(high - share, expected - least))),
            n=n,
            within=int(within.sum()),
            expected=n * expected,
            seen=seen,
            ratio=ratio,
        )


@dataclass(frozen=True)
class Nearest:
    """For each of n images the nearest of some set, as distances (n,) and indices (n,)."""

    distance: Floats
    index: Indices

    @classmethod
    def of(cls, images: Rows, among: Rows) -> Nearest:
        distances, indices = nearest(images, among, 1)
        return cls(distances[:, 0], indices[:, 0])


@dataclass(frozen=True)
class Space:
    """Training images, samples and held-out images by their distances, of features or of pixels.

    `own` and `own_index` (n, 6) are each training image's nearest others; then the nearest training
    images of samples and held-out images, and the held-out images nearest to samples.
    """

    name: str
    own: Floats
    own_index: Indices
    samples: Nearest
    held_out: Nearest | None
    samples_to_held_out: Nearest | None

    @classmethod
    def of(cls, name: str, train: Rows, held_out: Rows | None, fake: Rows) -> Space:
        """Look at rows (n, d); raises TooFewImages below 7 training, 2 other images."""
        return cls(
            name,
            *nearest(train, train, NEIGHBOURS + 1, same=True),
            samples=Nearest.of(fake, train),
            held_out=None if held_out is None else Nearest.of(held_out, train),
            samples_to_held_out=None if held_out is None else Nearest.of(fake, held_out),
        )

    def without_held_out(self) -> Space:
        """The same where no images are held out."""
        return replace(self, held_out=None, samples_to_held_out=None)

    @cached_property
    def ratios(self) -> Floats:
        """Of each sample: its distance over that of its training image to its fifth neighbour."""
        return self._ratios(self.samples)

    @cached_property
    def copies(self) -> Copies:
        """Samples whose ratio is at most 0.5, and as only 1 in 100 new real images has it.

        New images are held-out ones with training images as if they were; or the former alone, if
        more of them are that close, as where images come again in both parts.
        """
        held_out = np.empty(0) if self.held_out is None else self._ratios(self.held_out)
        new = np.concatenate([self._left_out_ratios(), held_out])
        rare = np.sort(new)[int(COPY_SHARE * len(new)) :][:1]
        ratio = float(min([COPY_RATIO, *rare]))
        chance = max(new <= ratio, held_out <= ratio, key=_share)
        return Copies.counted(self.ratios <= ratio, chance, self.name, ratio)

    def _left_out_ratios(self) -> Floats:
        """Return the ratio of each training image to the others, but for exact twins."""
        twin = self.own_index[:, 0]
        counted = (self.own_index[twin, :NEIGHBOURS] == np.arange(len(twin))[:, None]).any(axis=1)
        reach = np.where(counted, self.own[twin, NEIGHBOURS], self.own[twin, NEIGHBOURS - 1])
        return _divide(self.own[:, 0], reach)[self.own[:, 0] > 0]

    def _ratios(self, found: Nearest) -> Floats:
        return _divide(found.distance, self.own[found.index, NEIGHBOURS - 1])


def _divide(distance: Floats, reach: Floats) -> Floats:
    """Return distance / reach: 0 for no distance, infinite for some distance and no reach."""
    ratios = np.where(distance > 0, np.inf, 0.0)
    return np.divide(distance, reach, out=ratios, where=reach > 0)


def _share(mask: Mask) -> float:
    return float(mask.sum() / max(len(mask), 1))


def _wilson(mask: Mask) -> tuple[float, float, float]:
    """Return a share and its 95 % interval by Wilson (1927); of none, 0 and all there is."""
    count, n, z = int(mask.sum()), len(mask), Z95
    share = _share(mask)
    centre = count + z**2 / 2
    reach = z * math.sqrt(count * (1 - share) + z**2 / 4)
    return share, (centre - reach) / (n + z**2), (centre + reach) / (n + z**2)
