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


def rotation(pool: PoolSize, count: int, *, turn: int, seed: int) -> Indices:
    """`count` different images of a pool; from turn to turn all of them come up equally often."""
    if count > pool.size:
        raise TooFewImages(
            f"each observer would need {count} different images of a pool that has {pool.size}"
        )
    order = np.random.default_rng([seed, pool.key]).permutation(pool.size)
    return order[(turn * count + np.arange(count)) % pool.size]


def plan(
    real: PoolSize,
    fakes: Sequence[PoolSize],
    *,
    blocks: Sequence[int],
    turn: int,
    seed: int,
) -> list[list[Image]]:
    """The images of every block for the observer whose turn it is.

    Args:
        real: the pool of real images.
        fakes: the generators' pools, compared within each block.
        blocks: how many trials each block has; half of them are real, rounded down.
        turn: the observer's ordinal in the study, from 0.
        seed: the study's.
    """
    turns = [shares(trials - trials // 2, len(fakes), turn=turn) for trials in blocks]
    most = [sum(-(-(trials - trials // 2) // len(fakes)) for trials in blocks)] * len(fakes)
    reals = iter(rotation(real, sum(n // 2 for n in blocks), turn=turn, seed=seed))
    forged = [
        iter(rotation(pool, need, turn=turn, seed=seed))
        for pool, need in zip(fakes, most, strict=True)
    ]
    rng = np.random.default_rng([seed, turn, 1])
    planned = []
    for trials, counts in zip(blocks, turns, strict=True):
        images = list(_take(real, reals, trials // 2))
        for pool, indices, count in zip(fakes, forged, counts, strict=True):
            images += _take(pool, indices, count)
        planned.append([images[place] for place in rng.permutation(len(images))])
    return planned


def _take(pool: PoolSize, indices: Iterator[np.int64], count: int) -> Iterator[Image]:
    return (Image(pool.key, int(next(indices))) for _ in range(count))
