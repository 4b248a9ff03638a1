import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from classifiers.errors import ClassifierError
from classifiers.file import load
from generators.adversarial.defences import making, suite
from generators.adversarial.defences.command import add_parser
from generators.adversarial.defences.recipes import DEFENCES
from generators.adversarial.defences.suite import KNOWS_THE_NET
from generators.adversarial.errors import AttackError

IMAGES = 4


@pytest.fixture(autouse=True, scope="module")
def few_steps():
    """Attacks that take no time; what they come to is another test's claim."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite, "STEPS", 1)
        patch.setattr(suite, "TIMES_MORE", 2)
        patch.setattr(suite, "QUERIES", 3)
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Noise with a stripe whose row tells the class."""
    labels = np.arange(96) % 3
    images = np.random.default_rng(0).integers(0, 120, (96, 16, 16, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 3] = 255
    path = tmp_path_factory.mktemp("source") / "stripes.npz"
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture(scope="module")
def once(source, tmp_path_factory):
    """What `madry` left when it was made once."""
    out = tmp_path_factory.mktemp("once")
    defend("madry", source, out)
    return out


@pytest.fixture
def made(once, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(once, tmp_path / "made"))


def defend(name, source, out, *more):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    asked = ["defend", name, "--data", str(source), "--out", str(out)]
    options = parser.parse_args([*asked, "--steps", "2", "--images", str(IMAGES), *more])
    options.run(options)


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_all_are_trained_measured_and_told_side_by_side(source, tmp_path, capsys):
    defend("all", source, tmp_path, "--json")
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "defences.json").read_text())
    rows = {row["defence"]: row for row in printed["defences"]}
    assert list(rows) == list(DEFENCES)
    assert printed["steps"] == 2
    assert rows["none"]["training_ratio"] == rows["none"]["attack_ratio"] == 1
    assert [row["defence"] for row in rows.values() if KNOWS_THE_NET in row["under"]] == [
        "safety-net"
    ]
    assert all(row["clean"]["n"] == IMAGES for row in rows.values())
    lines = (tmp_path / "defences.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:10]] == [f"| {name}" for name in DEFENCES]

    for row in rows.values():
        for file in row["files"]:
            about = load(tmp_path / file)[1]  # so it can be attacked again
            assert about.class_names == (
                ("clean", "forged") if row["defence"] == "safety-net" else ("0", "1", "2")
            )
            assert (about.resolution_px, about.steps, about.seed) == (16, 2, 0)
    assert len(rows["ensemble"]["files"]) == 3


def test_a_run_that_is_repeated_makes_nothing_again(source, made, monkeypatch):
    before = files(made)
    monkeypatch.setattr(making, "under_attack", None)
    defend("madry", source, made)
    unchanged = {name for name, at in files(made).items() if before[name] == at}
    assert set(before) - unchanged == {"defences.json", "defences.md"}


def test_a_run_that_was_cut_off_goes_on_with_what_is_missing(source, tmp_path, monkeypatch):
    measure, done = making.under_attack, []

    def cut(*given):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(given)
        return measure(*given)

    monkeypatch.setattr(making, "under_attack", cut)
    with pytest.raises(KeyboardInterrupt):
        defend("none", source, tmp_path)
    kept = files(tmp_path)

    attacked = []
    monkeypatch.setattr(
        making, "under_attack", lambda *given: attacked.append(given) or measure(*given)
    )
    defend("none", source, tmp_path)
    assert len(attacked) == 3
    assert files(tmp_path)["none.safetensors"] == kept["none.safetensors"]


@pytest.mark.parametrize(
    ("more", "again"),
    [
        (("--epsilon", "0.2"), {"madry.safetensors"}),
        (("--steps", "1"), {"madry.safetensors", "none.safetensors", "other.safetensors"}),
        (("--images", "3"), set()),
    ],
)
def test_only_what_is_asked_otherwise_is_trained_again(source, made, more, again):
    before = files(made)
    defend("madry", source, made, *more)
    after = {name: at for name, at in files(made).items() if name.endswith(".safetensors")}
    assert {name for name, at in after.items() if before[name] != at} == again
    found = json.loads((made / "defences.json").read_text())["defences"]
    assert [row["defence"] for row in found] == ["none", "madry"]


def test_a_time_becomes_steps_once(source, tmp_path, monkeypatch):
    monkeypatch.setattr(making, "steps_within", lambda *given, **named: 2)
    defend_seconds(source, tmp_path)
    monkeypatch.setattr(making, "steps_within", None)
    defend_seconds(source, tmp_path)
    assert load(tmp_path / "none.safetensors")[1].steps == 2


def defend_seconds(source, out):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    options = parser.parse_args(
        ["defend", "none", "--data", str(source), "--out", str(out), "--seconds", "9",
         "--images", "2"]
    )  # fmt: skip
    options.run(options)


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("armour", (), "DEFENCE must be all or one of none, safety-net, .*, got 'armour'"),
        ("none", ("--epsilon", "1.5"), "ε must be above 0 and at most 1 .*, got 1.5"),
        ("none", ("--epsilon", "0"), "ε must be above 0 .*, got 0.0"),
        ("none", ("--steps", "0"), "steps must be at least 1, got 0"),
        ("none", ("--images", "0"), "images must be at least 1, got 0"),
        ("none", ("--images", "17"), "images must be at most 16, as many as are held out, got 17"),
        ("none", ("--seed", "-1"), "seed must be at least 0, got -1"),
        ("none", ("--seconds", "0"), "seconds must be above 0, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(source, tmp_path, name, more, message):
    with pytest.raises(AttackError, match=message):
        defend(name, source, tmp_path / "out", *more)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((96, 16, 20, 1), True, "square images, got 16 × 20 px"),
        ((96, 8, 8, 1), True, "resolution_px from 16 to 128, got 8"),
        ((96, 16, 16, 1), False, "a classifier needs labels"),
        ((40, 16, 16, 1), True, "at least 64 images"),
    ],
)
def test_images_that_no_classifier_learns_from_are_refused(tmp_path, shape, labels, message):
    images = np.zeros(shape, np.uint8)
    known = {"labels": np.arange(shape[0]) % 2} if labels else {}
    np.savez(tmp_path / "given.npz", images=images, **known)
    with pytest.raises(ClassifierError, match=message):
        defend("none", tmp_path / "given.npz", tmp_path / "out")


def test_a_damaged_file_is_refused_by_name(source, made):
    (made / "other.safetensors").write_bytes(b"no weights")
    with pytest.raises(ClassifierError, match=r"other\.safetensors"):
        defend("none", source, made, "--images", "3")
