"""WebDataset's tars: an image, and what is called as it is called beside it."""

import numpy as np
import pytest

from pools.errors import BadImages, SourceError
from pools.sources import load, open_source


@pytest.fixture
def images(pixels):
    return pixels(3, 8, 8, 3)


@pytest.fixture
def shard(images, encoded):
    """`shard({".cls": b"5"})`: three images, each with these beside it; bytes may depend on the number."""

    def files(beside):
        made = {}
        for number, image in enumerate(images):
            made[f"00{number}.png"] = encoded(image)
            made |= {
                f"00{number}{end}": data(number) if callable(data) else data
                for end, data in beside.items()
            }
        return made

    return files


@pytest.mark.parametrize("kind", ["tar", "gz", "folder", "zip"])
def test_classes_are_taken_from_cls_files(kind, shard, images, tree, tarred, zipped):
    files = shard({".cls": lambda n: f"{9 - n}\n".encode(), ".json": b"{}", ".txt": b"a cat"})
    make = {
        "tar": lambda: tarred(files.items()),
        "gz": lambda: tarred(files.items(), "gz"),
        "folder": lambda: tree(files),
        "zip": lambda: zipped(files.items()),
    }
    loaded = load(make[kind]())
    np.testing.assert_array_equal(loaded.images, images)
    assert loaded.labels.tolist() == [9, 8, 7]
    assert loaded.class_names is None


def test_without_cls_there_are_no_labels_and_a_warning(shard, tarred):
    with open_source(tarred(shard({".json": b'{"label": 3}', ".txt": b"a cat"}).items())) as source:
        assert not source.labelled
        assert len(source) == 3
        assert source.warning == (
            "the .json and .txt files beside the images are not read: class numbers are taken from .cls files"
        )


@pytest.mark.parametrize("text", [b"", b"cat", b"-1", b"1.5", b"9" * 5000, b"99999999999", b"\xff"])
def test_a_cls_that_is_no_class_number_is_refused(shard, tarred, text):
    files = shard({".cls": b"1"}) | {"001.cls": text}
    with pytest.raises(BadImages, match=r"001.png: needs a class number in its .cls, got"):
        load(tarred(files.items()))


def test_an_image_without_its_cls_is_refused(shard, tarred):
    files = shard({".cls": b"1"})
    del files["001.cls"]
    with pytest.raises(BadImages, match=r"001.png: has no .cls beside it, as others have"):
        load(tarred(files.items()))


def test_a_second_image_of_a_sample_is_refused(shard, tarred):
    files = shard({".cls": b"1"})
    files["001.mask.png"] = files["001.png"]
    with pytest.raises(
        BadImages, match=r"001.mask.png: is a further image of 001: keep one image beside each .cls"
    ):
        load(tarred(files.items()))


def test_the_halves_of_the_data_keep_their_classes(shard, tree):
    files = {f"test/{name}": data for name, data in shard({".cls": b"2"}).items()}
    files |= {f"train/{name}": data for name, data in shard({".cls": b"1"}).items()}
    path = tree(files)
    assert load(path, split="test").labels.tolist() == [2, 2, 2]
    assert load(path).labels.tolist() == [1, 1, 1]


def test_a_stray_file_among_images_is_still_refused(shard, tree):
    with pytest.raises(SourceError, match=r"notes\.txt"):
        load(tree(shard({}) | {"notes.txt": b"hello"}))
