"""NumPy's own files."""

import io
import zipfile

import numpy as np
import pytest

from pools.sources import SourceError, load, open_source


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        np.savez_compressed(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return write


@pytest.mark.parametrize("key", ["images", "x", "X", "arr_0", "x_train", "train_images"])
def test_images_are_found_under_their_usual_names(npz, pixels, key):
    images = pixels(5, 6, 4, 3)
    np.testing.assert_array_equal(load(npz(**{key: images})).images, images)


def test_images_alone_or_beside_labels_may_have_any_name(npz, pixels):
    images = pixels(3, 4, 4, 3)
    np.testing.assert_array_equal(load(npz(samples=images)).images, images)
    labelled = load(npz(samples=images, y=np.array([2, 0, 1])))
    np.testing.assert_array_equal(labelled.images, images)
    assert labelled.labels.tolist() == [2, 0, 1]


def test_test_images_are_not_taken_for_those_of_training(npz, pixels):
    with pytest.raises(SourceError, match="images for train are looked for as images"):
        load(npz(x_test=pixels(2, 4, 4)))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("images", "labels"),
        ("x", "y"),
        ("x_train", "y_train"),
        ("image", "label"),
        ("data", "targets"),
    ],
)
def test_labels_are_found_under_their_usual_names(npz, pixels, x, y):
    labels = np.array([3, 1, 2], np.int32)
    loaded = load(npz(**{x: pixels(3, 4, 4), y: labels[:, None]}))
    assert loaded.labels.tolist() == [3, 1, 2]
    assert loaded.labels.dtype == np.int64


def test_test_images_are_found_too(npz, pixels):
    path = npz(x_train=pixels(3, 4, 4), x_test=pixels(2, 4, 4), y_test=np.array([1, 0]))
    assert load(path, split="test").labels.tolist() == [1, 0]
    assert load(path).images.shape == (3, 4, 4, 1)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5, 6, 4), None),
        ((5, 6, 4, 1), None),
        ((5, 3, 6, 4), (0, 2, 3, 1)),
        ((5, 1, 6, 4), (0, 2, 3, 1)),
    ],
)
def test_any_usual_order_of_axes_is_recognised(npz, pixels, shape, axes):
    images = pixels(*shape)
    expected = images.transpose(axes) if axes else images.reshape(5, 6, 4, 1)
    np.testing.assert_array_equal(load(npz(images=images)).images, expected)


def test_columns_first_are_read_rightly(npz, pixels):
    images = np.asfortranarray(pixels(5, 6, 4, 3))
    np.testing.assert_array_equal(load(npz(images=images)).images, images)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "U3"])
def test_anything_but_uint8_is_refused_with_what_to_do(npz, dtype):
    with pytest.raises(
        SourceError, match=r"must be uint8 with values 0 to 255, got .* save them as"
    ):
        load(npz(images=np.ones((2, 4, 4)).astype(dtype)))


@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 4, 4, 4), (2, 4, 4, 2), (1, 2, 4, 4, 3)])
def test_other_shapes_are_refused(npz, shape):
    with pytest.raises(SourceError, match="must have shape"):
        load(npz(images=np.zeros(shape, np.uint8)))


def test_features_are_not_told_to_be_scaled(npz):
    with pytest.raises(SourceError, match=r"must have shape .* got float32 of shape \(9, 2048\)"):
        load(npz(feats=np.zeros((9, 2048), np.float32)))


def test_no_images_at_all_are_refused(npz):
    with pytest.raises(SourceError, match=r"images\.npy is empty: its shape is \(0, 4, 4\)"):
        load(npz(images=np.zeros((0, 4, 4), np.uint8)))


def test_unknown_names_are_refused_with_those_that_are_there(npz, pixels):
    with pytest.raises(SourceError, match=r"looked for as images, x, .*; got pictures, w"):
        load(npz(pictures=pixels(2, 4, 4), w=np.zeros(3)))
    with pytest.raises(SourceError, match="images for test are looked for as x_test"):
        load(npz(images=pixels(2, 4, 4)), split="test")


@pytest.mark.parametrize("labels", [np.zeros(3, int), np.zeros(2), np.zeros((1, 2), int)])
def test_labels_that_do_not_fit_are_refused(npz, pixels, labels):
    with pytest.raises(SourceError, match=r"labels\.npy must be 2 integers, got"):
        load(npz(images=pixels(2, 4, 4), labels=labels))


def test_a_label_that_is_no_list_is_refused(npz, pixels):
    with pytest.raises(SourceError, match=r"must be 1 integers, got int64 of shape \(\)"):
        load(npz(images=pixels(1, 4, 4), labels=np.array(3)))


class Trap:
    def __reduce__(self):
        return pytest.fail, ("the pickle was run",)


def test_pickled_objects_are_never_run(npz):
    with pytest.raises(SourceError, match="holds Python objects"):
        load(npz(images=np.array([Trap()], object)))


def with_header(header, data=b""):
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000, 1000)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 4, 4)}",
        "{'descr': '|V8', 'fortran_order': False, 'shape': (1, 1, 1)}",
        "{'descr': '|u1', 'shape': (1, 1, 1)}",
        "__import__('os').system('true')",
        "{",
    ],
)
def test_a_hostile_header_is_refused(tmp_path, header):
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("images.npy", with_header(header, bytes(64)))
    with pytest.raises(SourceError):
        load(tmp_path / "data.npz")


def test_the_header_above_is_one_that_works_when_it_is_true(tmp_path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4, 4)}"
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("images.npy", with_header(header, bytes(64)))
    assert load(tmp_path / "data.npz").images.shape == (4, 4, 4, 1)


def test_a_folder_of_npy_files_will_do(tree, pixels):
    images, out = pixels(2, 4, 4, 1), io.BytesIO()
    np.save(out, images)
    np.testing.assert_array_equal(load(tree({"images.npy": out.getvalue()})).images, images)


def test_arrays_that_are_not_read_are_named(npz, pixels):
    with open_source(npz(images=pixels(2, 4, 4), classes=np.arange(2))) as source:
        assert not source.labelled
        assert source.warning.startswith("classes beside the images: not read, since labels are")


def test_both_halves_and_statistics_are_no_strange_arrays(npz, pixels):
    x, y = pixels(2, 4, 4), np.arange(2)
    path = npz(x_train=x, y_train=y, x_test=x, y_test=y, mu=np.zeros(2), sigma=np.eye(2))
    for split in ("train", "test"):
        with open_source(path, split=split) as source:
            assert source.labelled
            assert not source.warning
