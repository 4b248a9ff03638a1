"""Small images and files of every kind, made on the spot."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def pixels(rng):
    """`pixels(3, 8, 8, 1)`: random uint8 images of that shape."""
    return lambda *shape: rng.integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="session")
def encoded():
    """`encoded(array, "PNG")`: the bytes of an image file."""

    def encode(image, kind="PNG", **options):
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image.squeeze())
        out = io.BytesIO()
        picture.save(out, kind, **options)
        return out.getvalue()

    return encode


@pytest.fixture
def tree(tmp_path):
    """`tree({"cats/1.png": data})`: a folder with those files."""

    def write(files, folder="tree"):
        for name, data in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / folder

    return write


@pytest.fixture
def zipped(tmp_path):
    """`zipped([("a.png", data)])`: a zip of those members, in that order, doubles and all."""

    def write(members, name="images.zip"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in members:
                archive.writestr(member, data)
        return tmp_path / name

    return write


@pytest.fixture
def tarred(tmp_path):
    """`tarred([("a.png", data)], "gz")`: a tar of those members; data may be a TarInfo's type."""

    def write(members, compression=""):
        path = tmp_path / f"images.tar.{compression or 'plain'}"
        with tarfile.open(path, f"w:{compression}") as archive:
            for member, data in members:
                info = tarfile.TarInfo(member)
                if isinstance(data, tarfile.TarInfo):
                    archive.addfile(data)
                else:
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
        return path

    return write


@pytest.fixture(scope="session")
def idx():
    """`idx(array, zipped=True)`: the bytes of an idx file."""

    def encode(array, zipped=False):
        array = np.asarray(array, np.uint8)
        header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
        data = header + array.tobytes()
        return gzip.compress(data) if zipped else data

    return encode
