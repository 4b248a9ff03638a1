"""Fréchet distance between two sets of features, without a matrix square root."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics.estimate import Estimate, jackknife_se
from metrics.frechet_jackknife import distances_without_each
from metrics.gaussian import EPSILON, Gaussian, graded, null_lifted
from metrics.rows import Floats, feature_rows, require_same_dimensions
from metrics.spectra import eigenvalues, singular_values

TOLERANCE = 1e-12
"""The largest error of the trace of the root, over the traces of both covariances."""


@dataclass(frozen=True)
class FrechetDistance:
    """‖μ - μr‖² + Tr(Σ + Σr - 2 √(ΣΣr)), never negative.

    `residual` is what was cut off at zero (0, or a negative number of the size of rounding errors);
    `method` says which factorisation gave the trace of the root.
    """

    value: float
    residual: float
    method: str


def frechet_distance(real: Gaussian, fake: Gaussian) -> FrechetDistance:
    """Return the squared 2-Wasserstein distance of two Gaussians (Dowson & Landau 1982).

    On Inception features this is the FID of Heusel et al. (2017). The trace of the root is the sum
    of roots of eigenvalues of Lᵀ Σ L with Σr = L Lᵀ, or of X Σr Xᵀ if one side is rows X (n ≤ d),
    with Σr = Xrᵀ Xr if both are. Columns that are constant on one side add nothing to it. Where
    eigenvalues are too small for their roots to be had from a product, the singular values of the
    product of both factors are summed; no jitter is added anywhere.

    >>> x = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 4.0]])
    >>> round(frechet_distance(Gaussian.of_features(x), Gaussian.of_features(x + [3, 4])).value, 9)
    25.0
    """
    require_same_dimensions(real.mean, fake.mean)
    traces = float(real.variances.sum() + fake.variances.sum())
    trace_of_root, method = _trace_of_root(real, fake, TOLERANCE * traces)
    raw = float(((real.mean - fake.mean) ** 2).sum()) + traces - 2 * trace_of_root
    return FrechetDistance(max(raw, 0.0), min(raw, 0.0), method)


def frechet_estimate(real: ArrayLike | Gaussian, fake: ArrayLike | Gaussian) -> Estimate:
    """Return the Fréchet distance of features (n, d), or of what was fitted to them.

    The generated images are resampled, the real ones held fixed: the standard error is the exact
    delete-one jackknife in closed form (None with fewer than 3 fakes, or with their moments
    alone). The value is the plain one, biased upward by about 1/n: the error does not know that.
    """
    reference = real if isinstance(real, Gaussian) else Gaussian.of_features(real)
    if isinstance(fake, Gaussian):
        value = frechet_distance(reference, fake).value
        return Estimate(value, None, "none: a jackknife needs the features of the images")
    sample = feature_rows(fake)
    drawn = Gaussian.of_features(sample)
    value = frechet_distance(reference, drawn).value
    if len(sample) < 3:
        return Estimate(value, None, "none: a jackknife needs at least 3 images")
    without = distances_without_each(reference, drawn, sample)
    return Estimate(value, jackknife_se(without), "jackknife", freedom=len(sample) - 1)


def _trace_of_root(real: Gaussian, fake: Gaussian, tolerance: float) -> tuple[float, str]:
    columns = real.varies & fake.varies
    if not columns.any():
        return 0.0, "one side is constant"
    left, right = real.within(columns), fake.within(columns)
    found = _by_eigenvalues(left, right, tolerance)
    if found is not None:
        return found, "eigenvalues"
    return float(singular_values(left.root.T @ right.root).sum()), "singular values"


def _by_eigenvalues(left: Gaussian, right: Gaussian, tolerance: float) -> float | None:
    """Return the trace of the root, or None if products lose too many of its digits."""
    if left.rows is not None and right.rows is not None:
        few, many = sorted((left.rows, right.rows), key=len)
        between = few @ many.T
        return _of_gram(between @ between.T, tolerance)
    if left.rows is not None:
        return _of_gram(left.rows @ right.matrix @ left.rows.T, tolerance)
    if right.rows is not None:
        return _of_gram(right.rows @ left.matrix @ right.rows.T, tolerance)
    product = graded(left, right.matrix)
    scales = np.diagonal(product).copy()
    return _sum_of_roots(eigenvalues(product), scales, tolerance)


def _of_gram(gram: Floats, tolerance: float) -> float | None:
    scales = np.diagonal(gram).copy()
    return _sum_of_roots(eigenvalues(null_lifted(gram))[:-1], scales, tolerance)


def _sum_of_roots(values: Floats, scales: Floats, tolerance: float) -> float | None:
    """Return Σ √λ, or None if rounding of entries of these scales may move it by more."""
    roots = np.sqrt(np.maximum(values, np.finfo(np.float64).tiny))
    errors = EPSILON * np.sort(scales)[-len(roots) :] / (2 * roots)
    return float(roots.sum()) if errors.sum() <= tolerance else None
