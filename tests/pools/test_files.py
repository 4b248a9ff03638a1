"""Folders and archives: what is a class, what is junk, what is refused by name."""

import io
import os
import struct
import tarfile
import zipfile

import numpy as np
import pytest
import zarr

from pools import unpack
from pools.archives import LINKED
from pools.sources import BadImages, SourceError, load, open_source
from pools.store import create


@pytest.fixture
def picture(pixels, encoded):
    return lambda side_px=4: encoded(pixels(side_px, side_px, 1))


def names(source):
    return [entry.name for entry in source]


def labels(source):
    return [entry.label for entry in source]


def refusals(path, **options):
    with pytest.raises(BadImages) as caught:
        load(path, **options)
    return {each.name: each.reason for each in caught.value.rejected}


@pytest.fixture(params=["folder", "zip", "plain tar", "tar.gz", "tar.bz2", "tar.xz"])
def stored(request, tree, zipped, tarred):
    """The same files as a folder or as any kind of archive."""

    def store(files):
        if request.param == "folder":
            return tree(files)
        if request.param == "zip":
            return zipped(files.items())
        return tarred(files.items(), request.param.removeprefix("plain tar").removeprefix("tar."))

    return store


def test_a_flat_folder_or_archive_has_no_classes(stored, pixels, encoded):
    images = pixels(3, 4, 4, 1)
    path = stored({f"{n}.png": encoded(image) for n, image in enumerate(images)})
    loaded = load(path)
    np.testing.assert_array_equal(loaded.images, images)
    assert loaded.labels is None
    assert loaded.class_names is None


def test_sub_folders_are_classes_in_byte_order(stored, picture):
    path = stored({f"{name}/1.png": picture() for name in ("dog", "Zebra", "ant", "10", "9")})
    with open_source(path) as source:
        assert source.class_names == ("10", "9", "Zebra", "ant", "dog")
        assert labels(source) == [0, 1, 2, 3, 4]


def test_the_order_is_that_of_the_names_whatever_order_they_are_stored_in(zipped, picture):
    path = zipped([(name, picture()) for name in ("b.png", "10.png", "a.png", "9.png")])
    with open_source(path) as source:
        assert names(source) == ["10.png", "9.png", "a.png", "b.png"]
        assert len(source) == 4


def test_a_folder_around_everything_is_looked_into(stored, picture):
    path = stored({f"data/set/{name}/1.png": picture() for name in ("cat", "dog")})
    with open_source(path) as source:
        assert source.class_names == ("cat", "dog")


def test_one_folder_alone_is_no_class(stored, picture):
    with open_source(stored({"only/1.png": picture(), "only/2.png": picture()})) as source:
        assert source.class_names is None


def test_folders_below_a_class_belong_to_it(stored, picture):
    path = stored({"cat/a/1.png": picture(), "cat/b/1.png": picture(), "dog/1.png": picture()})
    with open_source(path) as source:
        assert labels(source) == [0, 0, 1]


def test_train_and_test_folders_are_splits_with_the_same_classes(stored, picture):
    files = ["train/ant/1.png", "train/bee/1.png", "train/cat/1.png", "test/cat/1.png"]
    path = stored({f"set/{name}": picture() for name in files})
    with open_source(path) as train, open_source(path, split="test") as test:
        assert names(train) == [f"set/{name}" for name in files[:3]]
        assert labels(train) == [0, 1, 2]
        assert labels(test) == [2]
        assert train.class_names == test.class_names == ("ant", "bee", "cat")


def test_flat_train_and_test_folders_are_splits(stored, picture):
    path = stored({"train/1.png": picture(), "train/2.png": picture(), "test/1.png": picture()})
    with open_source(path) as train, open_source(path, split="test") as test:
        assert (len(train), len(test)) == (2, 1)
        assert train.class_names is None


