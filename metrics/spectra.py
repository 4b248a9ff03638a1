"""Eigenvalues of symmetric matrices, by LAPACK."""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import lapack

from metrics.rows import Floats

BLOCK = 32
"""How many columns LAPACK reduces at a time, given room for them."""


def eigenvalues(lower: Floats) -> Floats:
    """Return the eigenvalues, ascending, of a symmetric matrix given by its lower triangle.

    A matrix in column-major order is overwritten. By reduction to a tridiagonal matrix and the
    root-free QL iteration, so the small eigenvalues of a matrix graded downwards are kept (Demmel &
    Veselić 1992).

    >>> eigenvalues(np.asfortranarray([[2.0, 0.0], [1.0, 2.0]])).round(9).tolist()
    [1.0, 3.0]
    """
    if len(lower) == 1:
        return np.array(lower[0])
    room = BLOCK * len(lower)
    _, diagonal, beside, _, _ = lapack.dsytrd(lower, lower=1, lwork=room, overwrite_a=1)
    found, unfinished = lapack.dsterf(diagonal, beside)
    if unfinished:
        raise np.linalg.LinAlgError(f"{unfinished} of {len(lower)} eigenvalues did not converge")
    return np.asarray(found, np.float64)


def eigenvectors(lower: Floats) -> tuple[Floats, Floats]:
    """Return the eigenvalues (d,), ascending, and the eigenvectors in the columns of (d, d)."""
    values, vectors = torch.linalg.eigh(torch.from_numpy(lower), UPLO="L")
    return values.numpy(), vectors.numpy()
