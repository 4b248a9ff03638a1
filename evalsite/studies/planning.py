"""Which images an observer sees, in which order: balanced, shuffled from a seed, never one twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PoolSize:
    """A pool as far as planning needs it: its key, and how many images it has."""

    key: int
    size: int


@dataclass(frozen=True)
class Image:
    """The `index`-th image of the pool `pool`."""

    pool: int
    index: int


class TooFewImages(ValueError):
    """A pool cannot show each observer so many different images."""


def shares(total: int, parts: int, *, turn: int) -> list[int]:
    """Split `total` as evenly as can be; the remainder goes to other parts at every turn.

    >>> shares(10, 4, turn=0), shares(10, 4, turn=1)
    ([3, 3, 2, 2], [2, 3, 3, 2])
    """
    base, rest = divmod(total, parts)
    return [base + ((part - turn) % parts < rest) for part in range(parts)]


def rotation(pool: PoolSize, count: int, *, start: int, seed: int) -> Indices:
    """`count` different images of a pool of which `start` were shown before, in a shuffled circle."""
    if count > pool.size:
        raise TooFewImages(
            f"each observer would need {count} different images of a pool that has {pool.size}"
        )
    order = np.random.default_rng([seed, pool.key]).permutation(pool.size)
    return order[(start + np.arange(count)) % pool.size]


def plan(
    real: PoolSize,
    fakes: Sequence[PoolSize],
    *,
    blocks: Sequence[int],
    turn: int,
    seed: int,
    mixed: bool = True,
) -> list[list[Image]]:
    """The images of every block for the observer whose turn it is.

    From turn to turn all images of a pool come up equally often, within one.

    Args:
        real: the pool of real images.
        fakes: the generators' pools, compared within each block.
        blocks: how many trials each block has; half of them are real, rounded down.
        turn: the observer's ordinal in the study, from 0.
        seed: the study's.
        mixed: whether an observer judges all generators, or one of them, in turn.

    Raises:
        TooFewImages: a pool has fewer images than this observer would see of it.
    """
    counts_at = [_fake_counts(blocks, len(fakes), turn=at, mixed=mixed) for at in range(len(fakes))]
    cycles, place = divmod(turn, len(fakes))
    each_real = sum(trials // 2 for trials in blocks)
    each_cycle = sum(blocks) - each_real
    reals = iter(rotation(real, each_real, start=turn * each_real, seed=seed))
    forged = []
    for part, pool in enumerate(fakes):
        before, own = (
            sum(block[part] for at in turns for block in counts_at[at])
            for turns in (range(place), [place])
        )
        forged.append(iter(rotation(pool, own, start=cycles * each_cycle + before, seed=seed)))
    rng = np.random.default_rng([seed, turn, 1])
    planned = []
    for trials, counts in zip(blocks, counts_at[place], strict=True):
        images = list(_take(real, reals, trials // 2))
        for pool, indices, count in zip(fakes, forged, counts, strict=True):
            images += _take(pool, indices, count)
        planned.append([images[place] for place in rng.permutation(len(images))])
    return planned


def _fake_counts(blocks: Sequence[int], parts: int, *, turn: int, mixed: bool) -> list[list[int]]:
    """How many images of each generator every block has; the same again `parts` turns later."""
    fakes = [trials - trials // 2 for trials in blocks]
    if mixed:
        return [shares(count, parts, turn=turn) for count in fakes]
    return [[count if part == turn else 0 for part in range(parts)] for count in fakes]


def _take(pool: PoolSize, indices: Iterator[np.int64], count: int) -> Iterator[Image]:
    return (Image(pool.key, int(next(indices))) for _ in range(count))
