"""C_T: whether samples lie closer to the training images than held-out images do, on the whole."""

from __future__ import annotations

import numpy as np

from metrics.copies import Nearest
from metrics.errors import TooFewImages
from metrics.estimate import Estimate
from metrics.rows import Rows

MAX_CELLS, IMAGES_PER_CELL, FEWEST_IN_CELL = 50, 200, 20
"""As Meehan et al.: 50 cells for 10,000 images, and only cells with more than 20 samples."""

CLUSTERED, ROUNDS = 10_000, 10

Sets = tuple[Rows, Rows, Rows]
"""Features of training images, held-out images and samples."""


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
    cell = Nearest.of(rows, centres).index
    return [rows[np.flatnonzero(cell == number)] for number in range(len(centres))]


def _scored(cells: list[Sets]) -> list[tuple[int, float]]:
    """Return held-out images and z of each cell with enough samples."""
    return [
        (len(held_out), _z(Nearest.of(fake, train), Nearest.of(held_out, train)))
        for train, held_out, fake in cells
        if len(fake) > FEWEST_IN_CELL and len(held_out) > 1 and len(train) > 1
    ]


def _z(samples: Nearest, reals: Nearest) -> float:
    from scipy.stats import rankdata  # takes a second to read, which no command should wait for

    m, n = len(samples.distance), len(reals.distance)
    ranks = rankdata(np.concatenate([samples.distance, reals.distance]))
    u = ranks[:m].sum() - m * (m + 1) / 2
    return float((u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12))
