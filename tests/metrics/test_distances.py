import numpy as np
import pytest

from metrics import distances as module
from metrics.distances import nearest
from metrics.errors import MetricError, NotFinite, TooFewImages


def all_pairs(x, y, k, same=False):
    """The definition: every distance in float64, sorted, ties by index."""
    apart = x.astype(float)[:, None] - y.astype(float)
    squares = (apart**2).sum(axis=2)
    if same:
        np.fill_diagonal(squares, np.inf)
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    return np.sqrt(np.take_along_axis(squares, order, axis=1)), order


def normal(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


SHAPES = {
    "spread out": lambda x: x,
    "full of ties": np.round,
    "far from the origin": lambda x: 1e-3 * x + 1000,
    "copies": lambda x: np.tile(x[: len(x) // 4], (5, 1))[: len(x)],
    "one image": np.zeros_like,
    "an outlier": lambda x: np.where(np.arange(len(x))[:, None] == 3, 1e6, x),
}


@pytest.mark.parametrize("block", [16, 2048])
@pytest.mark.parametrize("d", [1, 12])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_neighbours_are_those_of_all_pairs(shape, d, block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", block)
    x, y = shape(normal(50, d, 0)), shape(normal(66, d, 1))
    for got, expected in (
        (nearest(x, y, 4), all_pairs(x, y, 4)),
        (nearest(y, y, 4, same=True), all_pairs(y, y, 4, same=True)),
    ):
        np.testing.assert_allclose(got[0], expected[0], rtol=1e-14, atol=0)
        np.testing.assert_array_equal(got[1], expected[1])


def test_a_copy_is_at_exactly_zero_however_far_out():
    x = normal(40, 300, 2) + 1e4
    distances, indices = nearest(x[7:9], x, 2)
    assert distances[:, 0].tolist() == [0.0, 0.0]
    assert indices[:, 0].tolist() == [7, 8]


def test_sums_of_small_differences_between_large_numbers_are_exact():
    x = np.array([[1e8], [1e8 + 8], [1e8 + 24]], np.float32)
    assert nearest(x, x, 2, same=True)[0].tolist() == [[8.0, 24.0], [8.0, 16.0], [16.0, 24.0]]


def test_all_others_may_be_asked_for_and_no_more():
    x = normal(5, 2, 3)
    assert nearest(x, x, 4, same=True)[1].shape == (5, 4)
    with pytest.raises(TooFewImages, match="5 nearest neighbours need 5 other images, got 4"):
        nearest(x, x, 5, same=True)
    with pytest.raises(TooFewImages, match="6 nearest neighbours need 6 other images, got 5"):
        nearest(x, x, 6)


def test_refusals_are_named():
    x = normal(5, 2, 4)
    with pytest.raises(MetricError, match="at least 1, got 0"):
        nearest(x, x, 0)
    with pytest.raises(MetricError, match="same dimensions"):
        nearest(x, x[:, :1], 1)
    with pytest.raises(NotFinite, match="first in image 0"):
        nearest(x, np.full((5, 2), np.nan), 1)
