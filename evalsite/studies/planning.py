"""Which images an observer sees, in which order: balanced, shuffled from a seed, never one twice."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from math import ceil, lcm
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from evalsite.studies.design import Against

Counts = npt.NDArray[np.int64]
Random = np.random.Generator
T = TypeVar("T")


@dataclass(frozen=True)
class PoolSize:
    """A pool as far as planning needs it: its key, and which of its images may be shown.

    Attributes:
        size: how many may be. first: the index of the first of them.
        among: their indices, where they are not the `size` from `first` on.
    """

    key: int
    size: int
    first: int = 0
    among: tuple[int, ...] | None = None

    @property
    def indices(self) -> Counts:
        """Which images may be shown, (size,)."""
        if self.among is not None:
            return np.array(self.among[: self.size], np.int64)
        return self.first + np.arange(self.size)


@dataclass(frozen=True)
class Image:
    """The `index`-th image of the pool `pool`, and how it is shown."""

    pool: int
    index: int
    is_catch: bool = False
    exposure_ms: int | None = None


Screen = tuple[Image, ...]
"""Images that are judged together, in the order in which they stand."""


@dataclass(frozen=True)
class Layout:
    """What every observer of a study is shown, but for the images themselves.

    Attributes:
        protocol: as in Study.
        practice: screens to practise with.
        blocks: screens of each block after it, without catch screens.
        grid: select: images on a screen.
        against: pair: what a fake stands beside; in practice always a real image.
        catch_trials: an image each whose pixels will be shuffled. Alone and in pairs they
            are screens of their own, in grids they take the place of a real image.
        exposures_ms: levels of exposure, balanced within each pool; empty if it is not planned.
    """

    protocol: str
    practice: int
    blocks: tuple[int, ...]
    grid: int = 9
    against: Against = "real"
    catch_trials: int = 0
    exposures_ms: tuple[int, ...] = ()

    @property
    def parts(self) -> "list[Part]":
        """Practice, then the blocks, which share the catch trials."""
        catches = shares(self.catch_trials, len(self.blocks), turn=0).tolist()
        main = [Part(*sizes, is_practice=False) for sizes in zip(self.blocks, catches, strict=True)]
        return [Part(self.practice, 0, is_practice=True), *main]

    def sets_generators_apart(self, part: "Part") -> bool:
        """Whether the part's pairs are of two generators."""
        return self.protocol == "pair" and self.against == "generators" and not part.is_practice


@dataclass(frozen=True)
class Part:
    """A block before it has images."""

    screens: int
    catches: int
    is_practice: bool


class TooFewImages(ValueError):
    """A pool cannot show each observer so many different images."""


def shares(total: int, parts: int, *, turn: int | Counts) -> Counts:
    """Split `total` as evenly as can be; the remainder goes to other parts at every turn.

    Returns:
        (parts,), or (turns, parts) for several turns at once.

    >>> shares(10, 4, turn=0).tolist(), shares(10, 4, turn=1).tolist()
    ([3, 3, 2, 2], [2, 3, 3, 2])
    """
    base, rest = divmod(total, parts)
    behind = np.arange(parts) - np.asarray(turn)[..., np.newaxis]
    split: Counts = base + (behind % parts < rest)
    return split


@dataclass(frozen=True)
class Circle:
    """A shuffled circle of images; in pools of one size, that of one key has one order.

    Attributes:
        apart: how far from its start a pool begins.
    """

    key: int
    apart: int = 0


SHARED = 0  # no pool has this key


def rotation(pool: PoolSize, count: int, *, start: int, seed: int, circle: Circle) -> Counts:
    """`count` different images of a pool of which `start` were shown before, along a circle."""
    _require(pool, count)
    order: Counts = np.random.default_rng([seed, circle.key]).permutation(pool.size)
    return pool.indices[order[(circle.apart + start + np.arange(count)) % pool.size]]


def _require(pool: PoolSize, count: int) -> None:
    if count > pool.size:
        raise TooFewImages(
            f"each observer would need {count} different images of a pool that has {pool.size}"
        )


def require_enough(real: PoolSize, fakes: Sequence[PoolSize], layout: Layout) -> None:
    """Raise TooFewImages if at any turn an observer would need more images than a pool has."""
    most = _needs(layout, len(fakes)).sum(axis=1).max(axis=0)
    for pool, count in zip([real, *fakes], most.tolist(), strict=True):
        _require(pool, count)


