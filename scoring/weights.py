"""Weights of resampled observers and images: each unit's own, whatever else a table holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Weights = NDArray[np.uint8]

POISSON_COUNTS = (24107, 24113, 12055, 4017, 1004, 201, 33, 5, 1)
"""How many of 65,536 equally likely numbers give the weights 0, 1, 2, …: Poisson(1) in whole
numbers, as near as can be with a mean and a variance of exactly 1."""

LARGEST = len(POISSON_COUNTS) - 1
WORD_WEIGHTS = 4
BLOCK_WORDS = 2**14
GOLDEN = np.uint64(0x9E3779B97F4A7C15)

_WEIGHT = np.repeat(np.arange(LARGEST + 1, dtype=np.uint8), POISSON_COUNTS)


def unit_keys(seed: int, kind: str, ids: Iterable[str]) -> Keys:
    """The random number streams (n,) of units: a hash of the seed, the kind of unit and the id.

    Args:
        kind: units of different kinds are independent even if they share an id.

    >>> unit_keys(0, "observer", ["ann", "bob"])[1] == unit_keys(0, "observer", ["bob"])[0]
    np.True_
    """
    group = hashlib.blake2b(f"{seed}/{kind}".encode(errors="surrogatepass")).digest()
    digests = b"".join(
        hashlib.blake2b(own.encode(errors="surrogatepass"), digest_size=8, key=group).digest()
        for own in ids
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64, copy=False)


def draw_weights(keys: Keys, start: int, stop: int) -> Weights:
    """How often each unit is drawn in draws `start` to `stop` - 1.

    Weights are independent Poisson(1) numbers, the bootstrap of Owen and Eckles (Annals of Applied
    Statistics 6, 2012) for data that arrive: unlike drawing a fixed number of units, a new unit
    changes no other's weights. A unit's stream is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)
    from its key, four weights a word, so that any part of it can be had without the rest.

    Args:
        keys: (n,) of the units (`unit_keys`).

    Returns:
        (n, stop - start), 0 to 8.

    >>> keys = unit_keys(0, "observer", ["ann", "bob"])
    >>> (draw_weights(keys, 0, 100)[:, 37:60] == draw_weights(keys, 37, 60)).all()
    np.True_
    """
    first, last = start // WORD_WEIGHTS, -(-stop // WORD_WEIGHTS)
    steps = np.arange(first + 1, last + 1, dtype=np.uint64) * GOLDEN
    weights = np.empty((len(keys), WORD_WEIGHTS * len(steps)), dtype=np.uint8)
    rows = max(BLOCK_WORDS // max(len(steps), 1), 1)
    for begin in range(0, len(keys), rows):
        words = _mixed(keys[begin : begin + rows, None] + steps)
        numbers = words.astype("<u8", copy=False).view("<u2")
        weights[begin : begin + rows] = np.take(_WEIGHT, numbers)
    skipped = WORD_WEIGHTS * first
    return weights[:, start - skipped : stop - skipped]


def _mixed(words: Keys) -> Keys:
    """SplitMix64's finaliser, in place."""
    shifted = words >> np.uint64(30)
    for factor, shift in ((0xBF58476D1CE4E5B9, 27), (0x94D049BB133111EB, 31)):
        words ^= shifted
        words *= np.uint64(factor)
        np.right_shift(words, np.uint64(shift), out=shifted)
    words ^= shifted
    return words
