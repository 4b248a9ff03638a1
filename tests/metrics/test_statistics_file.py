import os
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from metrics.errors import MetricError
from metrics.features import pool_features
from metrics.image_pools import ArrayPool
from metrics.statistics_file import has_images_too, is_statistics, load_statistics, save_statistics


@pytest.fixture
def path(tmp_path):
    return tmp_path / "statistics.npz"


def test_what_is_saved_is_read_back(path, images, pixels):
    found = pool_features(ArrayPool(images(30)), pixels)
    save_statistics(path, found)
    assert is_statistics(path)
    statistics = load_statistics(path)
    assert (statistics.n, statistics.extractor) == (30, "pixels (1; none)")
    np.testing.assert_allclose(statistics.mean, found.features.mean(axis=0), rtol=1e-6)
    expected = np.cov(found.features.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(statistics.covariance, expected, rtol=1e-12, atol=1e-15)


def test_a_published_file_tells_neither_n_nor_extractor(path):
    np.savez(path, mu=np.zeros(3, np.float32), sigma=np.eye(3, dtype=np.float32))
    statistics = load_statistics(path)
    assert (statistics.n, statistics.extractor) == (None, None)
    assert statistics.mean.dtype == statistics.covariance.dtype == np.float64


def test_images_and_other_files_are_no_statistics(path, tmp_path, images):
    np.savez(path, images=images(3))
    (tmp_path / "text").write_text("mu sigma")
    assert not any(map(is_statistics, [path, tmp_path / "text", tmp_path / "absent", tmp_path]))


LOPSIDED = np.array([[1.0, 2.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"mu": np.zeros(3), "sigma": np.eye(2)}, r"got \(3,\) and \(2, 2\)"),
        ({"mu": np.zeros((1, 2)), "sigma": np.eye(2)}, r"got \(1, 2\) and \(2, 2\)"),
        ({"mu": np.zeros(0), "sigma": np.zeros((0, 0))}, r"got \(0,\) and \(0, 0\)"),
        ({"mu": np.zeros(2, int), "sigma": np.eye(2)}, "floats, got int64 and float64"),
        ({"mu": np.array([0, np.nan]), "sigma": np.eye(2)}, "finite numbers, got NaN"),
        ({"mu": np.zeros(2), "sigma": LOPSIDED}, "a covariance as sigma"),
        ({"mu": np.zeros(2), "sigma": -np.eye(2)}, "a covariance as sigma"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "n": np.array("many")}, "cannot read"),
        ({"mu": np.zeros(2), "sigma": np.array([{}])}, "cannot read"),
        ({"mu": np.zeros(2)}, "cannot read"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 2.0], [2.0, 1.0]])}, "a covariance as sigma"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "n": np.array(0)}, "at least 2, got 0"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "n": np.array(9.5)}, r"at least 2, got 9\.5"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "n": np.array(np.inf)}, "cannot read"),
    ],
)
def test_what_is_no_mean_and_covariance_is_refused_by_name(path, arrays, words):
    np.savez(path, **arrays)
    with pytest.raises(MetricError, match=f"(?s)statistics.npz.*{words}|{words}.*statistics.npz"):
        load_statistics(path)


def test_a_file_cut_short_is_refused(path):
    np.savez(path, mu=np.zeros(50), sigma=np.eye(50))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(MetricError, match="cannot read statistics from"):
        load_statistics(path)


def test_a_file_with_one_of_the_two_is_told_what_is_missing(path):
    np.savez(path, mu=np.zeros(3))
    assert is_statistics(path)
    with pytest.raises(MetricError, match="sigma is not a file in the archive"):
        load_statistics(path)


def test_an_archive_with_a_damaged_list_is_no_statistics(path):
    np.savez(path, mu=np.zeros(3), sigma=np.eye(3))
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x00\x02"))
    assert not is_statistics(path)


@pytest.mark.parametrize("at", range(0, 1000, 50))
def test_a_damaged_file_is_refused_or_read(path, at):
    np.savez_compressed(
        path, mu=np.zeros(50), sigma=np.cov(np.random.default_rng(0).normal(size=(50, 99)))
    )
    damaged = bytearray(path.read_bytes())
    damaged[at : at + 2] = b"\xaa\x55"
    path.write_bytes(damaged)
    with suppress(MetricError):
        load_statistics(path)


def test_members_that_are_no_arrays_are_refused(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mu.npy", b"junk")
        archive.writestr("sigma.npy", b"")
    with pytest.raises(MetricError, match="NumPy's arrays"):
        load_statistics(path)


def test_a_covariance_of_fewer_images_than_features_is_one(path):
    rows = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
    np.savez(path, mu=rows.mean(axis=0), sigma=np.cov(rows, rowvar=False).astype(np.float32))
    assert load_statistics(path).covariance.shape == (40, 40)


def test_covariances_rounded_to_float32_are_made_symmetric(path):
    sigma = np.cov(np.random.default_rng(0).normal(size=(9, 3)), rowvar=False).astype(np.float32)
    sigma[0, 1] = np.nextafter(sigma[0, 1], np.float32(9))
    np.savez(path, mu=np.zeros(3), sigma=sigma)
    found = load_statistics(path).covariance
    np.testing.assert_array_equal(found, found.T)


def test_a_pipe_holds_no_statistics_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert not is_statistics(tmp_path / "pipe")


@pytest.mark.parametrize(("dtype", "images"), [(np.uint8, True), (np.float32, False)])
def test_images_beside_statistics_come_before_them(path, dtype, images):
    np.savez(path, mu=np.zeros(3), sigma=np.eye(3), arr_0=np.zeros((5, 8, 8, 3), dtype))
    assert has_images_too(path) == images
    assert is_statistics(path) != images


@pytest.mark.parametrize("names", [("mean", "cov"), ("m", "s"), ("mu_clip", "sigma_clip")])
def test_statistics_under_other_names_are_refused_with_what_they_are_called(path, names):
    np.savez(path, **dict(zip(names, (np.zeros(3), np.eye(3)), strict=True)))
    assert is_statistics(path)
    with pytest.raises(MetricError, match="mean as mu and its covariance as sigma, got") as caught:
        load_statistics(path)
    assert all(name in str(caught.value) for name in names)


def test_floats_that_are_no_statistics_are_not_taken_for_them(path):
    np.savez(path, images=np.zeros((4, 3, 3)), other=np.zeros(3))
    assert not is_statistics(path)
