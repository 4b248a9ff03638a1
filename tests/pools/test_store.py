"""Pools on disk and in memory: what is written is what is read, and nothing else is promised."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from pools.store import SHARD_IMAGES, PoolError, content_hash, create, open_pool, remove


@pytest.fixture(params=["path", "file", "memory"])
def url(request, tmp_path):
    places = {
        "path": tmp_path / "deep" / "pool.zarr",
        "file": f"file://{tmp_path}/pool.zarr",
        "memory": f"memory://{tmp_path.name}/pool.zarr",
    }
    yield places[request.param]
    remove(places[request.param])


def test_what_is_written_is_what_is_read(url, pixels):
    images = pixels(1500, 8, 8, 3)
    create(url, count=1500, resolution_px=8, channels=3).write(0, images)
    pool = open_pool(url)
    assert pool.shape == (1500, 8, 8, 3)
    assert len(pool) == 1500
    np.testing.assert_array_equal(pool.read(1000, 1100), images[1000:1100])
    np.testing.assert_array_equal(pool.image(1499), images[1499])
    np.testing.assert_array_equal(np.concatenate(list(pool.batches(700))), images)
    assert pool.image(0).dtype == np.uint8


def test_labels_come_back_and_unwritten_ones_are_marked(url, pixels):
    pool = create(url, count=5, resolution_px=4, channels=1, labelled=True)
    pool.write(0, pixels(2, 4, 4, 1), np.array([7, 3]))
    pool.write(2, pixels(3, 4, 4, 1))
    labels = open_pool(url).labels
    assert labels.dtype == np.int64
    assert labels.tolist() == [7, 3, -1, -1, -1]


def test_a_pool_without_labels_has_none(url):
    assert create(url, count=1, resolution_px=4, channels=1).labels is None


def test_a_removed_pool_is_gone_and_removing_nothing_is_harmless(url):
    create(url, count=1, resolution_px=4, channels=1)
    remove(url)
    remove(url)
    with pytest.raises(PoolError, match="no readable pool"):
        open_pool(url)


def test_what_lies_there_is_kept_unless_overwriting_is_asked_for(url, pixels):
    images = pixels(2, 4, 4, 1)
    create(url, count=2, resolution_px=4, channels=1).write(0, images)
    with pytest.raises(PoolError, match="something at"):
        create(url, count=1, resolution_px=8, channels=3)
    np.testing.assert_array_equal(open_pool(url).read(0, 2), images)
    assert create(url, count=1, resolution_px=8, channels=3, overwrite=True).shape == (1, 8, 8, 3)


def test_the_hash_depends_on_shape_and_pixels_alone(url, pixels):
    images = pixels(1100, 4, 4, 1)
    pool = create(url, count=1100, resolution_px=4, channels=1)
    pool.write(0, images)
    assert pool.content_hash() == content_hash(images.shape, [images])
    assert pool.content_hash() == content_hash(
        images.shape, (images[i : i + 7] for i in range(0, 1100, 7))
    )
    flat = images.reshape(275, 8, 8, 1)
    assert content_hash(flat.shape, [flat]) != pool.content_hash()
    images[-1, -1, -1] ^= 1
    pool.write(1099, images[1099:])
    assert pool.content_hash() == content_hash(images.shape, [images])


def test_the_hash_never_changes():
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4, 1)
    assert content_hash(images.shape, [images]) == (
        "c27766a3d248221530375f6fedc5690c7c75c301c71e316226fca024ae199ee5"
    )


def test_processes_that_keep_to_shards_write_one_pool_together(tmp_path):
    url, count = tmp_path / "pool.zarr", 3 * SHARD_IMAGES + 100
    create(url, count=count, resolution_px=2, channels=1, labelled=True)
    code = """
import sys, numpy as np
from pools.store import SHARD_IMAGES, open_pool
pool = open_pool(sys.argv[1], writable=True)
for start in range(int(sys.argv[2]) * SHARD_IMAGES, len(pool), 2 * SHARD_IMAGES):
    index = np.arange(start, min(start + SHARD_IMAGES, len(pool)))
    images = np.repeat((index % 251).astype(np.uint8), 4).reshape(-1, 2, 2, 1)
    pool.write(start, images, index)