@pytest.mark.parametrize(
    ("learned", "held_out"),
    [("Train", "Test"), ("training", "testing"), ("train", "val"), ("TRAIN", "Validation")],
)
def test_splits_go_by_the_names_that_people_give_them(learned, held_out, stored, picture):
    files = [f"{learned}/cat/1.png", f"{learned}/dog/1.png", f"{held_out}/cat/1.png"]
    path = stored(dict.fromkeys(files, picture()))
    with open_source(path) as train, open_source(path, split="test") as test:
        assert (names(train), names(test)) == (files[:2], files[2:])
        assert train.class_names == test.class_names == ("cat", "dog")


def test_splits_beside_other_folders_are_classes_with_a_warning(stored, picture):
    path = stored({f"{name}/1.png": picture() for name in ("train", "test", "more")})
    with open_source(path) as source:
        assert source.class_names == ("more", "test", "train")
        assert source.warning.startswith("the folders test, train are taken for classes")


def test_one_class_that_is_called_as_a_part_is_no_doubt(stored, picture):
    with open_source(stored({f"{name}/1.png": picture() for name in ("train", "bus")})) as source:
        assert source.warning == ""


def test_validation_images_are_held_out_only_where_there_are_no_test_images(stored, picture):
    path = stored({f"{part}/1.png": picture() for part in ("train", "val", "test")})
    with open_source(path, split="test") as test:
        assert names(test) == ["test/1.png"]


def test_what_is_not_divided_has_no_test_images(stored, picture):
    with pytest.raises(SourceError, match="there are no images for test"):
        open_source(stored({"1.png": picture()}), split="test")


def test_an_unknown_split_is_refused(stored, picture):
    with pytest.raises(SourceError, match='must be "train" or "test", got \'valid\''):
        open_source(stored({"1.png": picture()}), split="valid")


def test_hidden_files_and_system_junk_are_skipped(stored, picture):
    junk = [
        ".DS_Store",
        "__MACOSX/._1.png",
        "a/Thumbs.db",
        "a/desktop.ini",
        ".git/x.png",
        "a/._1.png",
    ]
    path = stored({"a/1.png": picture(), "b/1.png": picture()} | dict.fromkeys(junk, b"junk"))
    with open_source(path) as source:
        assert names(source) == ["a/1.png", "b/1.png"]
        assert source.class_names == ("a", "b")


def test_other_files_are_refused_by_name(stored, picture):
    sidecars = {"labels.csv": b"a,b", "cat/1.json": b"{}", "notes.txt": b"hello"}
    path = stored({"cat/1.png": picture(), "dog/1.png": picture()} | sidecars)
    reasons = refusals(path)
    assert set(reasons) == set(sidecars)
    assert set(reasons.values()) == {"is not a PNG, JPEG, WebP, BMP or GIF image"}


def test_a_sidecar_next_to_the_splits_is_refused_too(stored, picture):
    path = stored({"train/1.png": picture(), "test/1.png": picture(), "readme.md": b"#"})
    assert set(refusals(path)) == {"readme.md"}


def test_an_image_beside_the_class_folders_has_no_class(stored, picture):
    path = stored({"cat/1.png": picture(), "dog/1.png": picture(), "stray.png": picture()})
    assert refusals(path) == {"stray.png": "lies beside the class folders, so it has no class"}


def test_one_corrupt_file_among_many_is_the_one_that_is_named(stored, picture):
    files = {f"{n:04}.png": picture() for n in range(1000)}
    files["0537.png"] = files["0537.png"][:-30]
    reasons = refusals(stored(files))
    assert list(reasons) == ["0537.png"]
    assert reasons["0537.png"].startswith("is corrupt or truncated")


def test_an_empty_folder_or_archive_is_refused(stored):
    with pytest.raises(SourceError, match="there are no images"):
        open_source(stored({".hidden": b""}))


def test_sizes_that_differ_need_a_resolution(stored, picture):
    path = stored({"1.png": picture(4), "2.png": picture(4), "3.png": picture(6)})
    assert refusals(path) == {
        "3.png": "is 6 × 6 px, the first image is 4 × 4: give one resolution for all"
    }
    assert load(path, resolution_px=5).images.shape == (3, 5, 5, 1)


