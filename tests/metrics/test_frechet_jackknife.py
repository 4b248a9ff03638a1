import numpy as np
import pytest

from metrics.frechet import frechet_distance
from metrics.frechet_jackknife import distances_without_each
from metrics.gaussian import Gaussian


def normal(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d))


def one_by_one(real, sample):
    rest = (np.delete(sample, i, axis=0) for i in range(len(sample)))
    return np.array([frechet_distance(real, Gaussian.of_features(each)).value for each in rest])


def agree(real, sample):
    got = distances_without_each(real, Gaussian.of_features(sample), sample)
    expected = one_by_one(real, sample)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-3 * expected.std())


@pytest.mark.parametrize(
    ("n_real", "n", "d"),
    [
        (60, 50, 6),
        (60, 8, 7),
        (60, 7, 7),
        (5, 40, 7),
        (5, 6, 9),
        (9, 6, 20),
        (6, 9, 20),
        (40, 3, 7),
    ],
)
def test_each_distance_is_what_comes_out_without_that_image(n_real, n, d):
    real = Gaussian.of_features(normal(n_real, d, 0))
    agree(real, 0.3 + np.linspace(0.1, 3, d) * normal(n, d, 1))


@pytest.mark.parametrize("n", [5, 30])
def test_dead_columns_change_nothing(n):
    real, sample = normal(60, 6, 2), 0.5 + normal(n, 6, 3)
    real[:, 1], sample[:, 4] = 0.1, 0.2
    agree(Gaussian.of_features(real), sample)


def test_copies_among_the_fakes_are_left_out_one_at_a_time():
    agree(Gaussian.of_features(normal(60, 5, 4)), np.repeat(normal(8, 5, 5), 3, axis=0))


def test_fakes_that_are_all_one_image_are_as_far_without_any():
    real = Gaussian.of_features(normal(60, 4, 6))
    sample = np.tile([[1.0, 2.0, 3.0, 4.0]], (10, 1))
    got = distances_without_each(real, Gaussian.of_features(sample), sample)
    np.testing.assert_allclose(got, frechet_distance(real, Gaussian.of_features(sample)).value)


def test_an_image_that_is_alone_in_a_faint_direction_moves_no_distance_far():
    """Its share in eigenvectors of tiny eigenvalues comes out above all that there is."""
    draws = np.random.default_rng(0)
    turn = np.linalg.qr(draws.normal(size=(12, 12)))[0]
    real, sample = draws.normal(size=(60, 12)), 0.3 + draws.normal(size=(40, 12))
    real[:, -1] *= 1e-3
    sample[:, -1] = 0
    sample[7, -1] = 5e-3
    real, sample = Gaussian.of_features(real @ turn), sample @ turn
    got = distances_without_each(real, Gaussian.of_features(sample), sample)
    expected = one_by_one(real, sample)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-2 * expected.std())
