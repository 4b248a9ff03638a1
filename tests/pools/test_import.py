"""From a source into a pool: all of it, or nothing."""

import weakref
from functools import partial

import numpy as np
import pytest

from pools import sources
from pools.entries import Entry, Source, source_of_array
from pools.sources import BadImages, import_images, load, open_source
from pools.store import PoolError, create, open_pool


def test_an_import_holds_every_image_and_label_in_order(tmp_path):
    url = tmp_path / "pool.zarr"
    with open_source("mnist", split="test") as source:
        import_images(source, url, resolution_px=28, channels=1)
    pool, expected = open_pool(url), load("mnist", split="test")
    np.testing.assert_array_equal(pool.read(0, len(pool)), expected.images)
    np.testing.assert_array_equal(pool.labels, expected.labels)


def test_images_are_brought_to_the_pools_size_and_channels(pixels):
    source = source_of_array(pixels(3, 20, 30, 3))
    pool = import_images(source, "memory://import/size", resolution_px=16, channels=1)
    assert pool.shape == (3, 16, 16, 1)
    assert pool.labels is None


def test_an_import_equals_loading_at_the_same_size(tree, pixels, encoded):
    path = tree({f"{n}.png": encoded(pixels(9 + n, 12, 3)) for n in range(4)})
    with open_source(path) as source:
        pool = import_images(source, "memory://import/same", resolution_px=8, channels=3)
    np.testing.assert_array_equal(pool.read(0, 4), load(path, resolution_px=8, channels=3).images)


def test_progress_goes_up_to_the_end(pixels):
    told = []
    import_images(
        source_of_array(pixels(2500, 2, 2, 1)),
        "memory://import/progress",
        resolution_px=2,
        channels=1,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1024, 2500), (2048, 2500), (2500, 2500)]


@pytest.fixture
def mixed(tree, pixels, encoded):
    """40 images, of which 25 are cut short and 5 are text."""
    files = {f"{n:02}.png": encoded(pixels(8, 8, 1)) for n in range(40)}
    for n in range(25):
        files[f"{n:02}.png"] = files[f"{n:02}.png"][:50]
    files |= {f"{n}.txt": b"text" for n in range(50, 55)}
    return tree(files)


def test_one_bad_file_keeps_everything_out_and_all_are_named(mixed, tmp_path):
    with open_source(mixed) as source, pytest.raises(BadImages) as caught:
        import_images(source, tmp_path / "pool", resolution_px=8, channels=1)
    assert len(caught.value.rejected) == 30
    assert caught.value.rejected[0].name == "00.png"
    assert not (tmp_path / "pool").exists()
    lines = str(caught.value).splitlines()
    assert lines[0] == "30 files were refused, so nothing was taken"
    assert lines[1].startswith("  00.png: is corrupt or truncated: ")
    assert lines[21:] == [
        "  and 10 more; in all:",
        "  25 × is corrupt or truncated",
        "  5 × is not a PNG, JPEG, WebP, BMP or GIF image",
    ]


def test_how_many_are_listed_can_be_chosen(mixed, tmp_path):
    with open_source(mixed) as source, pytest.raises(BadImages) as caught:
        import_images(source, tmp_path / "pool", resolution_px=8, channels=1, max_rejected_listed=2)
    assert str(caught.value).splitlines()[3] == "  and 28 more; in all:"


def test_what_is_at_the_place_already_stays(tmp_path, pixels):
    images = pixels(2, 4, 4, 1)
    create(tmp_path / "pool", count=2, resolution_px=4, channels=1).write(0, images)
    with pytest.raises(PoolError, match="something at"):
        import_images(source_of_array(images), tmp_path / "pool", resolution_px=4, channels=1)
    np.testing.assert_array_equal(open_pool(tmp_path / "pool").read(0, 2), images)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError])
def test_an_import_that_is_interrupted_leaves_nothing(tmp_path, pixels, error):
    def interrupt(done, total):
        raise error

    with pytest.raises(error):
        import_images(
            source_of_array(pixels(3, 4, 4, 1)),
            tmp_path / "pool",
            resolution_px=4,
            channels=1,
            progress=interrupt,
        )
    assert not (tmp_path / "pool").exists()


def test_no_original_outlives_its_own_decoding():
    alive, most = set(), []

    def decode(number):
        image = np.zeros((300, 300, 3), np.uint8)
        alive.add(number)
        weakref.finalize(image, alive.discard, number)
        most.append(len(alive))
        return image

    def entries():
        return (Entry(str(n), None, partial(decode, n)) for n in range(50))

    import_images(Source(50, False, entries), "memory://import/large", resolution_px=4, channels=3)
    assert len(most) == 50
    assert max(most) <= 3


def test_a_damaged_pool_is_a_source_error(tmp_path, pixels):
    create(tmp_path / "a", count=64, resolution_px=8, channels=1).write(0, pixels(64, 8, 8, 1))
    shard = max((tmp_path / "a").rglob("c/*/*/*/*"), key=lambda path: path.stat().st_size)
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(sources.SourceError, match="cannot read the pool"):
        load(tmp_path / "a")
