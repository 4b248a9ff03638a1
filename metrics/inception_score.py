"""Inception score: how sure and how varied a classifier finds the images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from metrics.errors import MetricError
from metrics.estimate import Estimate, Published
from metrics.rows import Floats, feature_rows

SUM_TOLERANCE = 1e-3


def inception_score(probabilities: ArrayLike, *, splits: int = 10, seed: int = 0) -> Estimate:
    """Return the inception score exp(E KL(p(y|x) ‖ p(y))) of Salimans et al. (2016).

    `probabilities` has shape (n, classes), rows summing to 1. The value is that of the whole set
    times exp(Σ Var(p_y) / (2 n q_y)), q the mean of p, which takes out the bias of order 1/n of a
    mean estimated from the same images; standard error IS · sd(KL) / √n (delta method).
    `published` is the mean and the standard deviation (divisor `splits`) over the splits of the
    shuffled set, every image used, as torch-fidelity 0.4.0 does it: its spread is no standard
    error, and it falls with smaller splits. It is None with fewer images than splits.

    Raises MetricError for splits < 1 and rows that are no distributions, TooFewImages for n < 2.

    >>> inception_score(np.eye(4)[[0, 1, 2, 3] * 25], splits=1).published.value
    4.0
    """
    p = _distributions(probabilities)
    if splits < 1:
        raise MetricError(f"the inception score needs at least 1 split, got {splits}")
    divergences = _divergences(p)
    value = float(np.exp(divergences.mean() + _bias(p)))
    se = float(value * divergences.std(ddof=1) / np.sqrt(len(p)))
    published = _over_splits(p, splits, seed) if len(p) >= splits else None
    return Estimate(value, se, "delta method", published)


def _distributions(probabilities: ArrayLike) -> Floats:
    p = feature_rows(probabilities)
    if (p < 0).any() or (abs(p.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        raise MetricError("the inception score needs rows of probabilities that sum to 1")
    return p


def _divergences(p: Floats) -> Floats:
    """Return KL(p ‖ q) of each row, shape (n,), q the mean of the rows given."""
    q = p.mean(axis=0)
    seen = q > 0
    return np.asarray((xlogy(p, p).sum(axis=1)) - p[:, seen] @ np.log(q[seen]))


def _bias(p: Floats) -> float:
    q = p.mean(axis=0)
    seen = q > 0
    return float((p.var(axis=0, ddof=1)[seen] / q[seen]).sum() / (2 * len(p)))


def _over_splits(p: Floats, splits: int, seed: int) -> Published:
    n = len(p)
    shuffled = p[np.random.RandomState(seed).permutation(n)]
    parts = (shuffled[i * n // splits : (i + 1) * n // splits] for i in range(splits))
    scores = np.array([np.exp(_divergences(part).mean()) for part in parts])
    return Published(float(scores.mean()), float(scores.std()), f"{splits} splits, seed {seed}")
