"""Data sets as StyleGAN's dataset_tool.py and EDM write them."""

import json

import pytest

from pools.errors import BadImages, SourceError
from pools.sources import load, open_source

NAMES = ["00000/img00000000.png", "00000/img00000001.png", "00001/img00000002.png"]


@pytest.fixture
def set_of(zipped, pixels, encoded):
    """`set_of([["00000/img00000000.png", 4], …])`: a zip of three images with those labels."""

    def write(labels, folder=""):
        members = [(folder + name, encoded(pixels(4, 4, 3))) for name in NAMES]
        contents = labels if isinstance(labels, str) else json.dumps({"labels": labels})
        return zipped([*members, (f"{folder}dataset.json", contents)])

    return write


@pytest.mark.parametrize("folder", ["", "cifar10/"])
def test_classes_are_the_labels_and_not_the_folders(set_of, folder):
    loaded = load(set_of([[name, 5 - at] for at, name in enumerate(NAMES)], folder))
    assert loaded.labels.tolist() == [5, 4, 3]
    assert loaded.class_names is None


def test_without_labels_there_are_no_classes(set_of):
    with open_source(set_of(None)) as source:
        assert (len(source), source.labelled, source.warning) == (3, False, "")


def test_labels_that_are_vectors_are_left_out_with_a_warning(set_of):
    with open_source(set_of([[name, [0.5, 1.0]] for name in NAMES])) as source:
        assert not source.labelled
        assert (
            source.warning == "dataset.json has labels that are no class numbers: they are left out"
        )


def test_an_image_without_its_label_is_refused_by_name(set_of):
    with pytest.raises(BadImages) as caught:
        load(set_of([[name, 0] for name in NAMES[1:]]))
    assert [str(each) for each in caught.value.rejected] == [
        f"{NAMES[0]}: has no label in dataset.json"
    ]


def test_labels_of_another_form_are_refused_with_that_which_is_needed(set_of):
    with pytest.raises(SourceError, match=r"labels as a list of \[name, class number\], or null"):
        open_source(set_of([1, 2]))


def test_it_is_not_divided(set_of):
    with pytest.raises(SourceError, match="there are no images for test"):
        open_source(set_of(None), split="test")


@pytest.mark.parametrize("contents", ["{", "[]", '{"info": {}}'])
def test_another_file_of_that_name_is_no_image(set_of, contents):
    with pytest.raises(BadImages) as caught:
        load(set_of(contents))
    assert [each.name for each in caught.value.rejected] == ["dataset.json"]