def observers_needed(fakes: Sequence[PoolSize], layout: Layout, each: int) -> int:
    """How many observers it takes until every image of the generators was shown `each` times.

    >>> observers_needed([PoolSize(1, 40)], Layout("name", practice=4, blocks=(20,)), 5)
    20
    """
    shown = _needs(layout, len(fakes))[:, :, 1:]
    counts: list[int] = shown.sum(axis=(0, 1)).tolist()
    return max(
        ceil(each * pool.size * len(shown) / count)
        for pool, count in zip(fakes, counts, strict=True)
    )


def plan(
    real: PoolSize, fakes: Sequence[PoolSize], layout: Layout, *, turn: int, seed: int
) -> list[list[Screen]]:
    """The screens of every block, practice first, for the observer whose turn it is.

    From turn to turn all images of a pool come up equally often, within one. Where images are named,
    pools of one size are taken for the same images, each forged in another way: no observer names
    one of them in two pools, if these are large enough.

    Args:
        real: the pool of real images. fakes: the generators'.
        turn: the observer's ordinal in the study, from 0. seed: the study's.

    Raises:
        TooFewImages: a pool has fewer images than this observer would see of it.
    """
    needs = _needs(layout, len(fakes))
    cycles, place = divmod(turn, len(needs))
    before = cycles * needs.sum(axis=(0, 1)) + needs[:place].sum(axis=(0, 1))
    drawn = [
        _drawn(pool, needs[place, :, number], start=int(before[number]), seed=seed, circle=circle)
        for number, (pool, circle) in enumerate(_circles(real, fakes, layout))
    ]
    rng = np.random.default_rng([seed, turn, 1])
    blocks = [
        _shuffled(_screens(part, own[0], own[1:], layout, turn + number, rng), rng)
        for number, (part, own) in enumerate(
            zip(layout.parts, zip(*drawn, strict=True), strict=True)
        )
    ]
    return [*_timed(blocks[:1], layout, turn, rng), *_timed(blocks[1:], layout, turn, rng)]


def _needs(layout: Layout, generators: int) -> Counts:
    """How many images a block needs of the reals and of each generator: (turns, blocks, 1 + generators).

    After so many turns it is the same again.
    """
    duels = len(_duels(generators)) if layout.against == "generators" else 1
    turns = np.arange(lcm(generators, duels))
    blocks = []
    for number, part in enumerate(layout.parts):
        real, fake = _halves(part, layout, generators)
        forged = _forged(fake, part, layout, generators, turns + number)
        blocks.append(np.column_stack([np.full(len(turns), real), forged]))
    return np.stack(blocks, axis=1)


