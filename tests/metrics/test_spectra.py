import numpy as np
import pytest

from metrics.spectra import eigenvalues, eigenvectors


def symmetric(n, seed=0):
    half = np.random.default_rng(seed).normal(size=(n, n))
    return np.asfortranarray(half + half.T)


@pytest.mark.parametrize("n", [1, 2, 3, 31, 33, 200])
def test_eigenvalues_are_those_of_numpy(n):
    known = np.linalg.eigvalsh(symmetric(n))
    np.testing.assert_allclose(eigenvalues(symmetric(n)), known, atol=1e-12 * n)


@pytest.mark.parametrize("order", ["C", "F"])
def test_only_the_lower_triangle_is_read(order):
    lower = np.array(np.tril(symmetric(9)) + np.triu(np.full((9, 9), 7.0), 1), order=order)
    known = np.linalg.eigvalsh(symmetric(9))
    np.testing.assert_allclose(eigenvalues(lower.copy(order)), known, atol=1e-13)
    np.testing.assert_allclose(eigenvectors(lower)[0], known, atol=1e-13)


def test_the_small_eigenvalues_of_a_graded_matrix_keep_their_digits():
    """D B D, with D falling over twelve decades and B near the identity, as 80-bit arithmetic has it."""
    sizes = 10.0 ** -np.arange(0, 13)
    base = np.eye(13) + 0.01 * symmetric(13)
    found = eigenvalues(np.asfortranarray(sizes[:, None] * base * sizes))
    assert found.min() > 0
    product = np.prod(found.astype(np.longdouble))
    known = np.linalg.det(base) * np.prod(sizes.astype(np.longdouble) ** 2)
    assert float(product / known) == pytest.approx(1, rel=1e-12)
