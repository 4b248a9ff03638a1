import numpy as np
import pytest

from metrics.errors import ImageMismatch, MetricError, NotFinite
from metrics.extractors.base import Features
from metrics.features import READ_IMAGES, ArrayPool, FeatureCache, pool_features
from pools import store


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "features")


def test_an_array_is_hashed_as_the_pool_that_holds_it(tmp_path, images):
    array = images(5)
    pool = store.create(tmp_path / "pool", count=5, resolution_px=8, channels=1)
    pool.write(0, array)
    assert ArrayPool(array).content_hash() == pool.content_hash()


def test_progress_counts_up_to_all_images(images, pixels):
    calls = []
    n = 2 * READ_IMAGES + 3
    got = pool_features(ArrayPool(images(n)), pixels, progress=lambda *each: calls.append(each))
    assert calls == [(READ_IMAGES, n), (2 * READ_IMAGES, n), (n, n)]
    assert len(got) == n


def test_equal_pixels_are_extracted_once(images, pixels, cache):
    first = pool_features(ArrayPool(images(9)), pixels, cache=cache)
    calls = []
    again = pool_features(
        ArrayPool(images(9)), pixels, cache=cache, progress=lambda *each: calls.append(each)
    )
    assert pixels.passes == 1
    assert calls == [(9, 9)]
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.probabilities, again.probabilities)


@pytest.mark.parametrize("part", ["name", "version", "resize"])
def test_another_extractor_never_gets_these_features(part, images, pixels, cache):
    pool_features(ArrayPool(images(9)), pixels, cache=cache)
    setattr(pixels, part, "another")
    assert cache.get(ArrayPool(images(9)).content_hash(), pixels) is None


def test_features_without_classes_are_kept_too(pixels, cache):
    cache.put("hash", pixels, Features(np.ones((3, 2), np.float32), None))
    kept = cache.get("hash", pixels)
    assert kept.features.tolist() == [[1, 1]] * 3
    assert kept.probabilities is None


@pytest.mark.parametrize("keep_bytes", [0, 3, 100])
def test_a_damaged_file_is_computed_anew(keep_bytes, images, pixels, cache):
    pool = ArrayPool(images(9))
    first = pool_features(pool, pixels, cache=cache)
    (file,) = cache.folder.iterdir()
    file.write_bytes(file.read_bytes()[:keep_bytes])
    again = pool_features(pool, pixels, cache=cache)
    assert pixels.passes == 2
    np.testing.assert_array_equal(first.features, again.features)


def test_a_write_that_fails_leaves_nothing_behind(pixels, cache, monkeypatch):
    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("no space")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="no space"):
        cache.put("hash", pixels, Features(np.ones((3, 2), np.float32), None))
    assert list(cache.folder.iterdir()) == []


def test_nan_is_named_by_its_image_and_never_kept(images, pixels, cache, monkeypatch):
    def extract(batch):
        features = np.zeros((len(batch), 2), np.float32)
        features[batch[:, 0, 0, 0] == 255] = np.nan
        return Features(features, None)

    array = images(READ_IMAGES + 9) // 2
    array[READ_IMAGES + 4, 0, 0, 0] = 255
    monkeypatch.setattr(pixels, "extract", extract)
    with pytest.raises(NotFinite, match=f"first in image {READ_IMAGES + 4}"):
        pool_features(ArrayPool(array), pixels, cache=cache)
    assert not cache.folder.exists()


def test_a_pool_that_gives_fewer_images_than_it_says_is_refused(images, pixels):
    class Short(ArrayPool):
        def batches(self, size):
            return iter([self.images[:3]])

    with pytest.raises(MetricError, match="pool of 9 images gave 3"):
        pool_features(Short(images(9)), pixels)


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 8, 8, 2), (0, 8, 8, 1)])
def test_arrays_that_are_no_images_are_refused(shape):
    with pytest.raises(ImageMismatch, match="needs uint8 images"):
        ArrayPool(np.zeros(shape, np.uint8))


def test_float_images_are_refused():
    with pytest.raises(ImageMismatch, match="got float64"):
        ArrayPool(np.zeros((2, 8, 8, 1)))
