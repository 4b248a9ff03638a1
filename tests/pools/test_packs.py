"""The data sets that are shipped."""

import hashlib
import json
import zipfile

import numpy as np
import pytest

from pools.__main__ import main
from pools.packs import available_packs, balanced, pack_path
from pools.sources import SourceError, load, open_source

FULL = {"train": 60_000, "test": 10_000}


def test_mnist_and_fashion_mnist_are_shipped():
    assert available_packs() == ("fashion-mnist", "mnist")


def test_an_unknown_pack_is_refused_with_those_there_are():
    with pytest.raises(SourceError, match="no pack 'cifar'; there are fashion-mnist, mnist"):
        pack_path("cifar")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize(("split", "count"), [("train", 10_000), ("test", 2_000)])
def test_each_class_is_equally_often_there(name, split, count):
    loaded = load(name, split=split)
    assert loaded.images.shape == (count, 28, 28, 1)
    assert np.bincount(loaded.labels).tolist() == [count // 10] * 10
    assert len(loaded.class_names) == 10


@pytest.mark.parametrize(("name", "mean"), [("mnist", 33.6), ("fashion-mnist", 72.6)])
def test_the_pixels_are_those_of_the_full_sets(name, mean):
    assert load(name).images.mean() == pytest.approx(mean, abs=0.1)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_no_image_is_in_both_halves_or_there_twice_more_than_in_the_original(name):
    halves = [load(name, split=split).images for split in ("train", "test")]
    prints = [{hashlib.sha256(image).digest() for image in half} for half in halves]
    assert len(prints[0] & prints[1]) == 0
    assert len(prints[0]) >= 9_990


def test_any_first_part_is_a_fair_sample():
    assert np.bincount(load("mnist", limit=1000).labels).min() > 70


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_pack_says_what_it_is_and_under_what_licence(name):
    with zipfile.ZipFile(pack_path(name)) as archive:
        assert set(archive.namelist()) == {"pack.json", "train.png", "test.png", "LICENSE.txt"}
        contents = json.loads(archive.read("pack.json"))
        licence = archive.read("LICENSE.txt").decode()
    assert contents["name"] == name
    assert contents["licence"] in ("CC BY-SA 3.0", "MIT")
    assert "10,000 of the 60,000" in licence
    assert pack_path(name).with_name(f"{name}.LICENSE.txt").read_text() == licence


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_pack_is_a_few_megabytes(name):
    assert pack_path(name).stat().st_size < 5_000_000


def changed(tmp_path, change):
    """A copy of the MNIST pack with its members changed."""
    with zipfile.ZipFile(pack_path("mnist")) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(tmp_path / "changed.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return tmp_path / "changed.zip"


def test_a_pack_elsewhere_is_read_too(tmp_path):
    loaded = load(changed(tmp_path, lambda members: None), split="test")
    np.testing.assert_array_equal(loaded.images, load("mnist", split="test").images)


def test_pixels_that_are_not_those_of_the_pack_are_refused(tmp_path):
    path = changed(tmp_path, lambda members: members.update({"train.png": members["test.png"]}))
    with pytest.raises(SourceError, match="cannot read the pack"):
        open_source(path)

    def swap(members):
        contents = json.loads(members["pack.json"])
        contents["splits"]["test"]["sha256"] = "0" * 64
        members["pack.json"] = json.dumps(contents).encode()

    with pytest.raises(SourceError, match="the test images of the pack are damaged"):
        open_source(changed(tmp_path, swap), split="test")


@pytest.mark.parametrize(
    "json_text", [b"", b"[]", b"{}", b'{"splits": {"train": {"labels": "x"}}}']
)
def test_a_pack_without_its_contents_is_refused(tmp_path, json_text):
    with pytest.raises(SourceError, match="cannot read the pack"):
        open_source(changed(tmp_path, lambda members: members.update({"pack.json": json_text})))


@pytest.fixture
def full(tree, idx):
    """A data set of the classic size and format, small enough to be quick: 2 × 2 pixels."""
    files = {}
    for prefix, count in (("train", 12_000), ("t10k", 3_000)):
        index = np.arange(count)
        shades = np.stack([index % 256, index // 256, index % 10, index * 0], axis=1)
        files[f"{prefix}-images-idx3-ubyte"] = idx(shades.reshape(-1, 2, 2))
        files[f"{prefix}-labels-idx1-ubyte"] = idx(index % 10)
    return tree(files)


def test_a_pack_made_twice_is_the_same_file(full, tmp_path, capsys):
    for out in ("a.zip", "b.zip"):
        assert main(["pack", "mnist", str(full), str(tmp_path / out)]) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert "bytes" in capsys.readouterr().out


def test_images_and_labels_stay_together_in_a_pack(full, tmp_path):
    main(["pack", "mnist", str(full), str(tmp_path / "a.zip")])
    loaded = load(tmp_path / "a.zip")
    assert len(loaded.images) == 10_000
    np.testing.assert_array_equal(loaded.images[:, 1, 0, 0], loaded.labels)
    assert len(np.unique(loaded.images.reshape(10_000, 4), axis=0)) == 10_000


def test_a_source_that_cannot_make_a_pack_is_refused_in_a_line(tree, idx, tmp_path, capsys):
    small = tree({f"{p}-images-idx3-ubyte": idx(np.ones((3, 2, 2))) for p in ("train", "t10k")})
    assert main(["pack", "mnist", str(small), str(tmp_path / "a.zip")]) == 1
    assert capsys.readouterr().err == "a pack needs labels, the train images have none\n"
    assert not (tmp_path / "a.zip").exists()


def test_too_few_of_a_class_are_refused(rng):
    labels = np.array([0] * 100 + [1] * 9)
    with pytest.raises(SourceError, match=r"20 images of 2 classes need 10.0 of each, got 9"):
        balanced(labels, 20, rng)
    with pytest.raises(SourceError, match=r"need 10.5 of each"):
        balanced(labels, 21, rng)
    assert np.bincount(labels[balanced(labels, 18, rng)]).tolist() == [9, 9]
