import gzip
import io
import shutil

import numpy as np
import pytest
import zarr
from django.core.management import CommandError, call_command

from evalsite.catalog import services
from evalsite.catalog.models import Dataset, Pool
from pools import emoji, mirrors, sources
from pools.entries import source_of_array
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def pools_on_disk(settings, tmp_path):
    """The names of all that lies in the pool store."""
    store = tmp_path / "pools"

    def names():
        return [path.name for path in store.iterdir()] if store.exists() else []

    return names


@pytest.fixture
def folder(tmp_path):
    """`folder({"cats/1.png": data})`: a folder with those files."""

    def write(files):
        for name, data in files.items():
            path = tmp_path / "source" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "source"

    return write


def run(*arguments, **options):
    out = io.StringIO()
    call_command("import_dataset", *map(str, arguments), stdout=out, **options)
    return out.getvalue()


def pngs(number, resolution_px=8):
    return [factories.png(image) for image in factories.pixels(number, resolution_px)]


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


def test_the_held_out_images_of_a_divided_source_are_those_that_test_names(folder):
    names = ["train/1.png", "train/2.png", "train/3.png", "test/1.png", "test/2.png"]
    divided = folder(dict(zip(names, pngs(5), strict=True)))
    assert "2 held out, 3 training images" in run("Noise", divided / "train", test=str(divided))


def test_a_flat_folder_becomes_a_data_set(folder):
    source = folder({f"{n}.png": data for n, data in enumerate(pngs(5))})
    assert "5 training images of 8 px" in run("Noise", source)
    made = Dataset.objects.get(slug="noise")
    assert (made.resolution_px, made.channels, made.class_names) == (8, 1, [])
    pool = made.train_pool
    assert pool.is_ready
    assert pool.count == len(pool.open()) == 5
    assert pool.content_hash == pool.open().content_hash()
    assert made.held_out_pool == pool


def test_sub_folders_become_classes(folder):
    first, second, third = pngs(3)
    run("Pets", folder({"cat/1.png": first, "dog/1.png": second, "dog/2.png": third}))
    made = Dataset.objects.get()
    assert made.class_names == ["cat", "dog"]
    assert made.train_pool.open().labels.tolist() == [0, 1, 1]


def test_idx_files_bring_their_held_out_half(folder):
    images, labels = factories.pixels(7)[..., 0], np.arange(7) % 2
    source = folder(
        {
            "train-images-idx3-ubyte.gz": idx(images),
            "train-labels-idx1-ubyte.gz": idx(labels),
            "t10k-images-idx3-ubyte.gz": idx(images[:3]),
            "t10k-labels-idx1-ubyte.gz": idx(labels[:3]),
        }
    )
    assert "3 held out, 7 training images of 8 px" in run("Digits", source)
    made = Dataset.objects.get()
    np.testing.assert_array_equal(made.train_pool.open().read(0, 7)[..., 0], images)
    assert made.held_out_pool.split == Pool.Split.TEST
    assert made.held_out_pool.count == 3


def test_a_zip_is_resized_on_request(tmp_path):
    (tmp_path / "images.zip").write_bytes(factories.image_zip(4, resolution_px=12))
    run("Small", tmp_path / "images.zip", "--resolution", "6", "--channels", "3")
    assert Dataset.objects.get().train_pool.open().shape == (4, 6, 6, 3)


def test_an_npz_is_taken_as_it_is(tmp_path):
    images = factories.pixels(6, channels=3)
    np.savez(tmp_path / "images.npz", images=images)
    run("Array", tmp_path / "images.npz", "--licence", "CC0", "--origin", "made up")
    made = Dataset.objects.get()
    np.testing.assert_array_equal(made.train_pool.open().read(0, 6), images)
    assert (made.licence, made.source) == ("CC0", "made up")


def test_a_zarr_array_that_lacks_chunks_is_imported_with_a_warning(tmp_path):
    array = zarr.create_array(tmp_path / "a", shape=(4, 8, 8), dtype="uint8", chunks=(2, 8, 8))
    array[:2] = 200
    told = run("Half", tmp_path / "a")
    assert told.startswith("warning: 1 of the 2 chunks of a are absent and read as 0")
    assert "Half: 4 training images" in told


def test_a_shipped_pack_is_known_by_its_name(monkeypatch, tmp_path):
    opened = []

    def small(name, *, split="train"):
        opened.append((str(name), split))
        return open_source(tmp_path / "images.zip")

    open_source = sources.open_source
    (tmp_path / "images.zip").write_bytes(factories.image_zip(3))
    monkeypatch.setattr(sources, "open_source", small)
    run("MNIST", "mnist")
    assert opened == [("mnist", "train"), ("mnist", "test")]


def test_held_out_images_may_lie_elsewhere(tmp_path):
    (tmp_path / "train.zip").write_bytes(factories.image_zip(4))
    (tmp_path / "test.zip").write_bytes(factories.image_zip(2))
    run("Two", tmp_path / "train.zip", "--test", tmp_path / "test.zip")
    made = Dataset.objects.get()
    assert (made.train_pool.count, made.held_out_pool.count) == (4, 2)


