"""The training images nearest to a picture, and who may see them."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import prod

import numpy as np
from django.http import HttpRequest
from numpy.typing import NDArray

from evalsite.accounts.rights import may_change
from evalsite.catalog.models import Generator
from evalsite.studies.models import Study
from generators.playing import Neighbour, nearest, reduced
from pools import store
from pools.store import Images

SHOWN = 5
MOST_BYTES = 100_000_000
"""Of pixels that are read of a pool: all of 60,000 digits, fewer of larger images."""

PARTS = 64
KEPT = 2


@dataclass(frozen=True)
class Neighbourhood:
    """Images of a pool, reduced, rows (N, d), and the number (N,) of each in its pool."""

    rows: NDArray[np.uint8]
    indices: NDArray[np.int64]


def may_see(request: HttpRequest, generator: Generator) -> bool:
    """Its researcher and the staff; everybody, unless an open study shows the training images as real ones."""
    pool = generator.dataset.train_pool
    shown = Study.objects.exclude(state=Study.State.CLOSED).filter(real_pool=pool)
    return may_change(request, generator) or not shown.exists()


def neighbours_of(image: Images, url: str) -> list[Neighbour]:
    """The images of the pool at `url` nearest to an image, uint8 (H, W, C), the nearest first."""
    known = neighbourhood(url)
    found = nearest(reduced(image[np.newaxis])[0], known.rows, SHOWN)
    return [Neighbour(int(known.indices[each.index]), each.distance) for each in found]


@lru_cache(maxsize=KEPT)
def neighbourhood(url: str) -> Neighbourhood:
    """What neighbours are looked for among: a ready pool never changes."""
    pool = store.open_pool(url)
    parts = ranges(len(pool), MOST_BYTES // prod(pool.shape[1:]))
    return Neighbourhood(
        np.concatenate([reduced(pool.read(*part)) for part in parts]),
        np.concatenate([np.arange(*part) for part in parts]),
    )


def ranges(count: int, most: int) -> list[tuple[int, int]]:
    """Ranges spread evenly over `count` images, in all about `most` of them if there are more.

    >>> ranges(3, 1000), ranges(6400, 200)[:2]
    ([(0, 1), (1, 2), (2, 3)], [(0, 3), (100, 103)])
    """
    taken = min(count, most)
    parts = min(PARTS, taken)
    starts = [count * number // parts for number in range(parts + 1)]
    return [(start, start + (stop - start) * taken // count) for start, stop in pairwise(starts)]
