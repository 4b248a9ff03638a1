import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from metrics.command import main
from metrics.extractors import catalog
from metrics.measure import measure
from metrics.source_pool import open_images
from pools import store
from pools.sources import import_images, open_source


@pytest.fixture
def quick(pixels, monkeypatch):
    """The command with an extractor that needs no network."""
    monkeypatch.setattr(catalog, "create", lambda name: pixels)
    return pixels


@pytest.fixture
def sets(tmp_path, images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    real, fake = images(60, seed=1), images(50, seed=2)
    np.savez(tmp_path / "real.npz", images=real)
    np.savez(tmp_path / "fake.npz", images=fake)
    return real, fake


def printed(capsys, *arguments):
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def saved(images, folder):
    folder.mkdir(parents=True)
    for index, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{index:03}.png")
    return folder


def refusal(capsys, *arguments):
    """What the command says on stderr, after the progress, as it ends with status 2."""
    assert main([*map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err[captured.err.index("error: ") :]


def test_any_number_of_workers_prints_the_digits_of_measure(
    tmp_path, images, capsys, lite0, monkeypatch
):
    real, fake = images(20, seed=1), images(20, seed=2)
    np.savez(tmp_path / "real.npz", images=real)
    np.savez(tmp_path / "fake.npz", images=fake)
    expected = measure(real, fake, seed=3, metrics=["is", "kid"], extractor=lite0).as_dict()
    assert [each["name"] for each in expected["figures"]] == ["IS-lite0", "KID-lite0"]
    monkeypatch.setattr(catalog, "create", lambda name: lite0)  # here, not in the processes
    arguments = [tmp_path / "real.npz", tmp_path / "fake.npz", "--seed", 3, "--metrics", "is,kid"]
    arguments += ["--cache", tmp_path / "features"]
    assert printed(capsys, *arguments, "--workers", 2) == expected
    assert printed(capsys, *arguments) == expected


def test_what_holds_the_images_and_in_which_order_changes_no_digit(sets, tmp_path, capsys, quick):
    folder = saved(sets[1][::-1], tmp_path / "folder")
    with zipfile.ZipFile("fake.zip", "w") as archive:
        for index in np.random.default_rng(0).permutation(50):
            archive.write(folder / f"{index:03}.png", f"{49 - index:03}.png")
    with open_source(folder) as source:
        import_images(source, "fake.zarr", resolution_px=8, channels=1)
    expected = printed(capsys, "real.npz", "fake.npz")
    for fake in ("folder", "fake.zip", "fake.zarr"):
        assert printed(capsys, "real.npz", fake)["figures"] == expected["figures"]


def test_the_table_tells_figures_intervals_references_and_notes(sets, capsys, quick, images):
    np.savez("train.npz", images=images(70, seed=3))
    assert main(["real.npz", "fake.npz", "--train", "train.npz"]) == 0
    out = capsys.readouterr().out
    header, first = out.splitlines()[:2]
    assert header.split("  ")[0] == "figure"
    assert "perfect" in header
    assert first.startswith("IS-pixels")
    assert re.search(r"^FD-pixels +\S+ +\S+ to \S+ +\S+ +60 +50$", out, re.MULTILINE)
    assert "FD-pixels: biased upward, about as 1/n" in out
    assert "memorisation: " in out
    most = re.findall(r"^copies: \d+ of 50 \(95 % interval 0 to (\d+)\), by ", out, re.MULTILINE)
    assert re.findall(r"At most (\d+) of 50 are copies", out) == most != []
    assert "duplicates: none among 50 generated images" in out
    assert "intervals: over generated images; the real ones are held fixed" in out


def test_classes_go_by_the_names_of_their_folders(tmp_path, images, capsys, quick):
    for seed, side in enumerate(("real", "fake")):
        for each, name in enumerate(("cat", "dog")):
            saved(images(55, seed=2 * seed + each), tmp_path / side / name)
    found = printed(capsys, tmp_path / "real", tmp_path / "fake", "--metrics", "fid")["classes"]
    assert [(each["label"], each["name"]) for each in found] == [(0, "cat"), (1, "dog")]
    main([str(tmp_path / "real"), str(tmp_path / "fake"), "--metrics", "fid"])
    assert re.search(r"^cat +\d", capsys.readouterr().out, re.MULTILINE)


def test_pictures_of_too_few_images_are_refused_with_the_reason(sets, capsys, quick, images):
    np.savez("train.npz", images=images(5, seed=3))
    arguments = ["--train", "train.npz", "--pictures", "near.png"]
    message = refusal(capsys, "real.npz", "fake.npz", *arguments)
    assert "at least 7 training images" in message


def test_warnings_come_first(sets, capsys, quick):
    assert main(["real.npz", "real.npz"]) == 0
    first = "warning: REAL and FAKE are the same images: is this what was meant?"
    assert capsys.readouterr().out.startswith(first)


def test_a_pool_that_was_copied_in_part_is_not_measured(sets, capsys, quick, images):
    with open_source("fake.npz") as source:
        import_images(source, "fake.zarr", resolution_px=8, channels=1)
    next(each for each in Path("fake.zarr/images/c").rglob("*") if each.is_file()).unlink()
    assert "lacks some of its 50 images" in refusal(capsys, "real.npz", "fake.zarr")


def test_chunks_that_are_absent_are_warned_of(sets, capsys, quick):
    _, fake = sets
    array = zarr.create_array("fake.zarr", shape=fake.shape, dtype="uint8", chunks=(25, 8, 8, 1))
    array[:25] = fake[:25]
    assert printed(capsys, "real.npz", "fake.zarr", "--metrics", "fid")["warnings"] == [
        "1 of the 2 chunks of fake.zarr are absent and read as 0: was it copied in part?"
    ]


def test_a_divided_set_is_its_own_reference(tmp_path, images, capsys, quick):
    saved(images(60, seed=1), tmp_path / "data" / "train")
    saved(images(55, seed=2), tmp_path / "data" / "test")
    saved(images(50, seed=3), tmp_path / "fake")
    arguments = tmp_path / "data", tmp_path / "fake"
    against_train = printed(capsys, *arguments)
    against_test = printed(capsys, *arguments, "--split", "test")
    assert (against_train["n_real"], against_test["n_real"]) == (60, 55)
    assert against_train["n_train"] == against_test["n_train"] == 60
    assert against_train["memorisation"] == against_test["memorisation"]
    assert against_test["figures"][1]["reference"]["n"] == 50
    held_out = tmp_path / "data" / "test"
    by_hand = printed(capsys, held_out, tmp_path / "fake", "--train", tmp_path / "data" / "train")
    assert by_hand == against_test


def test_pictures_show_neighbours(sets, capsys, quick, images):
    np.savez("train.npz", images=images(70, seed=3))
    arguments = ["--train", "train.npz", "--pictures", "near.png", "--metrics", "is"]
    assert printed(capsys, "real.npz", "fake.npz", *arguments)["memorisation"]
    with Image.open("near.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 500
    message = refusal(capsys, "real.npz", "fake.npz", "--pictures", "near.png")
    assert "--pictures needs training images" in message


def test_images_published_together_with_their_statistics_are_measured(sets, capsys, quick):
    real, _ = sets
    moments = {"mu": np.ones(3), "sigma": np.eye(3), "mu_s": np.ones(4), "sigma_s": np.eye(4)}
    np.savez("both.npz", arr_0=real, **moments)
    expected = printed(capsys, "real.npz", "fake.npz", "--metrics", "fid,kid")
    found = printed(capsys, "both.npz", "fake.npz", "--metrics", "fid,kid")
    assert found["figures"] == expected["figures"]
    (warning,) = found["warnings"]
    assert warning.startswith("REAL holds images beside mu and sigma: the images were measured")


def test_statistics_stand_for_the_images_that_they_were_saved_from(sets, capsys, quick):
    images_ = printed(capsys, "real.npz", "fake.npz", "--save-statistics", "real-statistics.npz")
    statistics = printed(capsys, "real-statistics.npz", "fake.npz", "--metrics", "fid")
    with np.load("real-statistics.npz") as file:
        np.savez("published.npz", mu=file["mu"], sigma=file["sigma"])
    published = printed(capsys, "published.npz", "fake.npz", "--metrics", "fid")
    expected = images_["figures"][1]["value"]
    for found, n, warned in ((statistics, 60, 0), (published, None, 1)):
        assert found["figures"][0]["value"] == pytest.approx(expected, rel=1e-9)
        assert (found["n_real"], len(found["warnings"])) == (n, warned)
    assert "got a statistics file" in refusal(
        capsys, "published.npz", "fake.npz", "--save-statistics", "again.npz"
    )


def test_refused_figures_are_dashes_with_their_reason(tmp_path, images, capsys, quick):
    saved(images(4), tmp_path / "real")
    saved(images(4, seed=1), tmp_path / "fake")
    arguments = [str(tmp_path / "real"), str(tmp_path / "fake"), "--metrics"]
    assert main([*arguments, "fid,precision"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^precision-pixels +– +– +– +4 +4$", out, re.MULTILINE)
    assert re.search(r"^precision-pixels: .*got 4", out, re.MULTILINE)
    assert main([*arguments, "precision"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent", "fake.npz"], "absent"),
        (["real.npz", "fake.npz", "--metrics", "fid,nonsense"], "got 'nonsense'"),
        (["real.npz", "fake.npz", "--seed", "-1"], "got -1"),
        (["real.npz", "fake.npz", "--pictures", "no/where.png"], "no is none"),
        (["real.npz", "fake.npz", "--save-statistics", "no/where.npz"], "no is none"),
        (["real.npz", "fake.npz", "--save-statistics", "empty"], "got the folder empty"),
        (["real.npz", "fake.npz", "--save-statistics", "real.npz"], "was given to be read"),
        (["real.npz", "fake.npz", "--pictures", "fake.npz"], "was given to be read"),
        (["real.npz", "fake.npz", "--workers", "-1"], "at least 1 worker is needed, got -1"),
        (["real.npz", "fake.npz", "--workers", "0"], "at least 1 worker is needed, got 0"),
        (["real.npz", "fake.npz", "--metrics", "fid, nonsense"], "got 'nonsense'"),
        (["real.npz", "one.npz"], "at least 2 images, got 1 (FAKE)"),
        (["real.npz", "fake.npz", "--split", "test"], "images for test"),
        (["real.npz", "fake.npz", "--cache", "real.npz"], "real.npz"),
        (["real.npz", "empty"], "there are no images"),
        (["real.npz", "text.txt"], "it is no folder, zip, tar"),
        (["real.npz", "bad-statistics.npz"], "bad-statistics.npz needs mu"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(sets, tmp_path, capsys, quick, arguments, words):
    np.savez("one.npz", images=sets[1][:1])
    np.savez("bad-statistics.npz", mu=np.zeros(3), sigma=np.eye(2))
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no images")
    message = refusal(capsys, *arguments)
    assert words in message
    assert message.count("\n") == 1


def test_a_file_that_cannot_be_written_costs_no_figure(sets, capsys, quick, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("metrics.command.save_statistics", full)
    arguments = ["real.npz", "fake.npz", "--metrics", "kid", "--save-statistics", "s.npz"]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "KID-pixels" in captured.out
    assert captured.err.endswith("error: no space left\n")


def test_an_unknown_extractor_is_refused(sets, capsys):
    message = refusal(capsys, "real.npz", "fake.npz", "--extractor", "vgg")
    assert "an extractor needs to be one of lite0, tf1," in message


@pytest.fixture
def folder(tmp_path, images):
    return saved(images(6, channels=3), tmp_path / "folder")


def spoiled(folder):
    """A folder with every kind of file that cannot be taken beside those that can."""
    Image.new("RGB", (9, 8)).save(folder / "wide.png")
    (folder / "corrupt.png").write_bytes((folder / "000.png").read_bytes()[:-20])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.txt").write_text("no image")
    frames = [Image.new("L", (8, 8), grey) for grey in (0, 255)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])


def test_every_file_that_cannot_be_taken_is_named_with_its_source(folder, sets, capsys, quick):
    spoiled(folder)
    message = refusal(capsys, "real.npz", folder)
    assert message.startswith(f"error: {folder}: 5 files were refused")
    for words in (
        "wide.png: is 9 × 8 px, the first image is 8 × 8",
        "corrupt.png: is corrupt or truncated",
        "empty.png: is empty",
        "moving.gif: is animated",
        "text.txt: is not a PNG",
    ):
        assert words in message


def test_alpha_16_bits_cmyk_and_palettes_are_measured_as_what_they_show(folder, quick):
    plain = open_images(folder).read(0, 1)[0]
    white = Image.new("RGBA", (8, 8), (1, 2, 3, 0))
    deep = Image.fromarray((np.arange(64, dtype=np.uint16) << 8).reshape(8, 8))
    for name, image in {
        "alpha.png": white,
        "cmyk.jpg": Image.new("CMYK", (8, 8), (0, 0, 0, 255)),
        "deep.png": deep,
        "palette.png": Image.fromarray(plain).quantize(64),
    }.items():
        image.save(folder / name)
    pool = open_images(folder)
    assert pool.shape == (10, 8, 8, 3)
    by_name = dict(
        zip(sorted(path.name for path in folder.iterdir()), pool.read(0, 10), strict=True)
    )
    assert (by_name["alpha.png"] == 255).all()
    assert (by_name["cmyk.jpg"] < 8).all()
    np.testing.assert_array_equal(by_name["deep.png"][..., 1].ravel(), np.arange(64))
    np.testing.assert_array_equal(by_name["palette.png"], plain)


def test_grey_beside_colour_becomes_colour(folder):
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(grey).save(folder / "zzz.png")
    pool = open_images(folder)
    assert pool.shape == (7, 8, 8, 3)
    np.testing.assert_array_equal(pool.read(6, 7)[0], np.stack([grey] * 3, axis=2))
    assert pool.content_hash() == store.content_hash(pool.shape, [pool.read(0, 7)])


def test_a_pool_of_a_source_reads_any_range_and_hashes_as_a_stored_one(folder, tmp_path):
    pool = open_images(folder)
    with open_source(folder) as source:
        stored = import_images(source, tmp_path / "pool", resolution_px=8, channels=3)
    assert pool.content_hash() == stored.content_hash()
    for start, stop in ((4, 6), (0, 3), (3, 4), (1, 6)):
        np.testing.assert_array_equal(pool.read(start, stop), stored.read(start, stop))
    np.testing.assert_array_equal(np.concatenate(list(pool.batches(4))), stored.read(0, 6))


def test_labels_and_class_names_are_those_of_the_folders(tmp_path, images):
    for name in ("cat", "dog"):
        saved(images(2), tmp_path / "animals" / name)
    pool = open_images(tmp_path / "animals")
    assert pool.labels.tolist() == [0, 0, 1, 1]
    assert pool.class_names == ("cat", "dog")


def test_classes_meet_by_name(tmp_path, images, capsys, quick):
    for name, seed in (("cat", 1), ("dog", 2)):
        saved(images(50, seed=seed), tmp_path / "real" / name)
    for name, seed in (("dog", 3), ("emu", 4)):
        saved(images(50, seed=seed), tmp_path / "fake" / name)
    found = printed(capsys, tmp_path / "real", tmp_path / "fake", "--metrics", "fid")
    assert [(each["label"], each["n_real"], each["n_fake"]) for each in found["classes"]] == [
        (0, 50, 0),
        (1, 50, 50),
        (2, 0, 50),
    ]
    assert [each["value"] is not None for each in found["classes"]] == [False, True, False]


def test_a_source_that_changes_under_way_is_named(folder, sets, quick, capsys):
    pool = open_images(folder)
    Image.new("RGB", (9, 9)).save(folder / "003.png")
    with pytest.raises(ValueError, match=r"folder has changed: 003\.png is of another size"):
        pool.read(2, 5)
    (folder / "001.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"folder has changed: 001\.png: is empty"):
        pool.read(0, 2)
    (folder / "001.png").unlink()
    with pytest.raises(ValueError, match="folder has changed: it had 6 images, got 5"):
        pool.read(0, 2)


def test_python_dash_m_metrics_is_a_front_door(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "metrics", str(tmp_path / "absent"), "mnist"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "error: cannot take images from" in done.stderr
    assert "Traceback" not in done.stderr


ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


def runs(pid):
    """Whether a process is there, and no mere entry of one that ended."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def test_ctrl_c_ends_the_command_and_its_workers(sets, tmp_path):
    command = [sys.executable, "-m", "metrics", "real.npz", "fake.npz", "--workers", "2"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's &
    )
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while len(workers := listed.read_text().split()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)  # two workers, and what keeps count of their resources
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.endswith("stopped; with --cache, what was finished is kept\n")
    assert "Traceback" not in errors
    while any(map(runs, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_training_images_without_a_name_are_refused_and_not_forgotten(sets, capsys, quick):
    assert "no name was given" in refusal(capsys, "real.npz", "fake.npz", "--train", "")


@pytest.mark.parametrize("option", ["--cache", "--pictures", "--save-statistics"])
def test_an_empty_name_is_not_the_current_folder(capsys, option):
    with pytest.raises(SystemExit, match="2"):
        main(["real.npz", "fake.npz", f"{option}="])
    assert f"argument {option}: a name is needed, got none" in capsys.readouterr().err
