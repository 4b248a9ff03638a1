import os
import signal
import time
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from metrics.checksum import SMALL_BYTES, checksum
from metrics.errors import ImageMismatch, MetricError, NotFinite, WorkerDied
from metrics.extractors.base import Features
from metrics.features import READ_IMAGES, FeatureCache, extract_range, features_of, pool_features
from metrics.image_pools import ArrayPool, digests
from pools import store


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "features")


def same(a, b):
    for name in ("features", "probabilities", "digests", "order"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    return True


def files(cache):
    return sorted(path for path in cache.folder.rglob("*") if path.is_file())


def test_an_array_is_hashed_as_the_pool_that_holds_it(tmp_path, images):
    array = images(5)
    pool = store.create(tmp_path / "pool", count=5, resolution_px=8, channels=1)
    pool.write(0, array)
    assert ArrayPool(array).content_hash() == pool.content_hash()


def test_rows_are_sorted_by_digest_and_know_their_image(images, pixels):
    array = images(50)
    found = pool_features(ArrayPool(array), pixels)
    assert (np.diff(found.digests.astype(object)) > 0).all()
    np.testing.assert_array_equal(found.digests, digests(array[found.order]))
    np.testing.assert_array_equal(found.features, pixels.extract(array[found.order]).features)
    np.testing.assert_array_equal(found.pixels(7), array[found.order[:7]])


def test_the_order_of_images_changes_nothing_but_their_positions(images, pixels):
    array = images(50)
    shuffled = np.random.default_rng(0).permutation(50)
    one = pool_features(ArrayPool(array), pixels)
    other = pool_features(ArrayPool(array[shuffled]), pixels)
    np.testing.assert_array_equal(one.features, other.features)
    np.testing.assert_array_equal(one.order, shuffled[other.order])


def test_equal_images_are_all_there(pixels):
    found = pool_features(ArrayPool(np.zeros((5, 8, 8, 1), np.uint8)), pixels)
    assert found.order.tolist() == [0, 1, 2, 3, 4]


def test_labels_go_with_their_images(images, pixels):
    array, labels = images(20), np.arange(20)
    found = pool_features(ArrayPool(array, labels), pixels)
    np.testing.assert_array_equal(found.labels, found.order)


def test_the_first_images_are_those_of_the_least_digests(images, pixels):
    found = pool_features(ArrayPool(images(20), np.arange(20)), pixels)
    few = found.first(6)
    assert len(few) == len(few.probabilities) == len(few.labels) == 6
    np.testing.assert_array_equal(few.features, found.features[:6])
    assert found.first(20) is found


@pytest.mark.parametrize("cuts", [[], [35], [1, 2, 3, 64, 69, 70]], ids=["1", "2", "7"])
def test_any_ranges_make_the_same_features_bit_for_bit(cuts, images, pixels, cache):
    pool = ArrayPool(images(100))
    for start, stop in reversed(list(zip([0, *cuts], [*cuts, 100], strict=True))):
        extract_range(pool, pixels, start, stop, cache)
    passes = pixels.passes
    found = pool_features(pool, pixels, cache=cache)
    assert pixels.passes == passes
    assert same(found, pool_features(pool, pixels))


def test_ranges_may_overlap_and_leave_gaps(images, pixels, cache):
    pool = ArrayPool(images(100))
    for start, stop in [(10, 40), (30, 60), (35, 45), (80, 90)]:
        extract_range(pool, pixels, start, stop, cache)
    calls = []
    found = pool_features(pool, pixels, cache=cache, progress=lambda *each: calls.append(each))
    assert calls == [(60, 100), (70, 100), (90, 100), (100, 100)]
    assert same(found, pool_features(pool, pixels))


def test_a_range_that_comes_twice_costs_nothing(images, pixels, cache):
    pool = ArrayPool(images(100))
    for _ in range(2):
        extract_range(pool, pixels, 20, 50, cache)
    assert pixels.passes == 1
    pool_features(pool, pixels, cache=cache)
    passes, kept = pixels.passes, files(cache)
    extract_range(pool, pixels, 20, 50, cache)
    assert (pixels.passes, files(cache)) == (passes, kept)


def test_a_known_content_hash_is_not_computed(images, pixels, cache, monkeypatch):
    def fail(self):
        raise AssertionError

    pool = ArrayPool(images(9))
    content_hash = pool.content_hash()
    monkeypatch.setattr(ArrayPool, "content_hash", fail)
    extract_range(pool, pixels, 0, 9, cache, content_hash=content_hash)
    pool_features(pool, pixels, cache=cache, content_hash=content_hash)
    assert pixels.passes == 1


@pytest.mark.parametrize("wrong", [(-1, 3), (3, 3), (5, 10), (9, 12)])
def test_a_range_outside_the_pool_is_refused(wrong, images, pixels, cache):
    with pytest.raises(MetricError, match=f"within 0 to 9, got {wrong[0]} to {wrong[1]}"):
        extract_range(ArrayPool(images(9)), pixels, *wrong, cache)


def test_progress_counts_up_to_all_images_of_each_pool(images, pixels):
    calls = []
    n = 2 * READ_IMAGES + 3
    pools = [ArrayPool(images(n)), ArrayPool(images(2, seed=1))]
    found = features_of(pools, pixels, progress=lambda *each: calls.append(each))
    at_first, reads = [(0, 0), (1, 0)], [(0, READ_IMAGES), (0, 2 * READ_IMAGES), (0, n), (1, 2)]
    assert calls == at_first + reads
    assert list(map(len, found)) == [n, 2]


def test_equal_pixels_are_extracted_once(images, pixels, cache):
    first = pool_features(ArrayPool(images(9)), pixels, cache=cache)
    calls = []
    again = pool_features(
        ArrayPool(images(9)), pixels, cache=cache, progress=lambda *each: calls.append(each)
    )
    assert pixels.passes == 1
    assert calls == [(9, 9)]
    assert same(first, again)


@pytest.mark.parametrize("part", ["name", "version", "resize"])
def test_another_extractor_never_gets_these_features(part, images, pixels, cache):
    pool_features(ArrayPool(images(9)), pixels, cache=cache)
    setattr(pixels, part, "another")
    pool_features(ArrayPool(images(9)), pixels, cache=cache)
    assert pixels.passes == 2


def test_features_without_classes_are_kept_too(images, pixels, cache, monkeypatch):
    monkeypatch.setattr(
        pixels, "extract", lambda batch: Features(np.ones((len(batch), 2), "f"), None)
    )
    found = pool_features(ArrayPool(images(3)), pixels, cache=cache)
    assert found.features.tolist() == [[1, 1]] * 3
    assert found.probabilities is None


@pytest.mark.parametrize("keep_bytes", [0, 3, 100])
@pytest.mark.parametrize("name", ["features", "probabilities", "digests", "order"])
def test_a_damaged_whole_is_computed_anew(keep_bytes, name, images, pixels, cache):
    pool = ArrayPool(images(9))
    first = pool_features(pool, pixels, cache=cache)
    (file,) = [path for path in files(cache) if path.stem == name]
    data = file.read_bytes()
    file.unlink()  # `first` goes on reading the file as it was
    file.write_bytes(data[:keep_bytes])
    assert same(first, pool_features(pool, pixels, cache=cache))
    assert pixels.passes == 2


@pytest.mark.parametrize("name", ["features", "probabilities", "digests", "order", "checksum"])
def test_a_whole_with_a_changed_byte_is_computed_anew(name, images, pixels, cache):
    pool = ArrayPool(images(9))
    first = pool_features(pool, pixels, cache=cache)
    (file,) = [path for path in files(cache) if path.stem == name]
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.unlink()  # `first` goes on reading the file as it was
    file.write_bytes(data)
    assert same(first, pool_features(pool, pixels, cache=cache))
    assert pixels.passes == 2


def test_a_whole_of_before_there_were_checksums_is_read(images, pixels, cache):
    first = pool_features(ArrayPool(images(9)), pixels, cache=cache)
    next(path for path in files(cache) if path.name == "checksum").unlink()
    assert same(first, pool_features(ArrayPool(images(9)), pixels, cache=cache))
    assert pixels.passes == 1


@pytest.mark.parametrize("size", [1000, SMALL_BYTES, SMALL_BYTES + 3])
def test_any_changed_byte_changes_a_checksum(tmp_path, size):
    data = bytearray(np.random.default_rng(0).bytes(size))
    found = set()
    for at in (None, 0, size // 2, size - 1):
        changed = bytearray(data)
        if at is not None:
            changed[at] ^= 1
        (tmp_path / "a").write_bytes(changed)
        found.add(checksum([tmp_path / "a"]))
    assert len(found) == 4


def test_a_damaged_part_alone_is_computed_anew(images, pixels, cache):
    pool = ArrayPool(images(90))
    for start in (0, 30, 60):
        extract_range(pool, pixels, start, start + 30, cache)
    part = files(cache)[1]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    found = pool_features(pool, pixels, cache=cache)
    assert pixels.passes == 4
    assert same(found, pool_features(pool, pixels))


def test_a_write_that_fails_leaves_nothing_behind(images, pixels, cache, monkeypatch):
    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("no space")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match=r"cannot be kept in .*no space"):
        extract_range(ArrayPool(images(9)), pixels, 0, 9, cache)
    assert files(cache) == []


def test_nothing_but_the_whole_is_kept_in_the_end(images, pixels, cache):
    pool_features(ArrayPool(images(9)), pixels, cache=cache)
    names = ["checksum", "digests.npy", "features.npy", "order.npy", "probabilities.npy"]
    assert [path.name for path in files(cache)] == names


def test_two_that_finish_at_once_leave_one_whole(images, pixels, cache):
    pool = ArrayPool(images(9))
    entry = cache.entry(pool.content_hash(), pixels)
    extract_range(pool, pixels, 0, 9, cache)
    part = next(entry.folder.rglob("*.npz"))
    data = part.read_bytes()
    first = entry.assemble(9)
    part.parent.mkdir()
    part.write_bytes(data)
    assert same(first, entry.assemble(9))
    assert len(list(entry.folder.iterdir())) == 1


def test_nan_is_named_by_its_image_and_never_kept(images, pixels, cache, monkeypatch):
    def extract(batch):
        features = np.zeros((len(batch), 2), np.float32)
        features[batch[:, 0, 0, 0] == 255] = np.nan
        return Features(features, None)

    array = images(READ_IMAGES + 9) // 2
    array[READ_IMAGES + 4, 0, 0, 0] = 255
    pool = ArrayPool(array)
    monkeypatch.setattr(pixels, "extract", extract)
    with pytest.raises(NotFinite, match=f"first in image {READ_IMAGES + 4}"):
        pool_features(pool, pixels, cache=cache)
    gaps = cache.entry(pool.content_hash(), pixels).gaps(0, len(pool))
    assert gaps == [(READ_IMAGES, READ_IMAGES + 9)]


def test_what_came_before_an_interruption_is_kept(images, pixels, cache):
    pool = ArrayPool(images(3 * READ_IMAGES))

    def interrupted(done, _):
        if done == 2 * READ_IMAGES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_range(pool, pixels, 0, len(pool), cache, progress=interrupted)
    gaps = cache.entry(pool.content_hash(), pixels).gaps(0, len(pool))
    assert gaps == [(2 * READ_IMAGES, 3 * READ_IMAGES)]


def test_a_long_range_is_kept_in_parts(images, pixels, cache, monkeypatch):
    monkeypatch.setattr("metrics.features.RANGE_IMAGES", 2 * READ_IMAGES)
    pool = ArrayPool(images(5 * READ_IMAGES))
    kept_when_done, entry = {}, cache.entry(pool.content_hash(), pixels)

    def look(done, total):
        kept_when_done[done // READ_IMAGES] = entry.gaps(0, total)[0][0] // READ_IMAGES

    extract_range(pool, pixels, 0, len(pool), cache, progress=look)
    assert kept_when_done == {1: 0, 2: 0, 3: 2, 4: 2, 5: 4}


class Streaming:
    """Gives each image's first pixel; takes all chunks before it gives the first."""

    name = version = resize = "streaming"

    def extract(self, images):
        raise AssertionError("it is given all chunks at once")

    def stream(self, chunks):
        for images in list(chunks):
            yield Features(images[:, :1, 0, 0].astype(np.float32), None)


def test_an_extractor_that_runs_ahead_gives_each_image_its_own_features(images):
    array = images(3 * READ_IMAGES + 5)
    found = pool_features(ArrayPool(array), Streaming())
    np.testing.assert_array_equal(found.features[:, 0], array[found.order, 0, 0, 0])


def test_a_pool_that_gives_fewer_images_than_it_says_is_refused(images, pixels):
    class Short(ArrayPool):
        def read(self, start, stop):
            return self.images[start : min(stop, 3)]

    with pytest.raises(MetricError, match="pool of 9 images gave 3"):
        pool_features(Short(images(9)), pixels)


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 8, 8, 2), (0, 8, 8, 1)])
def test_arrays_that_are_no_images_are_refused(shape):
    with pytest.raises(ImageMismatch, match="needs uint8 images"):
        ArrayPool(np.zeros(shape, np.uint8))


