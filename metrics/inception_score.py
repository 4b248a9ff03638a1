"""Inception score: how sure and how varied a classifier finds the images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from metrics.errors import MetricError
from metrics.estimate import Estimate, Published
from metrics.rows import CHUNK_ROWS, Floats, Rows, blocks, feature_rows

SUM_TOLERANCE = 1e-3

FEW = 0.1
"""A correction of the logarithm by more leaves the score below the truth by more than its error."""


def inception_score(probabilities: ArrayLike, *, splits: int = 10, seed: int = 0) -> Estimate:
    """Return the inception score exp(E KL(p(y|x) ‖ p(y))) of Salimans et al. (2016).

    `probabilities` has shape (n, classes), rows summing to 1, and is read twice, a chunk at a
    time. The value is that of the whole set times exp(Σ Var(p_y) / (2 n q_y)), q the mean of p,
    which takes out the bias of order 1/n of a mean estimated from the same images; standard error
    IS · sd(KL) / √n (delta method). `published` is the mean and the standard deviation (divisor
    `splits`) over the splits of the shuffled set, every image used, as torch-fidelity 0.4.0 does
    it: its spread is no standard error, and it falls with smaller splits. It is None with fewer
    images than splits. Where images are so few for the classes they show that the correction is of
    a tenth or more, its next orders count too: `note` says so.

    Raises MetricError for splits < 1 and rows that are no distributions, TooFewImages for n < 2.

    >>> inception_score(np.eye(4)[[0, 1, 2, 3] * 25], splits=1).published.value
    4.0
    """
    p = feature_rows(probabilities)
    if splits < 1:
        raise MetricError(f"the inception score needs at least 1 split, got {splits}")
    n = len(p)
    sums = _sums(p, _split_of_each(n, splits, seed), splits)
    divergences = sums.entropies - _cross_entropies(p, sums.by_split.sum(axis=0) / n)
    value = float(np.exp(divergences.mean() + sums.bias))
    se = float(value * divergences.std(ddof=1) / np.sqrt(n))
    published = sums.published(seed) if n >= splits else None
    return Estimate(value, se, "delta method", published, _caution(n, sums.bias), n - 1)


def _caution(n: int, bias: float) -> str:
    if bias <= FEW:
        return ""
    return (
        f"n = {n:,} images are few for the classes that they show: too low, though raised by "
        f"{np.expm1(bias):.0%} for that, which the interval does not know; compare at equal n only"
    )


@dataclass(frozen=True)
class _Sums:
    """What one reading of the probabilities adds up to.

    `entropies` (n,) are Σ p log p of each image, `split` (n,) is where it belongs, `by_split`
    (splits, classes) the sums of p, `variances` (classes,) those of p over all images.
    """

    entropies: Floats
    split: NDArray[np.intp]
    by_split: Floats
    variances: Floats

    @property
    def bias(self) -> float:
        """How far the mean divergence is too small, to order 1/n."""
        n = len(self.entropies)
        q = self.by_split.sum(axis=0) / n
        seen = q > 0
        return float((self.variances[seen] / q[seen]).sum() / (2 * n))

    def published(self, seed: int) -> Published:
        """Return the mean and spread over splits, of which KL is Σ p log p less that of the mean."""
        splits = len(self.by_split)
        sizes = np.bincount(self.split, minlength=splits)
        means = np.bincount(self.split, self.entropies) / sizes
        q = self.by_split / sizes[:, None]
        scores = np.exp(means - xlogy(q, q).sum(axis=1))
        return Published(float(scores.mean()), float(scores.std()), f"{splits} splits, seed {seed}")


def _split_of_each(n: int, splits: int, seed: int) -> NDArray[np.intp]:
    """Return which split each image is in: stretches of the shuffled set, as even as can be."""
    ends = np.arange(1, splits + 1) * n // splits
    split = np.empty(n, np.intp)
    split[np.random.RandomState(seed).permutation(n)] = np.searchsorted(
        ends, np.arange(n), side="right"
    )
    return split


def _sums(p: Rows, split: NDArray[np.intp], splits: int) -> _Sums:
    first = p[0].astype(np.float64)
    entropies = np.empty(len(p))
    by_split, squares = np.zeros((splits, p.shape[1])), np.zeros(p.shape[1])
    for part in blocks(len(p), CHUNK_ROWS):
        chunk = p[part].astype(np.float64)
        _require_distributions(chunk)
        entropies[part] = xlogy(chunk, chunk).sum(axis=1)
        by_split += (split[part] == np.arange(splits)[:, None]).astype(np.float64) @ chunk
        squares += ((chunk - first) ** 2).sum(axis=0)
    n = len(p)
    shift = by_split.sum(axis=0) / n - first
    return _Sums(entropies, split, by_split, (squares - n * shift**2) / (n - 1))


def _require_distributions(p: Floats) -> None:
    if (p < 0).any() or (np.abs(p.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        raise MetricError("the inception score needs rows of probabilities that sum to 1")


def _cross_entropies(p: Rows, q: Floats) -> Floats:
    """Return Σ p log q of each row, shape (n,)."""
    logs = np.log(np.where(q > 0, q, 1))
    return np.concatenate([p[part] @ logs for part in blocks(len(p), CHUNK_ROWS)])