def _circles(
    real: PoolSize, fakes: Sequence[PoolSize], layout: Layout
) -> Iterator[tuple[PoolSize, Circle]]:
    """Every pool, and in which circle and how far along it its images stand."""
    yield real, Circle(real.key)
    for number, pool in enumerate(fakes):
        apart = number * (pool.size // len(fakes))
        yield pool, Circle(SHARED, apart) if layout.protocol == "name" else Circle(pool.key)


def _halves(part: Part, layout: Layout, generators: int) -> tuple[int, int]:
    """How many real images and fakes a block takes, catch images among the real ones."""
    if layout.protocol == "name":  # the real ones are a pool among the others, and all of practice
        real = part.screens if part.is_practice else part.screens // (generators + 1)
        return real + part.catches, part.screens - real
    if layout.protocol == "pair":
        beside = 0 if layout.sets_generators_apart(part) else part.screens
        return beside + 2 * part.catches, part.screens
    if layout.protocol == "select":
        images = part.screens * layout.grid
        return images // 2, images - images // 2
    return part.screens // 2 + part.catches, part.screens - part.screens // 2


def _forged(fake: int, part: Part, layout: Layout, generators: int, turns: Counts) -> Counts:
    """How a block's fakes, or pairs of fakes, are shared among generators: (turns, generators)."""
    if layout.sets_generators_apart(part):
        duels = np.array(_duels(generators))
        stands: Counts = (duels[:, :, np.newaxis] == np.arange(generators)).sum(axis=1)
        forged: Counts = shares(fake, len(duels), turn=turns) @ stands
        return forged
    if layout.protocol == "flash":  # a staircase follows one generator
        own = np.arange(len(turns)) % generators
        return np.where(own[:, np.newaxis] == np.arange(generators), fake, 0)
    return shares(fake, generators, turn=turns)


def _duels(generators: int) -> list[tuple[int, int]]:
    return list(combinations(range(generators), 2))


def _drawn(
    pool: PoolSize, counts: Counts, *, start: int, seed: int, circle: Circle
) -> list[list[Image]]:
    """The pool's images for each block."""
    indices = rotation(pool, int(counts.sum()), start=start, seed=seed, circle=circle)
    blocks = np.split(indices, np.cumsum(counts)[:-1])
    return [[Image(pool.key, index) for index in block.tolist()] for block in blocks]


def _screens(
    part: Part,
    real: list[Image],
    forged: Sequence[list[Image]],
    layout: Layout,
    turn: int,
    rng: Random,
) -> list[Screen]:
    if layout.protocol == "select":
        return _grids(part, real, _shuffled(chain(*forged), rng), layout.grid, rng)
    catches, rest = [_caught(image) for image in real[: part.catches]], real[part.catches :]
    if layout.protocol != "pair":
        return [(image,) for image in chain(catches, rest, *forged)]
    plain, rest = rest[: part.catches], rest[part.catches :]
    if layout.sets_generators_apart(part):
        pairs = list(_duelled(part.screens, forged, turn))
    else:
        pairs = list(zip(rest, _shuffled(chain(*forged), rng), strict=True))
    return [tuple(_shuffled(pair, rng)) for pair in [*pairs, *zip(catches, plain, strict=True)]]


def _caught(image: Image) -> Image:
    return replace(image, is_catch=True)


def _duelled(count: int, forged: Sequence[list[Image]], turn: int) -> Iterator[tuple[Image, Image]]:
    """Pairs of two generators' images, each two generators as often as any other two."""
    left = [iter(images) for images in forged]
    duels = _duels(len(forged))
    for (first, second), times in zip(duels, shares(count, len(duels), turn=turn), strict=True):
        for _ in range(times):
            yield next(left[first]), next(left[second])


def _grids(
    part: Part, real: list[Image], forged: list[Image], size: int, rng: Random
) -> list[Screen]:
    reals, fakes = iter(real), iter(forged)
    has_catch = rng.permutation(part.screens) < part.catches
    grids = []
    for number, count in enumerate(_fakes_by_grid(part.screens, size, len(forged), rng)):
        own = [next(reals) for _ in range(size - count)]
        if has_catch[number]:
            own[0] = _caught(own[0])
        grids.append(tuple(_shuffled([*own, *(next(fakes) for _ in range(count))], rng)))
    return grids


def _fakes_by_grid(grids: int, size: int, fakes: int, rng: Random) -> list[int]:
    """How many fakes each grid has: `fakes` in all, and between a third and two thirds of each."""
    least, most = ceil(size / 3), 2 * size // 3
    counts = rng.integers(least, most, grids, endpoint=True)
    while missing := fakes - int(counts.sum()):
        able = np.flatnonzero(counts < most if missing > 0 else counts > least)
        counts[rng.choice(able)] += np.sign(missing)
    return [int(count) for count in counts]


def _timed(
    blocks: list[list[Screen]], layout: Layout, turn: int, rng: Random
) -> list[list[Screen]]:
    """The same images with exposures: each pool's as equal in number as can be, catches the longest."""
    levels = sorted(layout.exposures_ms)
    if not levels:
        return blocks
    images = [image for block in blocks for (image,) in block]
    exposure_ms = np.full(len(images), levels[-1])
    for number, key in enumerate(sorted({image.pool for image in images})):
        own = [at for at, each in enumerate(images) if each.pool == key and not each.is_catch]
        equal = np.repeat(levels, shares(len(own), len(levels), turn=turn + number))
        exposure_ms[own] = rng.permutation(equal)
    times = iter(exposure_ms.tolist())
    return [[(replace(image, exposure_ms=next(times)),) for (image,) in block] for block in blocks]


def _shuffled(items: Iterable[T], rng: Random) -> list[T]:
    listed = list(items)
    return [listed[place] for place in rng.permutation(len(listed))]
