"""Whatever bytes come in, what comes out is images or a plain refusal."""

import io
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pools.decode import decode
from pools.errors import Rejection
from pools.sources import SourceError, load, open_source

FUZZ = settings(
    deadline=None,
    max_examples=100,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)))
CUT = st.floats(0.05, 1)


def mutated(data, changes, cut):
    data = bytearray(data)
    for place, replacement in changes:
        at = int(place * len(data))
        data[at : at + len(replacement)] = replacement
    return bytes(data[: max(int(cut * len(data)), 1)])


def decodes_or_refuses(data):
    try:
        image = decode(data)
    except Rejection:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] in (1, 3)


def loads_or_refuses(path, data):
    path.write_bytes(data)
    for split in ("train", "test"):
        try:
            loaded = load(path, split=split, resolution_px=8)
        except SourceError:
            continue
        assert loaded.images.shape[1:3] == (8, 8)


@FUZZ
@given(st.binary(max_size=300))
def test_random_bytes_decode_or_are_refused(data):
    decodes_or_refuses(data)


@pytest.mark.parametrize(
    "start",
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP"],
)
@FUZZ
@given(data=st.binary(max_size=300))
def test_random_bytes_after_a_true_start_decode_or_are_refused(start, data):
    decodes_or_refuses(start + data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
@FUZZ
@given(changes=CHANGES, cut=CUT)
def test_damaged_image_files_decode_or_are_refused(kind, changes, cut, encoded):
    image = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    decodes_or_refuses(mutated(encoded(image, kind), changes, cut))


@FUZZ
@given(st.binary(max_size=400))
def test_random_files_load_or_are_refused(tmp_path, data):
    loads_or_refuses(tmp_path / "data", data)


def a_zip(encoded, idx):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/1.png", "b/2.png"):
            archive.writestr(name, encoded(np.eye(8, dtype=np.uint8)))
    return out.getvalue()


def a_tar(encoded, idx, compression=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as archive:
        for name in ("a/1.png", "b/2.png"):
            data = encoded(np.eye(8, dtype=np.uint8))
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def an_npz(encoded, idx):
    out = io.BytesIO()
    np.savez(out, images=np.ones((3, 8, 8), np.uint8), labels=np.arange(3))
    return out.getvalue()


MAKERS = {
    "zip": a_zip,
    "tar": a_tar,
    "tar.gz": lambda encoded, idx: a_tar(encoded, idx, "gz"),
    "tar.xz": lambda encoded, idx: a_tar(encoded, idx, "xz"),
    "tar.bz2": lambda encoded, idx: a_tar(encoded, idx, "bz2"),
    "npz": an_npz,
    "idx": lambda encoded, idx: idx(np.ones((3, 8, 8))),
    "idx.gz": lambda encoded, idx: idx(np.ones((3, 8, 8)), zipped=True),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_damaged_below_loads_while_it_is_whole(kind, tmp_path, encoded, idx):
    (tmp_path / "data").write_bytes(MAKERS[kind](encoded, idx))
    assert load(tmp_path / "data").images.shape[1:] == (8, 8, 1)


@pytest.mark.parametrize("kind", MAKERS)
@FUZZ
@given(changes=CHANGES, cut=CUT)
def test_damaged_archives_load_or_are_refused(kind, changes, cut, tmp_path, encoded, idx):
    loads_or_refuses(tmp_path / "data", mutated(MAKERS[kind](encoded, idx), changes, cut))


@FUZZ
@given(name=st.text(max_size=30))
def test_any_member_name_is_only_a_name(name, tmp_path, encoded):
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        info = tarfile.TarInfo(name)
        data = encoded(np.eye(4, dtype=np.uint8))
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    try:
        with open_source(tmp_path / "data.tar") as source:
            assert len(source) == 1
    except SourceError as reason:
        str(reason).encode()
    assert [path.name for path in tmp_path.iterdir()] == ["data.tar"]
