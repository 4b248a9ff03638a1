"""idx files: MNIST's own format."""

import gzip
import zipfile

import numpy as np
import pytest

from pools.sources import SourceError, load, open_source

SPELLINGS = ["{}-{}-idx{}-ubyte", "{}-{}.idx{}-ubyte", "{}-{}-idx{}-ubyte.gz"]


@pytest.fixture
def classic(tree, idx, pixels):
    """The four classic files in a folder, and what is in them."""

    def write(spelling="{}-{}-idx{}-ubyte", folder="tree", **changes):
        files, content = {}, {}
        for prefix, count in (("train", 6), ("t10k", 3)):
            images, labels = pixels(count, 5, 4), np.arange(count)[::-1]
            zipped = spelling.endswith(".gz")
            files[spelling.format(prefix, "images", 3)] = idx(images, zipped)
            files[spelling.format(prefix, "labels", 1)] = idx(labels, zipped)
            content[prefix] = images[..., None], labels
        return tree(files | changes, folder), content

    return write


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_four_classic_files_are_read_in_each_spelling(classic, spelling):
    folder, content = classic(spelling)
    for split, prefix in (("train", "train"), ("test", "t10k")):
        loaded = load(folder, split=split)
        np.testing.assert_array_equal(loaded.images, content[prefix][0])
        np.testing.assert_array_equal(loaded.labels, content[prefix][1])
        assert loaded.labels.dtype == np.int64


def test_one_file_of_images_is_all_there_is_whatever_it_is_called(classic):
    folder, content = classic()
    for prefix in ("train", "t10k"):
        path = folder / f"{prefix}-images-idx3-ubyte"
        np.testing.assert_array_equal(load(path).images, content[prefix][0])
        with pytest.raises(SourceError, match="one file or array is not divided"):
            open_source(path, split="test")


def test_they_may_lie_in_an_archive(classic, tmp_path):
    folder, content = classic("{}-{}-idx{}-ubyte.gz")
    with zipfile.ZipFile(tmp_path / "mnist.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"MNIST/raw/{path.name}")
    loaded = load(tmp_path / "mnist.zip", split="test")
    np.testing.assert_array_equal(loaded.images, content["t10k"][0])
    np.testing.assert_array_equal(loaded.labels, content["t10k"][1])


def test_a_file_of_images_brings_the_labels_beside_it(classic):
    folder, content = classic()
    loaded = load(folder / "t10k-images-idx3-ubyte")
    np.testing.assert_array_equal(loaded.labels, content["t10k"][1])


@pytest.mark.parametrize("name", ["images", "digits.gz", "train-images-idx3-ubyte"])
def test_a_file_of_images_alone_has_no_labels(tmp_path, idx, pixels, name):
    images = pixels(4, 3, 3)
    (tmp_path / name).write_bytes(idx(images, zipped=name.endswith(".gz")))
    loaded = load(tmp_path / name)
    np.testing.assert_array_equal(loaded.images[..., 0], images)
    assert loaded.labels is None


def test_a_half_that_is_not_there_is_refused(tree, idx, pixels):
    folder = tree({"train-images-idx3-ubyte": idx(pixels(2, 3, 3))})
    assert load(folder).labels is None
    with pytest.raises(SourceError, match="there is no t10k-images-idx3-ubyte"):
        open_source(folder, split="test")


@pytest.mark.parametrize("extra", [-1, 1])
def test_a_file_of_another_length_than_it_says_is_refused(classic, idx, pixels, extra):
    data = idx(pixels(2, 3, 3)) + b"x"
    folder, _ = classic(**{"train-images-idx3-ubyte": data[: len(data) - 1 + extra]})
    with pytest.raises(
        SourceError, match=rf"should have 34 bytes for \(2, 3, 3\), got {34 + extra}"
    ):
        open_source(folder)


def test_labels_of_another_number_are_refused(classic, idx):
    folder, _ = classic(**{"train-labels-idx1-ubyte": idx(np.zeros(7))})
    with pytest.raises(SourceError, match="has 7 labels for 6 images"):
        open_source(folder)


def test_another_type_or_number_of_dimensions_is_refused(classic, idx, pixels):
    folder, _ = classic(**{"train-images-idx3-ubyte": idx(pixels(6, 4))})
    with pytest.raises(
        SourceError, match="no idx file of bytes in 3 dimensions: it starts with 00 00 08 02"
    ):
        open_source(folder)


def test_no_images_at_all_are_refused(classic, idx):
    folder, _ = classic(**{"train-images-idx3-ubyte": idx(np.zeros((0, 28, 28)))})
    with pytest.raises(SourceError, match="is empty: its shape is"):
        open_source(folder)


def test_a_broken_gzip_is_refused(classic, idx, pixels):
    whole = idx(pixels(6, 20, 20), zipped=True)
    for data in (whole[:-9], whole[:40], whole[:-6] + b"xxxxxx", b"\x1f\x8bnonsense"):
        folder, _ = classic("{}-{}-idx{}-ubyte.gz", **{"train-images-idx3-ubyte.gz": data})
        with pytest.raises(SourceError, match="cannot unpack train-images"):
            open_source(folder)


def test_a_gzip_bomb_is_refused_while_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("pools.unpack.FREE_BYTES", 1_000_000)
    header = b"\0\0\x08\x03" + (3000).to_bytes(4, "big") * 3
    (tmp_path / "images.gz").write_bytes(gzip.compress(header + bytes(30_000_000)))
    with pytest.raises(SourceError, match="expands to more than"):
        open_source(tmp_path / "images.gz")
