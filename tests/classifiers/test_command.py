import json
import re

import numpy as np
import pytest

from classifiers.commands import main
from classifiers.file import About, load
from pools.errors import SourceWarning


def test_the_command_writes_what_it_says(source, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    assert main(["train", source, "--out", str(out), "--steps", "12", "--seed", "3"]) == 0
    about = load(out)[1]
    assert about == About(
        "stripes.npz", ("0", "1", "2", "3"), 16, 1, 12, 3, about.accuracy, held_out=64
    )
    assert about.accuracy > 0.9
    assert capsys.readouterr().out == (
        f"{out}: {about.accuracy:.2%} of 64 held-out images right after 12 steps\n"
    )
    first = out.read_bytes()
    main(["train", source, "--out", str(out), "--steps", "12", "--seed", "3"])
    assert out.read_bytes() == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--steps": "0"}, "at least 1 step, got 0"),
        ({"--seconds": "-1"}, "seconds above 0, got -1"),
        ({"--out": "/nowhere/x.safetensors"}, "the folder of .* needs to exist"),
    ],
)
def test_the_command_says_what_is_wrong(change, message, source, tmp_path, capsys):
    options = {"--out": str(tmp_path / "x"), "--steps": "1"} | change
    assert main(["train", source, *(word for pair in options.items() for word in pair)]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_the_images_are_not_written_over(source, capsys):
    assert main(["train", source, "--out", source, "--steps", "1"]) == 2
    assert "was given to be read" in capsys.readouterr().err
    np.load(source)["images"]


def test_images_without_labels_are_refused(striped, tmp_path, capsys):
    np.savez(tmp_path / "bare.npz", images=striped(384)[0])
    assert (
        main(["train", str(tmp_path / "bare.npz"), "--out", str(tmp_path / "x"), "--steps", "1"])
        == 2
    )
    assert "needs labels" in capsys.readouterr().err


def test_it_warns_of_what_is_not_read(striped, tmp_path):
    images, labels = striped(384)
    np.savez(tmp_path / "more.npz", images=images, labels=labels, notes=labels)
    with pytest.warns(SourceWarning, match="more.npz: notes beside the images: not read"):
        main(["train", str(tmp_path / "more.npz"), "--out", str(tmp_path / "x"), "--steps", "1"])


def test_a_shipped_pack_is_learned_in_seconds(tmp_path):
    assert main(["train", "mnist", "--out", str(tmp_path / "x"), "--steps", "30"]) == 0
    about = load(tmp_path / "x")[1]
    assert about.accuracy > 0.7
    assert (about.data, about.held_out) == ("mnist", 2_000)


def test_measure_tells_the_accuracy_with_its_interval(source, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    main(["train", source, "--out", str(out), "--steps", "12"])
    capsys.readouterr()
    assert main(["measure", str(out), source]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(
        r"out.safetensors: \d+\.\d\d% of 384 images of stripes.npz right "
        r"\(95 % interval \d+\.\d\d% to \d+\.\d\d%\)\n",
        said,
    )
    assert main(["measure", str(out), source, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert f"{found['accuracy']['value']:.2%}" in said
    assert found["accuracy"]["value"] > 0.9
    assert main(["measure", str(out), "mnist"]) == 2
    assert "none of out.safetensors's: 4, 5" in capsys.readouterr().err


def test_measure_brings_images_to_the_classifier_s_size_only_if_asked(striped, tmp_path, capsys):
    images, labels = striped(64, side=32)
    np.savez(tmp_path / "large.npz", images=images, labels=labels)
    np.savez(tmp_path / "small.npz", images=striped(128)[0], labels=striped(128)[1])
    out, large = str(tmp_path / "out.safetensors"), str(tmp_path / "large.npz")
    main(["train", str(tmp_path / "small.npz"), "--out", out, "--steps", "1"])
    assert main(["measure", out, large]) == 2
    assert "takes images of 16 × 16 px, grey; got 32 × 32 px" in capsys.readouterr().err
    assert main(["measure", out, large, "--resize"]) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "."], "a file is needed to write to, got the folder ."),
        (["--out", "x", "--seconds", "nan"], "a number of seconds above 0, got nan"),
        (["--out", "x", "--seconds", "inf"], "a number of seconds above 0, got inf"),
        (["--out", "x", "--steps", "2", "--seed", "-1"], "a seed needs to be 0 to"),
        (["--out", "x", "--steps", "2", "--seed", str(10**30)], "a seed needs to be 0 to"),
    ],
)
def test_what_cannot_be_is_refused_before_any_training(source, capsys, options, words):
    assert main(["train", source, *options]) == 2
    assert f"error: {words}" in capsys.readouterr().err.replace("training needs ", "")