def test_colour_makes_all_colour_unless_channels_are_given(stored, pixels, encoded):
    path = stored({"1.png": encoded(pixels(4, 4, 1)), "2.png": encoded(pixels(4, 4, 3))})
    assert load(path).images.shape == (2, 4, 4, 3)
    assert load(path, channels=1).images.shape == (2, 4, 4, 1)


def test_a_limit_takes_the_first(stored, picture):
    path = stored({f"{n}.png": picture() for n in range(5)})
    np.testing.assert_array_equal(load(path, limit=2).images, load(path).images[:2])
    with pytest.raises(SourceError, match="got a limit of 0"):
        load(path, limit=0)


def test_names_that_climb_out_of_an_archive_are_only_names(tmp_path, zipped, picture):
    with open_source(zipped([("../../evil.png", picture()), ("/etc/1.png", picture())])) as source:
        assert names(source) == ["etc/1.png", "evil.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.zip"]


def test_backslashes_in_a_zip_are_folders(zipped, picture):
    path = zipped([("cat\\", b""), ("cat\\1.png", picture()), ("dog\\1.png", picture())])
    with open_source(path) as source:
        assert source.class_names == ("cat", "dog")


def test_a_second_file_of_one_name_is_refused(zipped, picture):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped([("1.png", picture()), ("1.png", picture())])
    assert refusals(path) == {"1.png": "is the second file of this name"}


def test_encrypted_members_are_refused(zipped, picture):
    path = zipped([("1.png", picture())])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert refusals(path) == {"1.png": "is encrypted"}


def test_a_member_whose_checksum_is_wrong_is_refused(zipped, picture):
    path = zipped([("1.png", picture())])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    path.write_bytes(data)
    assert refusals(path)["1.png"].startswith("cannot be read: Bad CRC-32")


def test_a_zip_bomb_is_refused_before_anything_is_unpacked(zipped, monkeypatch):
    monkeypatch.setattr(unpack, "FREE_BYTES", 1_000_000)
    path = zipped([(f"{n}.png", bytes(4_000_000)) for n in range(3)])
    with pytest.raises(SourceError, match=r"has .* bytes and expands to more than"):
        open_source(path)


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_declared(zipped):
    path = zipped([("1.png", bytes(1_000_000))])
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 100)
    path.write_bytes(data)
    assert refusals(path)["1.png"].startswith("cannot be read")


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_tar_bomb_is_refused_while_it_is_unpacked(compression, tarred, monkeypatch):
    monkeypatch.setattr(unpack, "FREE_BYTES", 1_000_000)
    path = tarred([("1.png", bytes(20_000_000))], compression)
    with pytest.raises(SourceError, match="expands to more than"):
        open_source(path)


def test_too_many_files_are_refused(monkeypatch, stored, picture):
    monkeypatch.setattr("pools.archives.MAX_FILES", 2)
    with pytest.raises(SourceError, match="has more than 2 files"):
        open_source(stored({f"{n}.png": picture() for n in range(3)}))


