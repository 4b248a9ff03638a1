"""C_T: whether samples lie closer to the training images than held-out images do, on the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrics.copies import Nearest
from metrics.distances import Indices
from metrics.errors import TooFewImages
from metrics.estimate import Estimate
from metrics.rows import Floats, Rows
from pools.store import Labels

MAX_CELLS, IMAGES_PER_CELL, FEWEST_IN_CELL = 50, 200, 20
"""As Meehan et al.: 50 cells for 10,000 images, and only cells with more than 20 samples."""

CLUSTERED, ROUNDS = 10_000, 10

Classes = tuple[Labels, Labels]
"""Those of held-out images (m,) and of samples (n,)."""


def c_t(
    train: Rows, held_out: Rows, fake: Rows, *, classes: Classes | None = None, seed: int = 0
) -> Estimate:
    """Return the data-copying statistic C_T of Meehan, Chaudhuri & Dasgupta (2020).

    In each cell of a partition of the training images by k-means, z is the Mann–Whitney statistic
    of the distances to the nearest training image of that cell, samples against held-out images,
    standardised as if both had one distribution; C_T is the mean of z over cells with more than 20
    samples, weighted by held-out images. Below 0: samples are closer, as copies are; above 0: they
    are farther, as under-fitting makes them. With the same cells, equal to the authors' code (with
    its continuity correction; ties get mean ranks). Cells: one for 200 images of the smaller of
    both sets, at most 50, from 10 seeded rounds of Lloyd's algorithm on at most 10,000 training
    images; all in one cell if no cell will do.

    Some classes lie closer together than others. With `classes`, samples are compared with held-out
    images of their own class alone, and z is the sum over classes of van Elteren (1960), so that it
    does not matter how many of each there are; those of a class that the other set lacks do not count.

    The standard error is that under no copying, when every z has variance 1: √(Σ weight²).

    Raises TooFewImages with 20 samples or fewer, and below 2 training or held-out images.
    """
    one = np.zeros(len(held_out), np.int64), np.zeros(len(fake), np.int64)
    whole = _Cell(train, held_out, fake, one if classes is None else classes)
    cells = min(MAX_CELLS, min(len(held_out), len(fake)) // IMAGES_PER_CELL)
    scored = _scored(whole.divided(cells, seed)) if cells > 1 else []
    scored = scored or _scored([whole])
    if not scored:
        raise TooFewImages(
            f"C_T needs more than {FEWEST_IN_CELL} samples, 2 training and 2 held-out images, "
            f"got {len(fake):,}, {len(train):,} and {len(held_out):,}"
        )
    counts, z = np.array(scored).T
    weights = counts / counts.sum()
    within = "" if classes is None else ", within classes"
    method = f"error if nothing is copied; {len(z)} of {max(cells, 1)} cells{within}"
    return Estimate(float(weights @ z), float(np.sqrt(weights @ weights)), method)


@dataclass(frozen=True)
class _Cell:
    """Training images, held-out images and samples of a cell, and the classes of the latter two."""

    train: Rows
    held_out: Rows
    fake: Rows
    classes: Classes

    @property
    def shared(self) -> Labels:
        """Classes that both held-out images and samples have."""
        return np.intersect1d(*self.classes)

    @property
    def is_enough(self) -> bool:
        enough = len(self.fake) > FEWEST_IN_CELL and min(len(self.held_out), len(self.train)) > 1
        return enough and len(self.shared) > 0

    def taken(self, train: Indices, held_out: Indices, fake: Indices) -> _Cell:
        classes = self.classes[0][held_out], self.classes[1][fake]
        return _Cell(self.train[train], self.held_out[held_out], self.fake[fake], classes)

    def divided(self, cells: int, seed: int) -> list[_Cell]:
        """Return the cells of a partition of the training images by k-means."""
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(self.train), min(CLUSTERED, len(self.train)), replace=False)
        sample = self.train[np.sort(chosen)]
        centres = sample[rng.choice(len(sample), min(cells, len(sample)), replace=False)]
        for _ in range(ROUNDS):
            pairs = zip(_parts(sample, centres), centres, strict=True)
            centres = np.stack(
                [sample[part].mean(axis=0) if len(part) else old for part, old in pairs]
            )
        parts = (_parts(rows, centres) for rows in (self.train, self.held_out, self.fake))
        return [self.taken(*each) for each in zip(*parts, strict=True)]

    def z(self) -> float:
        """Return the statistic of van Elteren, of one class that of Mann and Whitney."""
        samples = Nearest.of(self.fake, self.train).distance
        reals = Nearest.of(self.held_out, self.train).distance
        held_out, fake = self.classes
        within = [(samples[fake == each], reals[held_out == each]) for each in self.shared]
        excess, weights, variances = np.transpose([_excess(*each) for each in within])
        centred = weights @ excess + weights.min() / 2
        return float(centred / np.sqrt(weights**2 @ variances))


def _parts(rows: Rows, centres: Rows) -> list[Indices]:
    """Return which rows are nearest to each centre."""
    cell = Nearest.of(rows, centres).index
    return [np.flatnonzero(cell == number) for number in range(len(centres))]


def _scored(cells: list[_Cell]) -> list[tuple[int, float]]:
    """Return held-out images and z of each cell with enough samples."""
    return [(len(cell.held_out), cell.z()) for cell in cells if cell.is_enough]


def _excess(samples: Floats, reals: Floats) -> tuple[float, float, float]:
    """Return Mann and Whitney's U less its mean, its weight in a sum over classes, and its variance."""
    from scipy.stats import rankdata  # takes a second to read, which no command should wait for

    m, n = len(samples), len(reals)
    ranks = rankdata(np.concatenate([samples, reals]))
    u = ranks[:m].sum() - m * (m + 1) / 2
    return float(u - n * m / 2), 1 / (n + m + 1), n * m * (n + m + 1) / 12