def test_a_download_is_imported_as_a_source(monkeypatch, tmp_path):
    (tmp_path / "images.zip").write_bytes(factories.image_zip(4))

    def fetched(name, folder, progress):
        progress(name, 2**20)
        return shutil.copy(tmp_path / "images.zip", folder)

    monkeypatch.setattr(mirrors, "download", fetched)
    assert "mnist: 1.0 MB" in run("Fetched", download="mnist")
    assert Dataset.objects.get().train_pool.count == 4


@pytest.mark.parametrize(
    "places",
    [
        [],
        ["mnist", "--download", "mnist"],
        ["mnist", "--emoji"],
        ["--download", "mnist", "--emoji"],
    ],
)
def test_none_or_several_places_to_take_images_from_are_refused(places):
    with pytest.raises(CommandError, match="give one of a SOURCE, --download and --emoji"):
        run("Digits", *places)


def test_emoji_become_a_colour_set_of_64_px_with_classes_and_licence(monkeypatch):
    asked = []

    def two(path):
        asked.append(path)
        images = np.full((2, 128, 136, 3), 255, np.uint8)
        return source_of_array(images, np.array([1, 3]), emoji.KNOWN.class_names)

    monkeypatch.setattr(emoji, "source_of_emoji", two)
    assert "2 training images of 64 px" in run("Emoji", "--emoji")
    made = Dataset.objects.get()
    assert made.train_pool.open().shape == (2, 64, 64, 3)
    assert made.train_pool.open().labels.tolist() == [1, 3]
    assert made.class_names[:4] == ["man", "woman", "person", "smiley"]
    assert made.licence == "SIL Open Font License 1.1"
    run("Small", "--emoji", "my.ttf", "--resolution", "32")
    assert Dataset.objects.get(slug="small").resolution_px == 32
    assert "Noto Color Emoji: " in run("--emoji")
    assert asked == [emoji.FONT, "my.ttf", emoji.FONT]


def test_an_absent_emoji_font_is_told_with_its_package(tmp_path):
    with pytest.raises(
        CommandError, match=r"nothing was imported: .*package fonts-noto-color-emoji"
    ):
        run("Emoji", "--emoji", tmp_path / "odd.ttf")


def test_one_corrupt_file_and_nothing_is_imported(folder, pools_on_disk):
    files = {f"{n}.png": data for n, data in enumerate(pngs(5))}
    files["3.png"] = files["3.png"][:60]
    files["notes.gif"] = b"no image at all"
    with pytest.raises(CommandError, match=r"nothing was imported(.|\n)*3\.png(.|\n)*notes\.gif"):
        run("Noise", folder(files))
    assert not Dataset.objects.exists()
    assert not Pool.jobs.exists()
    assert pools_on_disk() == []


def test_a_corrupt_held_out_half_takes_the_training_half_with_it(tmp_path, pools_on_disk):
    (tmp_path / "train.zip").write_bytes(factories.image_zip(4))
    bad = factories.image_zip(2, extra=[("broken.png", b"\x89PNG\r\n\x1a\n")])
    (tmp_path / "test.zip").write_bytes(bad)
    with pytest.raises(CommandError, match=r"broken\.png"):
        run("Two", tmp_path / "train.zip", "--test", tmp_path / "test.zip")
    assert not Dataset.objects.exists()
    assert pools_on_disk() == []


def test_a_failing_database_leaves_no_images_behind(folder, pools_on_disk, monkeypatch):
    def broken(*_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(services, "_add_real_pool", broken)
    with pytest.raises(RuntimeError, match="disk is full"):
        run("Noise", folder({"1.png": pngs(1)[0]}))
    assert not Dataset.objects.exists()
    assert pools_on_disk() == []


def test_a_name_is_given_once_in_any_case(folder, pools_on_disk):
    source = folder({f"{n}.png": data for n, data in enumerate(pngs(2))})
    run("Noise", source)
    with pytest.raises(CommandError, match="there is a data set called 'NOISE' already"):
        run("NOISE", source)
    assert Dataset.objects.count() == 1
    assert len(pools_on_disk()) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 81, "name: Ensure this value has at most 80 characters"),
        ("", "name: This field cannot be blank"),
        ("  ", "name: only signs that can be seen"),
        ("a\nb", r"name: only signs that can be seen, .* got 'a\\nb'"),
        ("a\0b", "name: only signs that can be seen"),
    ],
)
def test_a_name_that_is_none_is_refused_before_images_are_read(folder, pools_on_disk, name, words):
    with pytest.raises(CommandError, match=words):
        run(name, folder({"1.png": pngs(1)[0]}))
    assert not Dataset.objects.exists()
    assert pools_on_disk() == []


def test_a_licence_that_is_too_long_is_refused(folder):
    with pytest.raises(CommandError, match="licence: Ensure this value has at most 200"):
        run("Noise", folder({"1.png": pngs(1)[0]}), "--licence", "x" * 201)


@pytest.mark.parametrize("resolution", ["0", "-8", "100000"])
def test_an_impossible_resolution_is_refused_in_words(folder, resolution):
    source = folder({"1.png": pngs(1)[0]})
    with pytest.raises(CommandError, match="resolution"):
        run("Noise", source, "--resolution", resolution)


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"nowhere\.zip.*does not exist"):
        run("Noise", tmp_path / "nowhere.zip")


def test_a_folder_without_images_is_refused(folder):
    with pytest.raises(CommandError, match="nothing was imported"):
        run("Noise", folder({"readme.txt": b"no images here"}))