def test_float_images_are_refused():
    with pytest.raises(ImageMismatch, match="got float64"):
        ArrayPool(np.zeros((2, 8, 8, 1)))


ROW_BYTES = 16 * 64 * 4


class Procedural:
    """A pool of any size that holds no image."""

    labels = None

    def __init__(self, n):
        self.shape = (n, 4, 4, 1)

    def __len__(self):
        return self.shape[0]

    def read(self, start, stop):
        numbers = np.arange(start, stop, dtype="<u8")
        return np.repeat(numbers[:, None], 2, 1).view(np.uint8).reshape(-1, 4, 4, 1)

    def content_hash(self):
        return f"procedural {len(self)}"


def test_memory_grows_with_ranges_not_with_images(cache, pixels, monkeypatch):
    def extract(batch):
        return Features(np.repeat(batch.reshape(len(batch), -1), 64, 1).astype(np.float32), None)

    def peak(images):
        tracemalloc.start()
        pool_features(Procedural(images), pixels, cache=cache)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    monkeypatch.setattr(pixels, "extract", extract)
    monkeypatch.setattr("metrics.features.RANGE_IMAGES", 128)
    peak(128)  # what is imported and compiled on the way
    few, many = peak(1024), peak(4096)
    assert many - few < 3072 * ROW_BYTES / 8


