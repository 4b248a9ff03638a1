from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from metrics.diversity import diversity
from metrics.errors import ImageMismatch, MetricError, TooFewImages


class Watched:
    """An extractor of two stages: the pixels as channels, and 2 × 2 positions of 3 channels."""

    name = "watched"

    def activations(self, images):
        flat = images.reshape(len(images), -1).astype(np.float32)
        return [flat[:, :, None, None], flat[:, :12].reshape(-1, 3, 2, 2)]


def as_images(vectors):
    return np.asarray(vectors, np.uint8)[:, None, :, None]


def distance(a, b):
    """The definition, position by position."""
    means = []
    for x, y in zip(*(Watched().activations(each[None]) for each in (a, b)), strict=True):
        squares = []
        for position in np.ndindex(x.shape[2:]):
            u, v = (each[0][(slice(None), *position)].astype(float) for each in (x, y))
            squares.append(((u / np.linalg.norm(u) - v / np.linalg.norm(v)) ** 2).sum())
        means.append(np.mean(squares))
    return np.mean(means)


def drawn(n, seed, size=4):
    return np.random.default_rng(seed).integers(1, 256, (n, size, size, 1), dtype=np.uint8)


def test_two_images_have_the_distance_of_the_definition():
    images = drawn(2, 0)
    estimate = diversity(images, Watched())
    assert estimate.value == pytest.approx(distance(*images), rel=1e-6)
    assert estimate.se is None


def test_the_pairs_are_neighbours_in_a_drawn_order():
    images = drawn(40, 1)
    order = np.random.default_rng(5).permutation(40)
    pairs = [distance(images[a], images[b]) for a, b in pairwise(order)]
    assert diversity(images, Watched(), seed=5).value == pytest.approx(np.mean(pairs), rel=1e-6)
    few = diversity(images, Watched(), pairs=17, seed=5)
    assert few.value == pytest.approx(np.mean(pairs[:17]), rel=1e-6)
    assert few.method == "17 pairs, each image in two"


def test_equal_images_are_at_0_and_opposite_ones_at_2():
    assert diversity(np.full((9, 4, 4, 1), 7, np.uint8), Watched()).value == 0
    apart = SimpleNamespace(activations=lambda x: [np.eye(2, dtype=np.float32)[:, :, None, None]])
    one_of_two = SimpleNamespace(
        activations=lambda x: [apart.activations(x)[0][(x[:, 0, 0, 0] > 0).astype(int)]]
    )
    assert diversity(as_images([[0], [9]]), one_of_two).value == pytest.approx(2)


def test_positions_without_activation_are_equal():
    assert diversity(np.zeros((3, 4, 4, 1), np.uint8), Watched()).value == 0


def test_the_error_is_the_spread_over_fresh_pools():
    rng = np.random.default_rng(2)

    def pool():
        """A few images are far from the rest, so pairs that share one are much alike."""
        values = rng.integers(90, 110, (60, 4, 4, 1))
        values[:, :, :2] += np.where(rng.random(60) < 0.15, 140, 0)[:, None, None, None]
        return values.astype(np.uint8)

    estimates = [diversity(pool(), Watched(), seed=i) for i in range(300)]
    spread = np.std([each.value for each in estimates], ddof=1)
    assert np.mean([each.se for each in estimates]) == pytest.approx(spread, rel=0.15)


def test_a_collapsed_pool_is_less_diverse(lite0):
    rng = np.random.default_rng(3)
    varied = np.kron(rng.integers(0, 256, (24, 4, 4, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    collapsed = varied[rng.integers(0, 2, 24)] // 2 + rng.integers(0, 9, varied.shape, np.uint8)
    low = diversity(collapsed, lite0).interval()
    high = diversity(varied, lite0).interval()
    assert 0 < low[1] < high[0] < 2


def test_refusals_are_named():
    images = drawn(3, 4)
    with pytest.raises(MetricError, match="an extractor with activations, pixels has none"):
        diversity(images, SimpleNamespace(name="pixels"))
    with pytest.raises(MetricError, match="at least 1 pair, got 0"):
        diversity(images, Watched(), pairs=0)
    with pytest.raises(TooFewImages, match="at least 2 images, got 1"):
        diversity(images[:1], Watched())
    with pytest.raises(ImageMismatch, match="uint8"):
        diversity(images.astype(float), Watched())