"""
    root = Path(__file__).parents[2]
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(url), str(half)], cwd=root)
        for half in (0, 1)
    ]
    assert [worker.wait() for worker in workers] == [0, 0]
    pool = open_pool(url)
    np.testing.assert_array_equal(pool.labels, np.arange(count))
    np.testing.assert_array_equal(pool.read(0, count)[:, 1, 1, 0], np.arange(count) % 251)


@pytest.mark.parametrize("resolution_px", [1, 28, 100, 512, 1024])
def test_shards_divide_the_range_that_writers_are_given(tmp_path, resolution_px):
    pool = create(tmp_path / "pool", count=1, resolution_px=resolution_px, channels=3)
    assert SHARD_IMAGES % pool.shard_images == 0
    assert pool.images.shards[0] == pool.shard_images
    assert pool.shard_images % pool.images.chunks[0] == 0


def test_a_single_image_is_read_without_reading_the_shard(tmp_path, pixels):
    pool = create(tmp_path / "pool", count=512, resolution_px=64, channels=3)
    pool.write(0, pixels(512, 64, 64, 3))
    assert np.prod(pool.images.chunks) <= 65_536
    assert np.prod(pool.images.shards) >= 100 * np.prod(pool.images.chunks)


def test_damaged_labels_are_refused(tmp_path):
    pool = create(tmp_path / "pool", count=64, resolution_px=8, channels=1, labelled=True)
    pool.write(0, np.zeros((64, 8, 8, 1), np.uint8), np.arange(64))
    (tmp_path / "pool" / "labels" / "c" / "0").write_bytes(b"damaged")
    with pytest.raises(PoolError, match="cannot read the labels"):
        _ = open_pool(tmp_path / "pool").labels
    (tmp_path / "pool" / "labels" / "zarr.json").write_text("damaged")
    with pytest.raises(PoolError, match="cannot read the pool"):
        _ = open_pool(tmp_path / "pool").labels


def test_a_damaged_pool_is_never_read_as_if_it_were_whole(tmp_path, pixels):
    images = pixels(64, 8, 8, 1)
    create(tmp_path / "pool", count=64, resolution_px=8, channels=1).write(0, images)
    shard = max((tmp_path / "pool").rglob("c/*/*/*/*"), key=lambda path: path.stat().st_size)
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(PoolError, match="cannot read the pool"):
        open_pool(tmp_path / "pool").read(0, 64)


def objects_of(pool):
    """Where the images lie."""
    return sorted((pool / "images" / "c").rglob("*/*/*/*"))


def test_a_pool_that_was_copied_in_part_is_told_from_one_of_black_images(tmp_path):
    black = np.zeros((SHARD_IMAGES + 1, 2, 2, 1), np.uint8)
    pool = create(tmp_path / "pool", count=len(black), resolution_px=2, channels=1)
    pool.write(0, black)
    open_pool(tmp_path / "pool").require_whole()
    for lost in objects_of(tmp_path / "pool"):
        data = lost.read_bytes()
        lost.unlink()
        with pytest.raises(
            PoolError, match="lacks some of its 1,025 images: it was copied in part"
        ):
            open_pool(tmp_path / "pool").require_whole()
        lost.write_bytes(data)


def test_a_pool_of_before_black_images_were_stored_is_taken_as_it_is(tmp_path):
    pool = create(tmp_path / "pool", count=4, resolution_px=2, channels=1)
    del pool.group.attrs["keeps_black_images"]
    open_pool(tmp_path / "pool").require_whole()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"count": 0}, "at least 1 image, got 0"),
        ({"resolution_px": 0}, "resolution must be 1 to 4096 px, got 0"),
        ({"resolution_px": 5000}, "got 5000"),
        ({"channels": 4}, "1 or 3 channels, got 4"),
    ],
)
def test_senseless_sizes_are_refused(tmp_path, sizes, message):
    with pytest.raises(PoolError, match=message):
        create(tmp_path / "pool", **({"count": 1, "resolution_px": 8, "channels": 1} | sizes))
    assert not (tmp_path / "pool").exists()


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, 11), (5, 5), (6, 5), (10, 11)])
def test_reading_outside_the_pool_is_refused(tmp_path, start, stop):
    pool = create(tmp_path / "pool", count=10, resolution_px=2, channels=1)
    with pytest.raises(PoolError, match="holds images 0 to 9"):
        pool.read(start, stop)


@pytest.mark.parametrize("index", [-1, 10])
def test_an_image_outside_the_pool_is_refused(tmp_path, index):
    pool = create(tmp_path / "pool", count=10, resolution_px=2, channels=1)
    with pytest.raises(PoolError, match=f"got {index}"):
        pool.image(index)


def test_a_batch_of_nothing_is_refused(tmp_path):
    pool = create(tmp_path / "pool", count=10, resolution_px=2, channels=1)
    with pytest.raises(PoolError, match="at least 1 image, got 0"):
        next(pool.batches(0))


def test_images_of_another_shape_or_type_are_refused(tmp_path, pixels):
    pool = create(tmp_path / "pool", count=10, resolution_px=4, channels=1)
    with pytest.raises(
        PoolError, match=r"takes uint8 images of shape \(4, 4, 1\), got uint8 of shape \(4, 4, 3\)"
    ):
        pool.write(0, pixels(1, 4, 4, 3))
    with pytest.raises(PoolError, match="got float32"):
        pool.write(0, np.zeros((1, 4, 4, 1), np.float32))


def test_labels_that_do_not_fit_are_refused(tmp_path, pixels):
    plain = create(tmp_path / "plain", count=2, resolution_px=4, channels=1)
    with pytest.raises(PoolError, match="created without labels"):
        plain.write(0, pixels(1, 4, 4, 1), np.array([1]))
    pool = create(tmp_path / "pool", count=2, resolution_px=4, channels=1, labelled=True)
    with pytest.raises(PoolError, match="1 images need as many integer labels"):
        pool.write(0, pixels(1, 4, 4, 1), np.array([1, 2]))
    with pytest.raises(PoolError, match="float64"):
        pool.write(0, pixels(1, 4, 4, 1), np.array([1.5]))


def test_a_pool_opened_to_read_cannot_be_written(tmp_path, pixels):
    create(tmp_path / "pool", count=1, resolution_px=4, channels=1)
    with pytest.raises(PoolError, match="cannot write"):
        open_pool(tmp_path / "pool").write(0, pixels(1, 4, 4, 1))


def test_what_is_no_pool_is_refused(tmp_path):
    with pytest.raises(PoolError, match="no readable pool"):
        open_pool(tmp_path / "absent")
    zarr.create_group(tmp_path / "other")
    with pytest.raises(PoolError, match="no pool of format 1, its format is None"):
        open_pool(tmp_path / "other")
    zarr.create_group(tmp_path / "empty", attributes={"uncanny_pool": 1})
    with pytest.raises(PoolError, match="images"):
        open_pool(tmp_path / "empty")
    floats = zarr.create_group(tmp_path / "floats", attributes={"uncanny_pool": 1})
    floats.create_array("images", shape=(1, 2, 2, 1), dtype="float32")
    with pytest.raises(PoolError, match="got float32 of 4 at"):
        open_pool(tmp_path / "floats")
    nested = zarr.create_group(tmp_path / "nested", attributes={"uncanny_pool": 1})
    nested.create_group("images")
    with pytest.raises(PoolError, match=r"images in .* is no array"):
        open_pool(tmp_path / "nested")
    zarr.create_array(tmp_path / "array", shape=(1, 2, 2, 1), dtype="uint8")
    with pytest.raises(PoolError, match="is an array, and a pool is a group"):
        open_pool(tmp_path / "array")


def test_metadata_that_was_cut_short_is_refused(tmp_path):
    create(tmp_path / "pool", count=1, resolution_px=4, channels=1)
    (tmp_path / "pool" / "zarr.json").write_text('{"zarr_format": 3, "node')
    with pytest.raises(PoolError, match="no readable pool"):
        open_pool(tmp_path / "pool")


def test_an_unknown_kind_of_address_is_refused():
    with pytest.raises(PoolError, match="Protocol not known: nowhere"):
        open_pool("nowhere://pool")


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PoolError, match="cannot create a pool"):
        create(tmp_path / "file" / "pool", count=1, resolution_px=4, channels=1)
