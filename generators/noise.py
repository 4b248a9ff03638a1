"""The codes that images are made from: row i is a function of the seed and i alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Rounding may depend on the size of a matrix, so an image is always computed in the same block.
BLOCK_IMAGES = 64
SMALLEST_TRUNCATION = 0.1  # of 13 components that are drawn, one is kept


def noise(
    seed: int, start: int, count: int, z_dim: int, truncation: float | None = None
) -> NDArray[np.float32]:
    """Standard normal (count, z_dim): row i is a function of `seed` and `start + i` alone.

    With truncation τ each component is drawn again until |z| ≤ τ (Brock, Donahue, Simonyan 2019,
    section 3.1): less variety, each image more like the most usual ones. Raises ValueError for a τ
    below SMALLEST_TRUNCATION.

    >>> bool((noise(7, 0, 5, 3)[2:] == noise(7, 2, 3, 3)).all())
    True
    >>> float(abs(noise(7, 0, 100, 3, truncation=0.7)).max()) <= 0.7
    True
    """
    check_truncation(truncation)
    rows = np.empty((count, z_dim), np.float32)
    for row, index in zip(rows, range(start, start + count), strict=True):
        bits = np.random.Philox(key=np.array([seed, index], np.uint64))
        random = np.random.Generator(bits)
        random.standard_normal(out=row, dtype=np.float32)
        if truncation is not None:
            _draw_again_beyond(truncation, row, random)
    return rows


def check_truncation(truncation: float | None) -> None:
    """Raises ValueError for one that is too small to draw within, or no number."""
    if truncation is not None and not truncation >= SMALLEST_TRUNCATION:
        raise ValueError(f"truncation must be at least {SMALLEST_TRUNCATION}, got {truncation}")


def _draw_again_beyond(
    truncation: float, row: NDArray[np.float32], random: np.random.Generator
) -> None:
    while (beyond := np.flatnonzero(np.abs(row) > truncation)).size:
        row[beyond] = random.standard_normal(beyond.size, np.float32)


def balanced_labels(class_count: int, start: int, count: int) -> NDArray[np.int64]:
    """Class `i % class_count` for image i, so that any long range has equal shares.

    >>> balanced_labels(3, 2, 5)
    array([2, 0, 1, 2, 0])
    """
    return labels_in_turn(range(class_count), start, count)


def labels_in_turn(classes: Sequence[int], start: int, count: int) -> NDArray[np.int64]:
    """Class `classes[i % len(classes)]` for image i.

    >>> labels_in_turn([7, 3], 1, 4)
    array([3, 7, 3, 7])
    """
    turns = np.arange(start, start + count, dtype=np.int64) % len(classes)
    return np.asarray(classes, np.int64)[turns]


def check_classes(classes: Sequence[int] | None, class_count: int | None) -> None:
    """Raises ValueError unless a network with so many classes (0, None: without) can draw these."""
    if classes is None:
        return
    if not class_count:
        raise ValueError("this generator draws without classes: there is no label to choose")
    unknown = [each for each in classes if not 0 <= each < class_count]
    if unknown or not classes:
        got = ", ".join(map(str, unknown)) or "none"
        raise ValueError(f"label must be from 0 to {class_count - 1}, got {got}")
