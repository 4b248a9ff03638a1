import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.errors import MetricError, NotFinite, TooFewImages
from metrics.moments import CHUNK_ROWS, merged, moments

X = np.random.default_rng(0).normal(100.0, 1.0, (300, 5))


@given(st.lists(st.integers(1, 299), max_size=12, unique=True))
def test_any_split_merges_to_the_moments_of_the_whole(cuts):
    parts = merged(moments(part) for part in np.split(X, sorted(cuts)))
    assert parts.n == 300
    np.testing.assert_allclose(parts.mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(parts.covariance, np.cov(X.T), rtol=1e-11, atol=1e-14)


def test_sets_longer_than_a_chunk_have_the_textbook_covariance():
    x = np.random.default_rng(1).normal(size=(2 * CHUNK_ROWS + 3, 4))
    np.testing.assert_allclose(moments(x).covariance, np.cov(x.T), rtol=1e-12, atol=1e-15)


def test_float32_features_are_summed_in_float64():
    x = np.full((100_000, 1), 0.1, np.float32)
    assert moments(x).mean[0] == pytest.approx(float(np.float32(0.1)), rel=1e-15)


def test_features_on_disk_are_read_a_chunk_at_a_time(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (6 * CHUNK_ROWS, 64))
    x[:] = np.random.default_rng(2).normal(size=x.shape)
    tracemalloc.start()
    fitted = moments(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * CHUNK_ROWS * 64 * 8
    np.testing.assert_allclose(fitted.covariance, np.cov(x.T.astype(float)), rtol=1e-9, atol=1e-12)


def test_one_image_has_a_mean_but_no_covariance():
    one = moments([[1.0, 2.0]])
    assert one.mean.tolist() == [1.0, 2.0]
    with pytest.raises(TooFewImages, match="at least 2 images, got 1"):
        _ = one.covariance


def test_nan_is_named_by_its_image():
    with pytest.raises(NotFinite, match="1 of 3 images, first in image 2"):
        moments([[0.0], [1.0], [np.nan]])


@pytest.mark.parametrize("features", [[1.0, 2.0], np.zeros((2, 2, 2)), np.zeros((3, 0))])
def test_features_that_are_no_table_are_refused(features):
    with pytest.raises(MetricError, match="features need shape"):
        moments(features)


def test_moments_of_different_dimensions_do_not_merge():
    with pytest.raises(MetricError, match=r"got 2 \(real\) and 3 \(fake\)"):
        moments(np.zeros((4, 2))).merge(moments(np.zeros((4, 3))))