def test_two_processes_give_the_features_of_one(images, pixels, tmp_path):
    pools = [ArrayPool(images(150)), ArrayPool(images(90, seed=1))]
    heard = {}
    apart = features_of(
        pools,
        pixels,
        cache=FeatureCache(tmp_path),
        workers=2,
        progress=lambda pool, done: heard.update({pool: done}),
    )
    assert pixels.passes == 0
    assert heard == {0: 150, 1: 90}
    for one, other in zip(apart, features_of(pools, pixels), strict=True):
        np.testing.assert_array_equal(one.features, other.features)
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        np.testing.assert_array_equal(one.order, other.order)


def test_what_was_finished_before_a_death_is_kept(images, pixels, tmp_path):
    pool, cache = ArrayPool(images(150)), FeatureCache(tmp_path)
    mortal = Mortal(cache, pool.content_hash())
    with pytest.raises(WorkerDied):
        features_of([pool], mortal, cache=cache, workers=2)
    assert cache.entry(pool.content_hash(), mortal).gaps(0, 150) == [(128, 150)]


@dataclass(frozen=True)
class Mortal:
    """Dies of the last, short batch of 150 images, once the others are kept."""

    cache: FeatureCache
    pool: str
    name = version = resize = "mortal"

    def extract(self, images):
        if len(images) < 64:
            while self.cache.entry(self.pool, self).gaps(0, 128):
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)
        return Features(np.zeros((len(images), 2), np.float32), None)
