"""Forms that are not read are called by their name, with the way to one that is."""

import pickle

import numpy as np
import pytest

from pools.errors import BadImages, SourceError
from pools.sources import open_source

PICKLED = pickle.dumps({b"data": [1]}, 2)


def refusal(path, split="train"):
    with pytest.raises(SourceError) as caught, open_source(path, split=split):
        raise BadImages([])  # it was taken, which no test here wants
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "data", "what", "remedy"),
    [
        ("train.parquet", b"PAR1....", "a Parquet file", "pandas.read_parquet"),
        ("0000", b"PAR1....", "a Parquet file", "pandas.read_parquet"),
        ("data.arrow", b"\xff\xff\xff\xff", "an Arrow file", "load_from_disk"),
        ("data_batch_1.bin", b"11", "CIFAR-10's binary version", "cifar-10-python.tar.gz"),
        ("data_batch_1", PICKLED, "one batch of CIFAR-10", "name the folder"),
        ("train.bin", b"11", "CIFAR-100's binary version", "3074"),
        ("train_X.bin", b"11", "STL-10's binary version", "3, 96, 96"),
        ("digits.mat", b"MATLAB 5.0 MAT-file", "a MATLAB file", "scipy.io.loadmat"),
        ("images.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file", "h5py.File"),
        ("images.pt", PICKLED, "a file of PyTorch", "torch.load"),
        ("images.pkl", PICKLED, "a pickle", "run any code"),
        ("meta", PICKLED, "a pickle", "run any code"),
        ("data.mdb", b"11", "an LMDB database", "lmdb"),
        ("a.tfrecord-00000-of-00001", b"11", "a TFRecord file", "TFRecordDataset"),
        ("images.rar", b"Rar!", "a RAR archive", "unpack it"),
        ("one.tiff", b"II*\0....", "a TIFF image", "save it as PNG"),
        ("one.avif", b"\0\0\0\x20ftypavif", "an AVIF image", "save it as PNG"),
        ("one.png", b"\x89PNG", "a single image", "name the folder"),
    ],
)
def test_a_file_of_a_form_that_is_not_read_says_which_and_what_to_do(
    tree, name, data, what, remedy
):
    message = refusal(tree({name: data + bytes(600)}) / name)
    assert f"it is {what}" in message
    assert remedy in message


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"data/train-0.parquet": b"PAR1", "README.md": b"#"}, "a Parquet file"),
        ({"train_X.bin": b"1", "train_y.bin": b"1", "class_names.txt": b"a"}, "STL-10's"),
        ({"batches.meta.txt": b"a", "data_batch_1.bin": b"1"}, "CIFAR-10's binary"),
        ({"images/a.mat": b"", "images/b.mat": b""}, "a MATLAB file"),
        ({"train-000.tar": b"", "train-001.tar": b""}, "an archive inside of another"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_so_do_folders_and_archives_of_them(tree, zipped, tarred, kind, files, what):
    make = {"folder": tree, "zip": lambda f: zipped(f.items()), "tar": lambda f: tarred(f.items())}
    message = refusal(make[kind](files))
    assert "there is no image in it, but" in message
    assert what in message


def test_cifar_100_is_told_from_other_pickles(tree):
    files = dict.fromkeys(("cifar-100-python/train", "cifar-100-python/test"), PICKLED)
    assert "it is CIFAR-100, whose pickles are not read" in refusal(tree(files))


def test_a_pytorch_file_that_is_a_zip_is_called_so(zipped):
    path = zipped([("images/data.pkl", PICKLED), ("images/data/0", b"1")], "images.pt")
    assert "a file of PyTorch" in refusal(path)


def test_among_images_a_file_of_such_a_form_is_refused_by_itself(tree, encoded, pixels):
    files = {"1.png": encoded(pixels(4, 4, 3)), "2.parquet": b"PAR1"}
    with open_source(tree(files)) as source:
        assert len(source) == 2


def test_nothing_is_unpickled(tree):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle was run",)

    for name in ("a.pkl", "a.pt", "train"):
        refusal(tree({name: pickle.dumps(Trap())}) / name)


def test_a_damaged_start_is_still_refused_in_one_line(tmp_path):
    rng = np.random.default_rng(1)
    for start in (b"\x80\x04", b"II*\0", b"MATLAB ", b"PAR1"):
        (tmp_path / "x").write_bytes(start + rng.bytes(99))
        assert "which is not read" in refusal(tmp_path / "x")
