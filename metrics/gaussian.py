"""The normal distribution fitted to features, in the form its Fréchet distances want."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack

from metrics.moments import Moments, row_moments
from metrics.rows import Floats, Rows, feature_rows

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Gaussian:
    """A mean and a covariance Σ, the latter as a matrix or as its rows.

    With n ≤ d the covariance is singular, and `rows`, the centred features over √(n - 1), shape
    (n, d), say the same in fewer numbers and without squaring the condition: Σ = rowsᵀ rows.
    Exactly one of `covariance` and `rows` is given; `n` is None where nobody knows it. Factors are
    kept, so a reference is best made once.
    """

    n: int | None
    mean: Floats
    covariance: Floats | None = None
    rows: Floats | None = None

    @classmethod
    def of_features(cls, features: ArrayLike) -> Gaussian:
        """Fit to finite features, shape (n, d), n ≥ 2."""
        return cls.of_rows(feature_rows(features))

    @classmethod
    def of_rows(cls, rows: Rows, only: NDArray[np.intp] | None = None) -> Gaussian:
        """Fit to rows that are known to be finite, or to those with some indices."""
        n = len(rows) if only is None else len(only)
        if n > rows.shape[1]:
            return cls.of_moments(row_moments(rows, only))
        chosen = rows if only is None else rows[only]
        mean = chosen.mean(axis=0, dtype=np.float64)
        return cls(n, mean, rows=(chosen - mean) / np.sqrt(n - 1))

    @classmethod
    def of_moments(cls, fitted: Moments) -> Gaussian:
        """Fit to moments alone, n ≥ 2."""
        return cls(fitted.n, fitted.mean, covariance=fitted.covariance)

    @cached_property
    def variances(self) -> Floats:
        """The diagonal of Σ, shape (d,)."""
        if self.rows is not None:
            return np.asarray((self.rows**2).sum(axis=0))
        return np.diagonal(self.matrix)

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Which columns are not constant up to rounding, shape (d,)."""
        return self.variances > (8 * EPSILON * np.abs(self.mean)) ** 2

    @property
    def matrix(self) -> Floats:
        """Σ, where it is there as a matrix."""
        if self.covariance is None:
            raise TypeError("a Gaussian needs either its covariance or its rows")
        return self.covariance

    @cached_property
    def pivoted(self) -> tuple[Floats, NDArray[np.intp]]:
        """L (d, rank) and an order of the columns such that Σ[order][:, order] = L Lᵀ.

        L is lower triangular, what is above its diagonal is left undefined, and it falls from
        column to column: pivots come by size, and end where what is left is rounding. So products
        with it are graded, and their small eigenvalues are as exact as their large ones (Demmel &
        Veselić 1992).
        """
        factor, order, rank, _ = lapack.dpstrf(self.matrix.T, lower=1)  # column-major
        return factor[:, :rank], np.asarray(order - 1, np.intp)

    @cached_property
    def root(self) -> Floats:
        """R of shape (d, rank) with R Rᵀ = Σ."""
        if self.rows is not None:
            return self.rows.T
        factor, order = self.pivoted
        return np.tril(factor)[np.argsort(order)]

    def within(self, columns: NDArray[np.bool_]) -> Gaussian:
        """The same distribution of some columns only; itself if of all."""
        if columns.all():
            return self
        if self.rows is not None:
            return Gaussian(self.n, self.mean[columns], rows=self.rows[:, columns])
        return Gaussian(self.n, self.mean[columns], self.matrix[np.ix_(columns, columns)])


def graded(real: Gaussian, covariance: Floats) -> Floats:
    """Return Lᵀ Σ L in its lower triangle, with Σr = L Lᵀ, the columns of L falling in size.

    Its eigenvalues are those of ΣΣr; what is above the diagonal is left undefined.
    """
    factor, order = real.pivoted
    if factor.shape[1] < len(factor):
        return np.asarray(real.root.T @ covariance @ real.root, np.float64)
    ordered = covariance[np.ix_(order, order)]
    product, _ = lapack.dsygst(ordered.T, factor, itype=2, lower=1, overwrite_a=1)
    return np.asarray(product, np.float64)


def null_lifted(gram: Floats) -> Floats:
    """Return the Gram matrix (n, n) of centred rows with its null eigenvalue made the largest.

    That of the vector of ones, which rounding would leave at anything near 0.
    """
    return np.asarray(gram + 2 * np.trace(gram) / len(gram))
