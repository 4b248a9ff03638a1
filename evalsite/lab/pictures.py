"""What an attack did to its images, side by side: the original, the change enlarged, and what was forged."""

from collections.abc import Sequence

import numpy as np

from evalsite.lab.models import Attack, Rung
from pools.store import Images

SHOWN = 8
ORIGINAL, CHANGE, MADE = PARTS = ("original", "change", "forged")
GREY = 128


def part_of(rung: Rung, part: str) -> Images:
    """The first images of a rung, (n, H, W, C): as they were, what was added, or as they are."""
    count = min(SHOWN, rung.done)
    made = rung.open().read(0, count)
    if part == MADE:
        return made
    before = originals(rung.attack, range(count))
    return before if part == ORIGINAL else enlarged(before, made)


def originals(attack: Attack, rows: Sequence[int]) -> Images:
    """The held-out images that an attack began with, by their place in it."""
    pool = attack.dataset.held_out_pool.open()
    return np.stack([pool.image(attack.indices[row]) for row in rows])


def magnification(rung: Rung) -> int:
    """By how much the change is enlarged, so that its largest value can be told from grey."""
    count = min(SHOWN, rung.done)
    return factor(originals(rung.attack, range(count)), rung.open().read(0, count))


def factor(before: Images, after: Images) -> int:
    """The largest whole number by which no difference leaves the scale.

    >>> factor(np.array([100], np.uint8), np.array([110], np.uint8))
    12
    """
    largest = int(np.abs(_difference(before, after)).max(initial=1))
    return max(1, (GREY - 1) // max(largest, 1))


def enlarged(before: Images, after: Images) -> Images:
    """The differences, enlarged, around middle grey."""
    moved = GREY + factor(before, after) * _difference(before, after)
    return np.clip(moved, 0, 255).astype(np.uint8)


def _difference(before: Images, after: Images) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return after.astype(np.int16) - before