def test_a_file_that_is_too_large_is_refused_unread(monkeypatch, stored, picture):
    monkeypatch.setattr("pools.files.MAX_FILE_BYTES", 1000)
    path = stored({"1.png": picture(), "2.png": bytes(1001)})
    assert list(refusals(path)) == ["2.png"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(kind, tarred, picture):
    special = tarfile.TarInfo("2.png")
    special.type, special.linkname = kind, "/etc/passwd"
    path = tarred([("1.png", picture()), ("2.png", special)])
    assert refusals(path) == {
        "2.png": "is a link or a device: make the tar again with tar --dereference"
    }


def test_a_sparse_member_that_claims_to_be_huge_is_refused(tarred):
    path = tarred([("1.png", b"x" * 600)])
    data = bytearray(path.read_bytes())
    data[124:136] = b"%011o\0" % (2**31)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    path.write_bytes(data)
    with pytest.raises(SourceError):
        load(path)


def test_an_archive_cut_short_anywhere_is_refused(zipped, tarred, picture):
    members = [("1.png", picture()), ("2.png", picture())]
    for path in (zipped(members), tarred(members), tarred(members, "gz")):
        whole = path.read_bytes()
        end = whole.rindex(b"IEND") if path.suffix == ".plain" else len(whole) - 1
        for size in range(0, end, max(end // 60, 1)):
            path.write_bytes(whole[:size])
            with pytest.raises(SourceError):
                load(path)


def test_a_tar_with_a_damaged_header_is_refused_whole(tarred, picture):
    path = tarred([("1.png", picture()), ("2.png", picture()), ("3.png", picture())])
    data = bytearray(path.read_bytes())
    data[data.index(b"2.png")] ^= 1
    path.write_bytes(data)
    with pytest.raises(SourceError, match="the tar is damaged or cut short after 1,024 bytes"):
        open_source(path)


def test_a_link_to_a_file_is_followed_and_a_link_to_a_folder_is_refused(tree, picture, tmp_path):
    folder = tree({"1.png": picture()})
    other = tree({"x.png": picture()}, "other")
    (folder / "2.png").symlink_to(other / "x.png")
    (folder / "more").symlink_to(other)
    (folder / "gone.png").symlink_to(tmp_path / "nowhere")
    assert refusals(folder) == {"gone.png": "is no regular file", "more": LINKED}


def test_a_pipe_in_a_folder_is_refused_and_never_waited_for(tree, picture):
    folder = tree({"1.png": picture()})
    os.mkfifo(folder / "2.png")
    assert refusals(folder) == {"2.png": "is no regular file"}


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"it does not exist, nor is it one of .*mnist"):
        open_source(tmp_path / "absent")


def test_a_file_of_no_known_kind_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SourceError, match="it is no folder, zip, tar"):
        open_source(tmp_path / "notes.txt")


def test_an_archive_is_closed_with_its_source(zipped, picture):
    with open_source(zipped([("1.png", picture())])) as source:
        entry = next(iter(source))
    with pytest.raises(Exception, match="closed"):
        entry.decode()


def test_unprintable_names_are_shown_escaped(tarred):
    with pytest.raises(BadImages, match=r"evil\\x1b\[2J\\n\.png: is not") as caught:
        load(tarred([("evil\x1b[2J\n.png", b"x"), ("\udcff.png", b"x")]))
    str(caught.value).encode()


def test_a_device_or_pipe_is_refused_before_it_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", tmp_path / "pipe"):
        with pytest.raises(SourceError, match="neither a file nor a folder: a device or pipe"):
            open_source(path)


def test_a_pool_is_a_source_too(tmp_path, pixels):
    images = pixels(70, 4, 4, 1)
    pool = create(tmp_path / "a.zarr", count=70, resolution_px=4, channels=1, labelled=True)
    pool.write(0, images, np.arange(70))
    loaded = load(tmp_path / "a.zarr")
    np.testing.assert_array_equal(loaded.images, images)
    assert loaded.labels.tolist() == list(range(70))
    with pytest.raises(SourceError, match="no images for test"):
        open_source(tmp_path / "a.zarr", split="test")
    with pytest.raises(SourceError, match="no readable pool"):
        open_source("memory://nothing.zarr")


def test_an_empty_pool_and_zarr_of_another_format_are_refused(tmp_path):
    empty = zarr.create_group(tmp_path / "empty.zarr", attributes={"uncanny_pool": 1})
    empty.create_array("images", shape=(0, 4, 4, 1), dtype="uint8")
    with pytest.raises(SourceError, match="there are no images"):
        open_source(tmp_path / "empty.zarr")
    zarr.create_group(tmp_path / "old.zarr", zarr_format=2)
    with pytest.raises(SourceError, match="no readable pool"):
        open_source(tmp_path / "old.zarr")


def test_a_zip_inside_is_no_image(zipped, picture):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("1.png", picture())
    assert list(refusals(zipped([("1.png", picture()), ("inner.zip", inner.getvalue())]))) == [
        "inner.zip"
    ]
