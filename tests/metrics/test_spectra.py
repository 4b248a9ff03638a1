import numpy as np
import pytest

from metrics.spectra import by_mkl, by_openblas, eigenvalues, eigenvectors, singular_values

either = pytest.mark.parametrize("values", [by_mkl, by_openblas])


def symmetric(n, seed=0):
    half = np.random.default_rng(seed).normal(size=(n, n))
    return np.asfortranarray(half + half.T)


def test_the_faster_of_both_is_taken():
    np.testing.assert_allclose(eigenvalues(symmetric(5)), by_mkl(symmetric(5)), atol=1e-12)


@either
@pytest.mark.parametrize("n", [1, 2, 3, 31, 33, 200])
def test_eigenvalues_are_those_of_numpy(values, n):
    known = np.linalg.eigvalsh(symmetric(n))
    np.testing.assert_allclose(values(symmetric(n)), known, atol=1e-12 * n)


@either
@pytest.mark.parametrize("order", ["C", "F"])
def test_only_the_lower_triangle_is_read(values, order):
    lower = np.array(np.tril(symmetric(9)) + np.triu(np.full((9, 9), 7.0), 1), order=order)
    known = np.linalg.eigvalsh(symmetric(9))
    np.testing.assert_allclose(values(lower.copy(order)), known, atol=1e-13)
    np.testing.assert_allclose(eigenvectors(lower)[0], known, atol=1e-13)


@either
def test_the_small_eigenvalues_of_a_graded_matrix_keep_their_digits(values):
    """D B D, with D falling over twelve decades and B near the identity, as 80-bit arithmetic has it."""
    sizes = 10.0 ** -np.arange(0, 13)
    base = np.eye(13) + 0.01 * symmetric(13)
    found = values(np.asfortranarray(sizes[:, None] * base * sizes))
    assert found.min() > 0
    product = np.prod(found.astype(np.longdouble))
    known = np.linalg.det(base) * np.prod(sizes.astype(np.longdouble) ** 2)
    assert float(product / known) == pytest.approx(1, rel=1e-12)


def test_singular_values_are_those_of_numpy():
    matrix = np.random.default_rng(1).normal(size=(7, 4))
    known = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(singular_values(matrix), known, rtol=1e-12)
