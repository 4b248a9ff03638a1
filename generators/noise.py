"""The codes that images are made from: row i is a function of the seed and i alone."""

import numpy as np
from numpy.typing import NDArray

# Rounding may depend on the size of a matrix, so an image is always computed in the same block.
BLOCK_IMAGES = 64


def noise(seed: int, start: int, count: int, z_dim: int) -> NDArray[np.float32]:
    """Standard normal (count, z_dim): row i is a function of `seed` and `start + i` alone.

    >>> bool((noise(7, 0, 5, 3)[2:] == noise(7, 2, 3, 3)).all())
    True
    """
    rows = np.empty((count, z_dim), np.float32)
    for row, index in zip(rows, range(start, start + count), strict=True):
        bits = np.random.Philox(key=np.array([seed, index], np.uint64))
        np.random.Generator(bits).standard_normal(out=row, dtype=np.float32)
    return rows


def balanced_labels(class_count: int, start: int, count: int) -> NDArray[np.int64]:
    """Class `i % class_count` for image i, so that any long range has equal shares.

    >>> balanced_labels(3, 2, 5)
    array([2, 0, 1, 2, 0])
    """
    return np.arange(start, start + count, dtype=np.int64) % class_count
