"""Plain Zarr arrays and single .npy files, as people save them who know no pools."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
import zarr

from pools.sources import SourceError, load, open_source
from pools.zarr_array import READ_BYTES, _images_at_once


@pytest.fixture(params=["npy", "zarr2", "zarr3"])
def saved(request, tmp_path):
    """`saved(array)`: the path of a file or folder that holds just this array."""

    def save(array, name="samples"):
        path = tmp_path / name
        if request.param == "npy":
            np.save(path.with_suffix(".npy"), array)
            return path.with_suffix(".npy")
        zarr.save_array(str(path), array, zarr_format=int(request.param[-1]))
        return path

    return save


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5, 6, 4), None),
        ((5, 6, 4, 1), None),
        ((5, 6, 4, 3), (0, 1, 2, 3)),
        ((5, 3, 6, 4), (0, 2, 3, 1)),
    ],
)
def test_an_array_is_read_in_any_usual_order_of_axes(saved, pixels, shape, axes):
    images = pixels(*shape)
    loaded = load(saved(images))
    expected = images.transpose(axes) if axes else images.reshape(5, 6, 4, 1)
    np.testing.assert_array_equal(loaded.images, expected)
    assert loaded.labels is None


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 4, 4), np.float32), "samples.* must be uint8 .*, got float32"),
        (
            np.zeros((2, 4, 4, 4), np.uint8),
            r"must have shape \(N, H, W\).*, got uint8 of shape \(2, 4, 4, 4\)",
        ),
        (np.zeros((4, 4), np.uint8), r"must have shape \(N, H, W\).*, got uint8 of shape \(4, 4\)"),
    ],
)
def test_other_arrays_are_refused_by_what_they_are(saved, array, reason):
    with pytest.raises(SourceError, match=reason):
        open_source(saved(array))


def test_one_array_is_not_divided(saved, pixels):
    with pytest.raises(
        SourceError, match=r"one file or array is not divided, .* no images for test"
    ):
        open_source(saved(pixels(2, 4, 4)), split="test")


def test_an_npy_of_objects_is_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"a\.npy holds Python objects, which could run code"):
        open_source(tmp_path / "a.npy")


class Trap:
    def __reduce__(self):
        return os._exit, (3,)


def test_a_zarr_array_that_is_packed_by_pickle_is_never_unpickled(tmp_path):
    zarr.create_array(tmp_path / "a", shape=(1, 2, 2), dtype="uint8", zarr_format=2)
    about = json.loads((tmp_path / "a" / ".zarray").read_text()) | {"compressor": {"id": "pickle"}}
    (tmp_path / "a" / ".zarray").write_text(json.dumps(about))
    (tmp_path / "a" / "0.0.0").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(SourceError, match=r"no readable Zarr in a: .*pickle"):
        open_source(tmp_path / "a")


@pytest.mark.parametrize("chunks", [(1, 4, 4), (3, 2, 4), (100, 4, 4)])
def test_chunks_of_any_shape_are_read(tmp_path, pixels, chunks):
    images = pixels(10, 4, 4)
    array = zarr.create_array(tmp_path / "a", shape=images.shape, dtype="uint8", chunks=chunks)
    array[:] = images
    np.testing.assert_array_equal(load(tmp_path / "a").images[..., 0], images)


def test_whole_chunks_are_read_and_as_few_as_make_a_step(tmp_path):
    shape, dtype = (100_000, 32, 32, 3), "uint8"
    small = zarr.create_array(tmp_path / "small", shape=shape, dtype=dtype, chunks=(7, 32, 32, 3))
    at_once = _images_at_once(small)
    assert at_once % 7 == 0
    assert READ_BYTES / 2 < at_once * 32 * 32 * 3 <= READ_BYTES
    large = zarr.create_array(tmp_path / "large", shape=shape, dtype=dtype, chunks=shape)
    assert _images_at_once(large) == 100_000


def test_chunks_that_fill_the_memory_are_refused(tmp_path):
    shape = (1_000_000, 64, 64, 3)
    zarr.create_array(tmp_path / "a", shape=shape, dtype="uint8", chunks=shape)
    with pytest.raises(SourceError, match=r"12,288,000,000 bytes of memory.* save it in smaller"):
        open_source(tmp_path / "a")


def test_damaged_chunks_are_told_of(tmp_path, pixels):
    zarr.save_array(str(tmp_path / "a"), pixels(4, 4, 4))
    next(each for each in (tmp_path / "a" / "c").rglob("*") if each.is_file()).write_bytes(b"no")
    with pytest.raises(SourceError, match="cannot read a: "):
        load(tmp_path / "a")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_that_are_absent_are_warned_of(tmp_path, pixels, zarr_format):
    array = zarr.create_array(
        tmp_path / "a", shape=(9, 4, 4), dtype="uint8", chunks=(2, 4, 4), zarr_format=zarr_format
    )
    array[:] = pixels(9, 4, 4) | 1
    assert not open_source(tmp_path / "a").warning
    array[2:4] = 0
    assert open_source(tmp_path / "a").warning == (
        "1 of the 5 chunks of a are absent and read as 0: was it copied in part?"
    )


def test_zarr_in_a_zip_is_to_be_unpacked_first(tmp_path, pixels):
    zarr.save_array(str(tmp_path / "a"), pixels(4, 4, 4))
    shutil.make_archive(str(tmp_path / "a.zarr"), "zip", tmp_path / "a")
    with pytest.raises(
        SourceError,
        match="there is Zarr in it: Zarr is read from folders alone: unpack it, and name the folder that",
    ):
        open_source(tmp_path / "a.zarr.zip")
    shutil.make_archive(str(tmp_path / "b"), "tar", tmp_path, "a")
    with pytest.raises(SourceError, match=r"unpack it, and name the folder a$"):
        open_source(tmp_path / "b.tar")


def test_a_folder_with_zarr_in_it_says_where_that_lies(tmp_path, pixels):
    zarr.save_array(str(tmp_path / "all" / "a.zarr"), pixels(4, 4, 4))
    with pytest.raises(SourceError, match=f"name {tmp_path}/all/a.zarr instead"):
        open_source(tmp_path / "all")


def test_no_name_is_not_the_folder_one_is_in():
    """As an unset variable of the shell gives it."""
    with pytest.raises(SourceError, match="no name was given"):
        open_source("")


def test_metadata_that_is_none_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".zarray").write_text(json.dumps({"zarr_format": 2}))
    with pytest.raises(SourceError, match=r"there is no readable Zarr in a: "):
        open_source(tmp_path / "a")
