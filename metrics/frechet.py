"""Fréchet distance between two sets of features, without a matrix square root."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from metrics.estimate import Estimate, jackknife_se
from metrics.moments import Moments, moments
from metrics.rows import Floats, feature_rows, require_same_dimensions

JACKKNIFE_GROUPS = 20
EPSILON = float(np.finfo(np.float64).eps)
CONDITION = 1e-12
"""Eigenvalues smaller than this share of the largest have lost the digits their roots need."""


@dataclass(frozen=True)
class FrechetDistance:
    """‖μ - μr‖² + Tr(Σ + Σr - 2 √(ΣΣr)), never negative.

    `residual` is what was cut off at zero (0, or a negative number of the size of rounding errors);
    `method` says which factorisation gave the trace of the root.
    """

    value: float
    residual: float
    method: str


@dataclass(frozen=True)
class Gaussian:
    """The normal distribution fitted to n feature vectors; Σ as a matrix, or as its rows.

    With n ≤ d the covariance is singular, and `rows`, the centred features over √(n - 1), shape
    (n, d), say the same in fewer numbers and without squaring the condition: Σ = rowsᵀ rows.
    Exactly one of `covariance` and `rows` is given.
    """

    n: int
    mean: Floats
    covariance: Floats | None = None
    rows: Floats | None = None

    @classmethod
    def of_features(cls, features: ArrayLike) -> Gaussian:
        """Fit to finite features, shape (n, d), n ≥ 2."""
        x = feature_rows(features)
        if len(x) > x.shape[1]:
            return cls.of_moments(moments(x))
        mean = x.mean(axis=0)
        return cls(len(x), mean, rows=(x - mean) / np.sqrt(len(x) - 1))

    @classmethod
    def of_moments(cls, fitted: Moments) -> Gaussian:
        """Fit to moments alone, n ≥ 2."""
        return cls(fitted.n, fitted.mean, covariance=fitted.covariance)

    @property
    def variances(self) -> Floats:
        """The diagonal of Σ, shape (d,)."""
        if self.rows is not None:
            return np.asarray((self.rows**2).sum(axis=0))
        return np.diagonal(self._matrix)

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Which columns are not constant up to rounding, shape (d,)."""
        return self.variances > (8 * EPSILON * np.abs(self.mean)) ** 2

    @cached_property
    def root(self) -> Floats:
        """A matrix of shape (d, r) with root @ rootᵀ = Σ."""
        if self.rows is not None:
            return self.rows.T
        lower = self.cholesky
        return _eigen_root(self._matrix) if lower is None else lower

    @cached_property
    def cholesky(self) -> Floats | None:
        """The lower factor of Σ, or None where Σ is singular."""
        if self.covariance is None or self.n <= len(self.mean):
            return None
        try:
            return np.asarray(np.linalg.cholesky(self.covariance), np.float64)
        except np.linalg.LinAlgError:
            return None

    def within(self, columns: NDArray[np.bool_]) -> Gaussian:
        """The same distribution of some columns only; itself if of all."""
        if columns.all():
            return self
        if self.rows is not None:
            return Gaussian(self.n, self.mean[columns], rows=self.rows[:, columns])
        return Gaussian(self.n, self.mean[columns], self._matrix[np.ix_(columns, columns)])

    @property
    def _matrix(self) -> Floats:
        if self.covariance is None:
            raise TypeError("a Gaussian needs either its covariance or its rows")
        return self.covariance


def frechet_distance(real: Gaussian, fake: Gaussian) -> FrechetDistance:
    """Return the squared 2-Wasserstein distance of two Gaussians (Dowson & Landau 1982).

    On Inception features this is the FID of Heusel et al. (2017). Both sides n ≤ d: the trace of
    the root is the sum of singular values of X1c X2cᵀ; one side: of its rows times the other's
    Cholesky factor; else Cholesky and the eigenvalues of Lᵀ Σ L. Columns constant on one side add
    nothing to it. A covariance that is singular all the same is factored by its eigenvectors; no
    jitter is added anywhere.

    >>> x = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 4.0]])
    >>> round(frechet_distance(Gaussian.of_features(x), Gaussian.of_features(x + [3, 4])).value, 9)
    25.0
    """
    require_same_dimensions(real.mean, fake.mean)
    trace_of_root, method = _trace_of_root(real, fake)
    means_apart = float(((real.mean - fake.mean) ** 2).sum())
    raw = means_apart + float(real.variances.sum() + fake.variances.sum()) - 2 * trace_of_root
    return FrechetDistance(max(raw, 0.0), min(raw, 0.0), method)


