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


def two_kinds(near, far, seed):
    """Rows of a class that lies close together and of one that does not, and their classes."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat([0, 1], [near, far])
    spread = np.where(kinds, 3.0, 1.0)[:, None]
    return 30 * kinds[:, None] + spread * rng.normal(size=(len(kinds), 4)), kinds


def test_classes_in_other_proportions_make_no_difference_within_classes():
    train, _ = two_kinds(300, 300, 1)
    within, across = [], []
    for seed in range(2, 42, 2):
        (held_out, of_reals), (fake, of_samples) = (
            two_kinds(90, 90, seed),
            two_kinds(140, 40, seed + 1),
        )
        across.append(c_t(train, held_out, fake).value)
        within.append(c_t(train, held_out, fake, classes=(of_reals, of_samples)).value)
    assert np.mean(across) < -4
    assert abs(np.mean(within)) < 1
    assert 0.5 < np.std(within) < 1.5


def test_copies_are_seen_within_classes_where_other_proportions_hide_them():
    (train, _), (held_out, of_reals) = two_kinds(300, 300, 1), two_kinds(90, 90, 2)
    new, of_samples = two_kinds(30, 150, 3)
    fake = np.where(np.arange(180)[:, None] % 4 == 0, train[np.arange(180) + 270], new)
    assert c_t(train, held_out, fake).interval()[1] > 0
    found = c_t(train, held_out, fake, classes=(of_reals, of_samples))
    assert found.interval()[1] < 0
    assert found.se == 1


def test_within_one_class_c_t_is_that_of_the_authors(train, held_out):
    fake = real(150, seed=5)
    one = np.zeros(300, int), np.zeros(150, int)
    assert c_t(train, held_out, fake, classes=one).value == c_t(train, held_out, fake).value


def test_images_of_a_class_that_the_other_set_lacks_do_not_count(train, held_out):
    fake = real(150, seed=5)
    classes = np.repeat([0, 1], [100, 200]), np.repeat([0, 2], [90, 60])
    found = c_t(train, held_out, fake, classes=classes)
    assert found.value == pytest.approx(z_of(train, held_out[:100], fake[:90]), rel=1e-12)
    with pytest.raises(TooFewImages):
        c_t(train, held_out, fake, classes=(np.zeros(300, int), np.ones(150, int)))
