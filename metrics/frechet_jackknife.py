"""The Fréchet distance without each image in turn: all n of them from one decomposition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metrics.gaussian import Gaussian, graded, null_lifted
from metrics.rows import Floats, Rows, blocks
from metrics.spectra import eigenvectors

CHUNK_ROWS = 1024

NEGLIGIBLE = 1e-14
"""Eigenvalues below this share of the largest move no distance."""

FAR = 1e5
"""How far the integral reaches below the least change that counts and above the largest root."""


def distances_without_each(real: Gaussian, fake: Gaussian, sample: Rows) -> Floats:
    """Return the Fréchet distance without each of the sample's images (n ≥ 3), shape (n,).

    `fake` is the Gaussian fitted to `sample` (n, d). Without one image the scatter of the rest
    differs by a matrix of rank one. So if S has the eigenvalues λ_k and its root the trace that is
    wanted, det(S + t) changes by the factor

        r(t) = 1 - n/(n - 1) Σ_k u_k² λ_k / (λ_k + t),

    u_k² being the image's share in eigenvector k, and Tr √S = 1/(2π) ∫ log det(1 + S/t) dt/√t by
    1/(2π) ∫ log r(t) dt/√t. The trapezoidal rule over log t converges exponentially there
    (Trefethen & Weideman 2014): each change is good to four digits, with n > d and n ≤ d alike.
    """
    n, gap = len(sample), fake.mean - real.mean
    spectrum = _spectrum(real, fake, n)
    fixed, trace = real.variances.sum() + gap @ gap, fake.variances.sum()
    distances = np.empty(n)
    for part in blocks(n, CHUNK_ROWS):
        deviations = sample[part] - fake.mean
        lengths = (deviations**2).sum(axis=1)
        means = lengths / (n - 1) ** 2 - 2 / (n - 1) * (deviations @ gap)
        traces = ((n - 1) * trace - n / (n - 1) * lengths) / (n - 2)
        roots = np.sqrt((n - 1) / (n - 2)) * spectrum.roots_without(part, deviations)
        distances[part] = fixed + means + traces - 2 * roots
    return distances


@dataclass(frozen=True)
class _Spectrum:
    """Eigenvalues (r,) of S, and the shares of each of n images in its eigenvectors.

    `shares` takes which images they are, and their deviations, and returns them, (images, r).
    """

    n: int
    eigenvalues: Floats
    shares: Callable[[slice, Floats], Floats]

    def roots_without(self, part: slice, deviations: Floats) -> Floats:
        """Return the trace of the root without each of some images, times what n - 1 is over."""
        if not len(self.eigenvalues):
            return np.zeros(len(deviations))
        trace = np.sqrt(self.eigenvalues).sum()
        t = self._nodes(trace)
        shares = self.n / (self.n - 1) * self.shares(part, deviations)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)  # rounding may make them more
        weights = t / (self.eigenvalues[:, None] + t)
        factors = np.maximum(1 - shares.sum(axis=1), 0)[:, None] + shares @ weights
        return np.asarray(trace + np.log(factors) @ np.sqrt(t) / (2 * np.pi))

    def _nodes(self, trace: float) -> Floats:
        """Return where the integral is evaluated: one t a unit of log t."""
        least, largest = trace / self.n, np.sqrt(self.eigenvalues.max())
        return np.exp(np.arange(2 * np.log(least / FAR), 2 * np.log(largest * FAR)))


def _spectrum(real: Gaussian, fake: Gaussian, n: int) -> _Spectrum:
    """Decompose, in the smaller space, without the columns that are constant on one side."""
    columns = real.varies & fake.varies
    if not columns.any():
        return _Spectrum(n, np.zeros(0), lambda part, _: np.zeros((part.stop - part.start, 0)))
    left, right = real.within(columns), fake.within(columns)
    if right.rows is not None:
        roots = right.rows @ left.root
        eigenvalues, vectors = eigenvectors(null_lifted(roots @ roots.T))
        eigenvalues, vectors = _telling(eigenvalues[:-1], vectors[:, :-1])
        squares = vectors**2
        return _Spectrum(n, eigenvalues, lambda part, _: squares[part])
    rows = left.rows
    product = graded(left, right.matrix) if rows is None else rows @ right.matrix @ rows.T
    eigenvalues, vectors = _telling(*eigenvectors(product))
    directions = left.root @ (vectors / np.sqrt((n - 1) * eigenvalues))
    return _Spectrum(n, eigenvalues, lambda _, apart: (apart[:, columns] @ directions) ** 2)


def _telling(eigenvalues: Floats, vectors: Floats) -> tuple[Floats, Floats]:
    kept = eigenvalues > NEGLIGIBLE * np.abs(eigenvalues).max(initial=0)
    return eigenvalues[kept], vectors[:, kept]
