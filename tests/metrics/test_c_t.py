from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from metrics.c_t import c_t
from metrics.errors import TooFewImages

D = 16


def real(n, seed):
    """Draws from a mixture of six clusters."""
    centres = 2 * np.random.default_rng(0).normal(size=(6, D))
    rng = np.random.default_rng(seed)
    return (centres[rng.integers(0, 6, n)] + rng.normal(size=(n, D))).astype(np.float32)


@pytest.fixture(scope="module")
def train():
    return real(500, seed=1)


@pytest.fixture(scope="module")
def held_out():
    return real(300, seed=2)


def z_of(train, held_out, fake):
    """As in the code of Meehan et al.: distances, SciPy's U, their continuity correction."""

    def distances(x):
        gaps = x[:, None].astype(np.float64) - train.astype(np.float64)
        return np.sqrt((gaps**2).sum(axis=2)).min(axis=1)

    m, n = len(fake), len(held_out)
    u = mannwhitneyu(distances(fake), distances(held_out), alternative="less").statistic
    return (u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12)


def test_c_t_in_one_cell_is_the_z_of_the_authors(train, held_out):
    fake = real(150, seed=5)
    estimate = c_t(train, held_out, fake)
    assert estimate.value == pytest.approx(z_of(train, held_out, fake), rel=1e-12)
    assert estimate.se == 1


def test_c_t_is_the_mean_over_cells_weighted_by_held_out_images():
    rng = np.random.default_rng(6)

    def draw(*counts):
        return np.concatenate([rng.normal(100 * i, 1, (n, 4)) for i, n in enumerate(counts)])

    sets = draw(200, 100), draw(300, 120), draw(100, 380)
    limits = (-50, 50, 150)
    z = [
        z_of(*(x[(x[:, 0] > low) & (x[:, 0] < high)] for x in sets))
        for low, high in pairwise(limits)
    ]
    estimate = c_t(*sets)
    weights = np.array([300, 120]) / 420
    assert estimate.value == pytest.approx(weights @ z, rel=1e-9)
    assert estimate.se == pytest.approx(np.sqrt(weights @ weights))


def test_cells_with_too_few_samples_are_left_out():
    rng = np.random.default_rng(7)
    here, there = (lambda n: rng.normal(0, 1, (n, 4))), (lambda n: rng.normal(100, 1, (n, 4)))
    train = np.concatenate([here(200), there(200)])
    held_out = np.concatenate([here(250), there(250)])
    fake = np.concatenate([here(480), there(20)])
    in_cell = z_of(train[:200], held_out[:250], fake[:480])
    assert c_t(train, held_out, fake).value == pytest.approx(in_cell, rel=1e-9)


def test_too_few_samples_are_refused(train, held_out):
    with pytest.raises(TooFewImages, match=r"more than 20 samples.* got 20, 500 and 300"):
        c_t(train, held_out, held_out[:20])
