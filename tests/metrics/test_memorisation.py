from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from metrics.errors import MetricError, NotFinite, TooFewImages
from metrics.memorisation import c_t, memorisation

D = 16
CENTRES = 2 * np.random.default_rng(0).normal(size=(6, D))


def real(n, seed):
    """Draws from a mixture of six clusters: the truth that a generator should learn."""
    rng = np.random.default_rng(seed)
    drawn = CENTRES[rng.integers(0, 6, n)] + rng.normal(size=(n, D))
    return drawn.astype(np.float32)


def timid(n, seed=10):
    """Draws from the same clusters, but leaves out what is unusual."""
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(0, 6, n)] + 0.7 * rng.normal(size=(n, D))


def copies(train, n, noise=0.0, seed=9):
    rng = np.random.default_rng(seed)
    drawn = train[rng.integers(0, len(train), n)] + noise * rng.normal(size=(n, train.shape[1]))
    return drawn.astype(np.float32)


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


def test_a_copier_is_told_with_its_share(train, held_out):
    found = memorisation(train, held_out, copies(train, 400))
    assert found.verdict == "copies"
    assert 390 < found.copied.low < found.copied.value == found.copied.high == 400
    assert found.authenticity.value == 0
    assert found.c_t.interval()[1] < 0
    assert {match.ratio for match in found.closest} == {0.0}


def test_a_copier_with_small_noise_is_a_copier(train, held_out):
    found = memorisation(train, held_out, copies(train, 400, noise=0.1))
    assert found.verdict == "copies"
    assert found.copied.low > 380


def test_a_generator_that_copies_one_sample_in_twenty_is_told(train, held_out):
    fake = np.concatenate([real(570, seed=3), copies(train, 30, noise=0.1)])
    found = memorisation(train, held_out, fake)
    assert found.verdict == "copies"
    assert found.copied.low < 30 < found.copied.high
    assert found.c_t.interval()[1] > 0  # on the whole its samples are not too close
    assert {match.fake for match in found.closest} <= set(range(570, 600))


def test_copies_are_found_with_no_images_held_out(train):
    found = memorisation(train, None, copies(train, 200, noise=0.1))
    assert found.verdict == "copies"
    assert (found.c_t, found.closest[0].held_out) == (None, None)
    assert found.closest[0].nearest_in_train


def test_twins_in_the_training_set_hide_no_copy(train, held_out):
    twice = np.concatenate([train, train])
    found = memorisation(twice, held_out, copies(train, 400, noise=0.1))
    assert found.verdict == "copies"


def test_a_generator_that_leaves_out_the_unusual_is_close_and_no_copier(train, held_out):
    found = memorisation(train, held_out, timid(400))
    assert found.verdict == "close"
    assert found.c_t.interval()[1] < 0
    assert found.copied.low <= found.copied.expected


def test_an_under_fitted_generator_is_far_and_no_copier(train, held_out):
    found = memorisation(train, held_out, 1.5 * real(400, seed=4))
    assert found.verdict == "none"
    assert found.c_t.interval()[0] > 0
    assert found.authenticity.value > 0.9
    assert "farther from" in found.words


def test_an_honest_generator_is_accused_in_less_than_5_percent_of_cases():
    verdicts, z = [], []
    for seed in range(100):
        train, held_out, fake = (real(n, 3 * seed + i) for i, n in enumerate((250, 150, 150)))
        found = memorisation(train, held_out, fake)
        verdicts.append(found.verdict)
        z.append(found.c_t.value / found.c_t.se)
    assert verdicts.count("none") >= 94
    assert abs(np.mean(z)) < 0.3
    assert np.std(z) == pytest.approx(1, abs=0.2)


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


def test_authenticity_is_the_definition_of_alaa():
    train = np.array([[0.0], [1.0], [3.0], [10.0], [20.0], [40.0], [80.0]])
    fake = np.array([[0.5], [2.0], [-1.5], [41.0]])
    # nearest training image and its own nearest: .5 ≤ 1; 1 ≤ 1, a tie is no authenticity; 1.5 > 1;
    # 1 ≤ 20
    found = memorisation(train, None, fake)
    assert found.authenticity.value == 0.25
    assert found.authenticity.se == pytest.approx(np.sqrt(3 / 8 * 5 / 8 / 8))


def test_matches_name_the_nearest_images_and_the_ratio():
    train = np.arange(8.0)[:, None] ** 2
    found = memorisation(train, np.array([[5.0], [30.0]]), np.array([[4.5], [47.0]]))
    near, far = found.closest
    assert (near.fake, near.train, near.train_distance) == (0, 2, 0.5)
    assert (near.held_out, near.held_out_distance) == (0, 0.5)
    assert near.nearest_in_train
    assert near.ratio == pytest.approx(0.5 / 21)  # 4 to 25, its fifth after 1, 0, 9 and 16
    assert (far.fake, far.train, far.ratio) == (1, 7, pytest.approx(2 / 45))
    assert found.farthest == (far, near)


def test_a_ratio_without_surroundings_is_0_for_a_copy_and_infinite_otherwise():
    train = np.concatenate([np.zeros((7, 2)), np.full((7, 2), 9.0)])
    found = memorisation(train, None, np.array([[0.0, 0.0], [0.0, 1.0]]))
    assert [match.ratio for match in found.closest] == [0, np.inf]


def test_the_seed_draws_the_cells_and_nothing_else(train):
    held_out, fake = real(400, seed=8), real(400, seed=9)
    first, again, other = (memorisation(train, held_out, fake, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert other.c_t != first.c_t
    assert (other.copied, other.closest) == (first.copied, first.closest)


def test_words_say_the_verdict_with_its_figures(train, held_out):
    said = memorisation(train, held_out, copies(train, 200)).words
    assert said.startswith("About 200 of 200 samples (95 % interval 196 to 200) are copies")
    said = memorisation(train, held_out, timid(200)).words
    assert said.startswith("Samples lie closer to the training images than held-out real")
    assert "C_T −" in said
    said = memorisation(train, held_out, real(200, seed=5)).words
    assert said.startswith("No sign of copying: samples are no closer to")
    said = memorisation(train, None, real(200, seed=5)).words
    assert said.endswith("cannot be said: no real images were held out to compare with.")


def test_closeness_is_not_judged_by_few_images_or_by_held_out_training_images(train, held_out):
    few = memorisation(train, held_out[:49], real(60, seed=5))
    assert (few.verdict, few.c_t) == ("unknown", None)
    assert few.unjudged.endswith("got 60 and 49")
    wrong = memorisation(train, train[:100], real(60, seed=5))
    assert wrong.verdict == "unknown"
    assert wrong.unjudged == "most held-out real images are training images"


def test_refusals_are_named(train, held_out):
    with pytest.raises(TooFewImages, match="7 training images and 2 samples, got 6 and 300"):
        memorisation(train[:6], None, held_out)
    with pytest.raises(TooFewImages, match="got 500 and 1"):
        memorisation(train, None, held_out[:1])
    with pytest.raises(TooFewImages):
        memorisation(train, held_out[:0], held_out)
    with pytest.raises(TooFewImages, match=r"more than 20 samples.* got 20, 500 and 300"):
        c_t(train, held_out, held_out[:20])
    with pytest.raises(MetricError, match="same dimensions"):
        memorisation(train, None, held_out[:, :5])
    with pytest.raises(NotFinite, match="in image 1"):
        memorisation(train, None, np.where(np.arange(3)[:, None] == 1, np.nan, train[:3]))
