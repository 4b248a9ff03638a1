"""CMMD: the squared MMD of CLIP features with a Gaussian kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from metrics.estimate import Estimate, Published
from metrics.mmd import Kernel, discrepancy
from metrics.rows import Floats, both_rows

SIGMA = 10.0
SCALE = 1000.0


def cmmd(real: ArrayLike, fake: ArrayLike) -> Estimate:
    """Return 1000 times the squared MMD of Jayasumana et al. (2024), exp(-|x - y|² / (2 · 10²)).

    Features are CLIP embeddings (n, d) of length 1. The value is the unbiased U-statistic over all
    pairs, negative now and then for sets that are alike; its standard error is the delete-one
    jackknife over the fakes, the reals held fixed (None with fewer than 3 fakes). `published` is
    the biased statistic of the authors' code, which pairs every image with itself too and so is
    never negative and falls with n; it has no spread, for it is over no parts.

    Raises TooFewImages for n < 2.

    >>> round(cmmd([[0.0], [0.0]], [[1.0], [1.0]]).value, 4)
    9.975
    """
    x, y = both_rows(real, fake)
    n, m = len(x), len(y)
    sums = discrepancy(x, y, GAUSSIAN)
    unbiased = sums.unbiased()
    selves = (n + sums.real.rows.sum()) / n**2 + (m + sums.fake.rows.sum()) / m**2
    biased = float(SCALE * (selves - 2 * sums.cross.rows.sum() / (n * m)))
    return replace(
        unbiased,
        value=SCALE * unbiased.value,
        se=None if unbiased.se is None else SCALE * unbiased.se,
        published=Published(biased, 0.0, "all pairs, every image with itself too"),
    )


def _terms(rows: Floats, centre: Floats) -> Floats:
    return np.asarray(-(rows**2).sum(axis=1) / (2 * SIGMA**2))


def _exp(power: Floats) -> Floats:
    """Of minus half a squared distance, which rounding may leave above 0."""
    return np.exp(np.minimum(power, 0, out=power), out=power)


GAUSSIAN = Kernel(lambda d: 1 / SIGMA**2, _terms, _exp)
