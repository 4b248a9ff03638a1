"""CIFAR-10's archive is a tar of pickles: they are read, and never run."""

import pickle
import pickletools
import struct
import warnings

import numpy as np
import pytest

from pools import cifar
from pools.cifar import EXECUTING, read_batch
from pools.errors import SourceError
from pools.sources import load, open_source

COUNT = 100
"""Images a batch here: 10,000 are read by one test."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(cifar, "IMAGES_PER_BATCH", COUNT)
    monkeypatch.setattr(cifar, "BATCH_BYTES", COUNT * 3072)


def text(value):
    return b"U" + bytes([len(value)]) + value


def batch(pixels, labels, before_stop=b""):
    """The pickle that Python 2 wrote, opcode by opcode."""
    data = pixels.tobytes("A")
    columns_first = b"\x89" if pixels.flags.c_contiguous else b"\x88"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"tR"
        b"(K\x01J" + struct.pack("<i", len(pixels)) + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\n(" + text(b"u1") + b"K\x00K\x01tR"
        b"(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + columns_first
        + b"T"
        + struct.pack("<i", len(data))
        + data
        + b"tb"
    )
    integers = b"".join(b"K" + bytes([label]) for label in labels)
    return (
        b"\x80\x02}("
        + text(b"batch_label")
        + text(b"testing batch 1 of 1")
        + text(b"labels")
        + b"]("
        + integers
        + b"e"
        + text(b"data")
        + array
        + text(b"filenames")
        + b"]("
        + text(b"a.png")
        + b"e"
        + b"u"
        + before_stop
        + b"."
    )


def random_content(count):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, 3072), np.uint8), rng.integers(0, 10, count)


@pytest.fixture(scope="module")
def content():
    return random_content(COUNT)


@pytest.fixture(scope="module")
def data(content):
    return batch(*content)


def test_the_batches_made_here_are_what_pickle_reads(content, data):
    with warnings.catch_warnings(action="ignore"):
        unpickled = pickle.loads(data, encoding="bytes")
    np.testing.assert_array_equal(unpickled[b"data"], content[0])
    assert unpickled[b"labels"] == content[1].tolist()


def test_a_batch_is_read_as_pickle_would_read_it(monkeypatch):
    monkeypatch.undo()
    pixels, classes = random_content(10_000)
    images, labels = read_batch(batch(pixels, classes))
    assert images.shape == (10_000, 32, 32, 3)
    np.testing.assert_array_equal(images.transpose(0, 3, 1, 2).reshape(10_000, -1), pixels)
    np.testing.assert_array_equal(labels, classes)


def test_pixels_that_are_stored_column_by_column_are_read_rightly(content, data):
    pixels, labels = content
    np.testing.assert_array_equal(
        read_batch(batch(np.asfortranarray(pixels), labels))[0], read_batch(data)[0]
    )


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("key", [str, str.encode])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_batch_that_python_3_wrote_again_is_read(content, data, protocol, key, order):
    again = {
        key("batch_label"): key("testing batch 1 of 1"),
        key("labels"): content[1].tolist(),
        key("data"): np.array(content[0], order=order),
        key("filenames"): [key("a.png")] * 2,
    }
    images, labels = read_batch(pickle.dumps(again, protocol))
    np.testing.assert_array_equal(images, read_batch(data)[0])
    np.testing.assert_array_equal(labels, content[1])


def test_columns_are_never_taken_for_rows(content):
    """An order that the pickle only refers to, as a string that it gave before, is refused."""
    stolen = {
        "F": "F",
        "labels": content[1].tolist(),
        "data": np.asfortranarray(content[0]),
    }
    with pytest.raises(SourceError, match="whether its pixels are stored row by row"):
        read_batch(pickle.dumps(stolen, 5))


def test_an_array_that_may_not_be_written_to_is_read(content):
    pixels = content[0].copy(order="F")
    pixels.flags.writeable = False
    again = {"shuffled": False, "labels": content[1].tolist(), "data": pixels}
    images, _ = read_batch(pickle.dumps(again, 5))
    np.testing.assert_array_equal(images.transpose(0, 3, 1, 2).reshape(COUNT, -1), content[0])


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_the_archive_and_its_folder_are_read(kind, tree, tarred, content, data):
    files = {"cifar-10-batches-py/test_batch": data, "cifar-10-batches-py/batches.meta": b"."}
    path = tree(files) if kind == "folder" else tarred(files.items())
    loaded = load(path, split="test", limit=20)
    np.testing.assert_array_equal(loaded.labels, content[1][:20])
    assert loaded.class_names[:2] == ("airplane", "automobile")
    np.testing.assert_array_equal(loaded.images[7, :, :, 2].ravel(), content[0][7, 2048:])


def test_the_training_half_needs_all_five_batches(tree, data):
    with pytest.raises(SourceError, match="train images need data_batch_2, which is not there"):
        open_source(tree({"data_batch_1": data}))


@pytest.mark.parametrize(
    "hostile",
    [
        b"cos\nsystem\n(U\x04truetR",
        b"cnumpy.core.multiarray\nscalar\n",
        b"(ios\nsystem\n",
        b"U\x02osU\x06system\x93",
        b"P7\n",
        b"U\x01aQ",
        b"\x82\x01",
        b"cnumpy\nndarray\n)\x81",
        b"(cnumpy\nndarray\no",
    ],
)
def test_a_pickle_that_would_call_anything_else_is_refused(content, hostile):
    with pytest.raises(SourceError, match=r"a pickle that calls .* is no CIFAR-10 batch"):
        read_batch(batch(*content, before_stop=hostile))


class Trap:
    def __reduce__(self):
        return pytest.fail, ("the pickle was run",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_trap_is_refused_and_never_run(tree, protocol):
    folder = tree({"test_batch": pickle.dumps({b"data": Trap()}, protocol)})
    with pytest.raises(SourceError, match="is no CIFAR-10 batch"):
        open_source(folder, split="test")


def test_a_pickle_that_asks_for_a_huge_memo_costs_nothing(tree):
    folder = tree({"test_batch": b"\x80\x02}r\xff\xff\xff\xff."})
    with pytest.raises(SourceError, match="got 0 and 0"):
        open_source(folder, split="test")


def test_a_batch_that_is_not_complete_is_refused(content):
    pixels, labels = content
    with pytest.raises(SourceError, match="307,200 bytes of pixels and 100 labels, got 0 and 100"):
        read_batch(batch(pixels[:-1].copy(), labels))
    with pytest.raises(SourceError, match="got 307,200 and 99"):
        read_batch(batch(pixels, labels[:-1]))


def test_labels_beyond_the_ten_classes_are_refused(content):
    pixels, labels = content
    with pytest.raises(SourceError, match="labels are 0 to 9, got 0 to 10"):
        read_batch(batch(pixels, np.append(labels[:-1], 10)))


def test_a_truncated_batch_is_refused(tree, data):
    for size in (0, 1, 100, 20_100, len(data) - 5):
        with pytest.raises(SourceError):
            open_source(tree({"test_batch": data[:size]}), split="test")


def test_every_opcode_that_can_call_something_is_known():
    calling = {
        opcode.name
        for opcode in pickletools.opcodes
        if "GLOBAL" in opcode.name
        or opcode.name.startswith(("INST", "OBJ", "NEWOBJ", "EXT"))
        or "PERSID" in opcode.name
    }
    assert calling == EXECUTING