def frechet_estimate(real: ArrayLike, fake: ArrayLike) -> Estimate:
    """Return the Fréchet distance of features (n, d) with its standard error over the fakes.

    The generated images are resampled, the real ones held fixed. With both n > d the error comes
    from the delta method, otherwise from a jackknife over 20 groups of consecutive images (None
    with fewer than 3). The value is the plain one, biased upward by about 1/n: neither moves it.
    """
    reference, sample = feature_rows(real), feature_rows(fake)
    require_same_dimensions(reference, sample)
    fixed = Gaussian.of_features(reference)
    drawn = Gaussian.of_features(sample)
    value = frechet_distance(fixed, drawn).value
    if fixed.rows is None and drawn.rows is None:
        return Estimate(value, _delta_se(fixed, drawn, sample), "delta method")
    if len(sample) < 3:
        return Estimate(value, None, "none: a jackknife needs at least 3 images")
    return Estimate(value, _jackknife(fixed, sample), "jackknife over groups")


def _trace_of_root(real: Gaussian, fake: Gaussian) -> tuple[float, str]:
    columns = real.varies & fake.varies
    if not columns.any():
        return 0.0, "one side is constant"
    left, right = real.within(columns), fake.within(columns)
    if left.cholesky is not None and right.covariance is not None:
        eigenvalues = scipy.linalg.eigvalsh(left.cholesky.T @ right.covariance @ left.cholesky)
        if eigenvalues[0] > CONDITION * eigenvalues[-1]:
            return float(np.sqrt(eigenvalues).sum()), "Cholesky and eigenvalues"
    singular_values = np.linalg.svd(left.root.T @ right.root, compute_uv=False)
    return float(singular_values.sum()), "singular values"


def _eigen_root(covariance: Floats) -> Floats:
    eigenvalues, vectors = scipy.linalg.eigh(covariance)
    kept = eigenvalues > len(eigenvalues) * EPSILON * eigenvalues[-1]
    return np.asarray(vectors[:, kept] * np.sqrt(eigenvalues[kept]))


def _delta_se(real: Gaussian, fake: Gaussian, sample: Floats) -> float:
    """Standard deviation of ψ = 2 (μ - μr)·(x - μ) + (x - μ)ᵀ (I - T) (x - μ), over √n.

    T is the optimal transport map from the fakes to the reals. With Σr = R Rᵀ and Rᵀ Σ R = V Λ Vᵀ
    it is (R V) Λ^-½ (R V)ᵀ, so the quadratic form needs no inverse of Σ.
    """
    columns = real.varies & fake.varies
    deviations = sample - fake.mean
    influence = 2 * deviations @ (fake.mean - real.mean) + (deviations**2).sum(axis=1)
    if columns.any():
        influence -= _transported(
            real.within(columns), fake.within(columns), deviations[:, columns]
        )
    return float(influence.std(ddof=1) / np.sqrt(len(sample)))


def _transported(real: Gaussian, fake: Gaussian, deviations: Floats) -> Floats:
    eigenvalues, vectors = scipy.linalg.eigh(real.root.T @ fake._matrix @ real.root)
    kept = eigenvalues > CONDITION * eigenvalues[-1]
    directions = real.root @ (vectors[:, kept] * eigenvalues[kept] ** -0.25)
    return np.asarray(((deviations @ directions) ** 2).sum(axis=1))


def _jackknife(real: Gaussian, sample: Floats) -> float:
    """Groups of one size, for the bias differs with n; what is left over is never left out."""
    size = max(len(sample) // JACKKNIFE_GROUPS, 1)
    starts = range(0, len(sample) // size * size, size)[:JACKKNIFE_GROUPS]
    rest = (np.delete(sample, np.s_[at : at + size], axis=0) for at in starts)
    values = [frechet_distance(real, Gaussian.of_features(each)).value for each in rest]
    return jackknife_se(np.array(values), parts=len(sample) / size)
