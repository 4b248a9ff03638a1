import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generators import commands, sampling_commands, training, training_commands
from generators.commands import main
from generators.config import load_config, parse_override
from generators.sampling import load_generator
from generators.training import Trainer
from pools.sources import load
from pools.store import open_pool

TINY = [
    "--set=images=24",
    "--set=batch=4",
    "--set=z_dim=8",
    "--set=generator.features=4",
    "--set=discriminator.features=4",
]


@pytest.fixture
def source(data, tmp_path):
    images, labels = data
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    return str(tmp_path / "data.npz")


def train(source, out, *more):
    return main(["train", "demo-15", "--data", source, "--out", str(out), *TINY, *more])


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def without_seconds(lines):
    return [{key: line[key] for key in line if key != "seconds"} for line in lines]


def test_the_configs_are_listed(capsys):
    assert main(["configs"]) == 0
    assert "demo-60" in capsys.readouterr().out


def test_training_leaves_generator_checkpoint_log_and_sheets(source, tmp_path, capsys):
    out = tmp_path / "run"
    assert train(source, out) == 0
    assert capsys.readouterr().out.strip() == str(out / "generator.safetensors")
    assert (out / "run.safetensors").exists()
    assert [line["images_seen"] for line in log(out)] == [4, 8, 12, 16, 20, 24]
    sheets = sorted((out / "samples").iterdir())
    assert sheets[-1].name == "000000000024.png"
    assert Image.open(sheets[-1]).size == (10 * 13 - 1, 6 * 13 - 1)


def test_a_run_is_not_overwritten_by_mistake(source, tmp_path, capsys):
    train(source, tmp_path / "run")
    assert train(source, tmp_path / "run") == 2
    assert "holds a run: go on with --resume" in capsys.readouterr().err


def test_a_run_of_another_config_says_which_values_it_has(source, tmp_path, capsys):
    assert train(source, tmp_path / "run") == 0
    assert train(source, tmp_path / "run", "--resume", "--set=adam.beta1=0", "--seed=3") == 2
    assert "'Demo GAN, 15 seconds' with adam.beta1=0.5, seed=0" in capsys.readouterr().err


def test_images_that_are_not_square_are_to_be_resized(tmp_path, capsys):
    np.savez(tmp_path / "wide.npz", images=np.zeros((3, 12, 16, 1), np.uint8))
    assert train(str(tmp_path / "wide.npz"), tmp_path / "run") == 2
    assert "images must be square, got 16 × 12 px: choose a res" in capsys.readouterr().err


def test_a_finished_run_resumes_to_nothing_more(source, tmp_path):
    train(source, tmp_path / "run")
    before = log(tmp_path / "run")
    assert train(source, tmp_path / "run", "--resume") == 0
    assert log(tmp_path / "run") == before


@pytest.fixture
def in_a_terminal():
    """Ctrl-C interrupts: a process that was started in the background may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_steps(monkeypatch, *numbers):
    """Ctrl-C in the middle of these of the steps that follow, from 1: when the networks have changed."""
    steps = []
    step_model = Trainer._step_model

    def interrupted(trainer, share):
        steps.append(share)
        watched = step_model(trainer, share)
        if len(steps) in numbers:
            signal.raise_signal(signal.SIGINT)
        return watched

    monkeypatch.setattr(Trainer, "_step_model", interrupted)
    monkeypatch.setattr(training, "STOP_POLL_S", 0.0)


@pytest.mark.usefixtures("in_a_terminal")
def test_an_interrupted_run_goes_on_as_if_unbroken(source, tmp_path, monkeypatch):
    train(source, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_steps(patch, 3)
        assert train(source, tmp_path / "parts") == 130
        assert len(log(tmp_path / "parts")) == 3  # the step is ended
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert train(source, tmp_path / "parts", "--resume") == 0
    assert without_seconds(log(tmp_path / "parts")) == without_seconds(log(tmp_path / "whole"))
    whole, parts = (
        (tmp_path / name / "generator.safetensors").read_bytes() for name in ("whole", "parts")
    )
    assert whole == parts


@pytest.mark.usefixtures("in_a_terminal")
def test_a_second_interrupt_does_not_wait(source, tmp_path, monkeypatch):
    interrupt_steps(monkeypatch, 3, 4)
    monkeypatch.setattr(training, "STOP_POLL_S", 60.0)
    assert train(source, tmp_path / "run") == 130
    assert len(log(tmp_path / "run")) == 3
    assert not (tmp_path / "run" / "run.safetensors").exists()


def test_lines_logged_after_the_checkpoint_are_logged_once(source, tmp_path):
    out = tmp_path / "run"
    train(source, out)
    with (out / "log.jsonl").open("a") as file:
        file.write('{"images_seen": 28}\n\0\0}\n[3]}\n{"seen": 4}\n{"images_se')
    train(source, out, "--resume")
    assert [line["images_seen"] for line in log(out)] == [4, 8, 12, 16, 20, 24]


def test_a_folder_without_a_checkpoint_forgets_the_sheets_of_an_earlier_try(source, tmp_path):
    out = tmp_path / "run"
    assert train(source, out, "--set=images=48") == 0
    (out / "run.safetensors").unlink()
    assert train(source, out) == 0
    assert max(int(sheet.stem) for sheet in (out / "samples").iterdir()) == 24


def test_a_run_killed_at_any_moment_goes_on(source, tmp_path):
    out = tmp_path / "run"
    settings = [*TINY[1:], "--set=images=600"]
    code = (
        "import sys; from generators import run_folder; run_folder.CHECKPOINT_EVERY_S = 0.2\n"
        "from generators.commands import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "train", "demo-15", "--data", source, "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(Path(commands.__file__).parents[1])}
    process = subprocess.Popen([*command, *settings], stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 30
    while not (out / "run.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert main([*command[3:], *settings, "--resume"]) == 0
    seen = [line["images_seen"] for line in log(out)]
    assert seen == sorted(set(seen))
    assert seen[-1] == 600


@pytest.fixture
def generator(make_generator):
    return str(make_generator())


@pytest.fixture(scope="module")
def exports():
    """Networks in ONNX by the files that they are of: each takes seconds to be made."""
    return {}


@pytest.fixture
def exported(exports, tmp_path):
    """The ONNX network of a generator's file."""

    def export(path):
        out, content = tmp_path / "model.onnx", Path(path).read_bytes()
        if content not in exports:
            assert main(["export", str(path), "--out", str(out)]) == 0
            exports[content] = out.read_bytes()
        out.write_bytes(exports[content])
        return str(out)

    return export


def drawn(generator, out, *more):
    return main(
        ["sample", str(generator), "--count", "11", "--seed", "2", "--out", str(out), *more]
    )


def test_a_pool_a_file_and_a_folder_hold_the_same_images(generator, tmp_path):
    for name in ("pool.zarr", "file.npz", "folder"):
        assert drawn(generator, tmp_path / name) == 0
    pool, file = open_pool(tmp_path / "pool.zarr"), np.load(tmp_path / "file.npz")
    assert np.array_equal(pool.read(0, 11), file["images"])
    assert np.array_equal(pool.labels, file["labels"])
    assert file["labels"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    folder = load(tmp_path / "folder")
    assert np.array_equal(folder.images, file["images"])


def test_a_network_that_the_file_does_not_hold_is_named(generator, tmp_path, capsys):
    out = tmp_path / "model.onnx"
    assert main(["export", generator, "--out", str(out), "--network", "encoder"]) == 2
    assert "holds no network 'encoder': choose generator" in capsys.readouterr().err
    assert not out.exists()


def test_an_exported_network_samples_the_same_pool(generator, exported, tmp_path):
    assert drawn(exported(generator), tmp_path / "theirs.npz") == 0
    assert drawn(generator, tmp_path / "ours.npz") == 0
    ours, theirs = (np.load(tmp_path / f"{name}.npz") for name in ("ours", "theirs"))
    assert np.abs(ours["images"].astype(int) - theirs["images"]).max() <= 1
    assert np.array_equal(ours["labels"], theirs["labels"])


def test_a_folder_in_place_of_its_generator_is_called_one(tmp_path, capsys):
    assert drawn(str(tmp_path), tmp_path / "out.npz") == 2
    words = "is a folder: name the file in it, such as generator.safetensors"
    assert words in capsys.readouterr().err


def test_an_export_does_not_write_over_its_generator(generator, capsys):
    before = Path(generator).read_bytes()
    assert main(["export", generator, "--out", generator]) == 2
    assert "was given to be read: name another file" in capsys.readouterr().err
    assert Path(generator).read_bytes() == before


def test_chosen_classes_take_turns(generator, exported, tmp_path):
    chosen = ("--label", "2", "--label", "0")
    for name, network in (("ours", generator), ("theirs", exported(generator))):
        assert drawn(network, tmp_path / f"{name}.npz", *chosen) == 0
    assert drawn(generator, tmp_path / "all.npz") == 0
    ours, theirs, every = (np.load(tmp_path / f"{name}.npz") for name in ("ours", "theirs", "all"))
    assert ours["labels"].tolist() == [2, 0] * 5 + [2]
    assert np.array_equal(theirs["labels"], ours["labels"])
    assert np.abs(ours["images"].astype(int) - theirs["images"]).max() <= 1
    same = (ours["images"] == every["images"]).all((1, 2, 3))
    assert same.tolist() == (ours["labels"] == every["labels"]).tolist()


@pytest.mark.parametrize("as_onnx", [False, True])
def test_an_unknown_class_is_refused_with_those_that_there_are(
    generator, exported, tmp_path, capsys, as_onnx
):
    network = exported(generator) if as_onnx else generator
    for label in ("4", "-1", "Sneaker"):
        assert drawn(network, tmp_path / "pool.npz", f"--label={label}") == 2
        wanted = f"--label must be the number of a class, from 0 to 3: this file .*; got '{label}'"
        assert re.search(wanted, capsys.readouterr().err)
    assert not (tmp_path / "pool.npz").exists()


@pytest.fixture
def named(data, tmp_path):
    """Images in a folder a class, as data sets come."""
    for number, (image, label) in enumerate(zip(*data, strict=True)):
        folder = tmp_path / "named" / ["Ankle boot", "Bag", "3", "Éclair"][label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[:, :, 0]).save(folder / f"{number:03}.png")
    return str(tmp_path / "named")


@pytest.fixture
def named_run(named, tmp_path):
    """A run on them that was broken off and went on."""
    run = tmp_path / "run"
    assert train(named, run, "--set=images=4") == 0
    (run / "run.safetensors").unlink()
    assert train(named, run) == 0
    assert train(named, run, "--resume") == 0
    return run / "generator.safetensors"


NAMES = ("3", "Ankle boot", "Bag", "Éclair")  # in the order of their numbers


@pytest.mark.parametrize("as_onnx", [False, True])
def test_classes_are_asked_for_by_name(named_run, exported, tmp_path, as_onnx):
    network = exported(named_run) if as_onnx else named_run
    assert load_generator(named_run).class_names == NAMES
    chosen = [f"--label={label}" for label in ("bag", "ÉCLAIR", "3", "1", "Ankle boot")]
    assert drawn(network, tmp_path / "pool.npz", *chosen) == 0
    labels = np.load(tmp_path / "pool.npz")["labels"]
    assert labels.tolist() == [2, 3, 0, 1, 1] * 2 + [2]


@pytest.mark.parametrize("as_onnx", [False, True])
def test_an_unknown_name_is_refused_with_the_names(named_run, exported, tmp_path, capsys, as_onnx):
    network = exported(named_run) if as_onnx else named_run
    for label in ("Sneaker", "4", ""):
        assert drawn(network, tmp_path / "pool.npz", f"--label={label}") == 2
        wanted = "--label must be one of the classes 3, Ankle boot, Bag, Éclair, or its number, from 0 to 3: "
        assert f"{wanted}got {label!r}" in capsys.readouterr().err


def test_a_run_that_was_begun_without_names_learns_them_when_it_goes_on(named, tmp_path):
    images = load(named)
    saved = tmp_path / "run.safetensors"
    config = load_config("demo-15", **dict(map(parse_override, (each[6:] for each in TINY))))
    Trainer(config, images.images, images.labels, 4).save(saved)
    resumed = Trainer.resume(saved, images.images, images.labels, class_names=NAMES)
    assert resumed.class_names == NAMES


@pytest.mark.parametrize("as_onnx", [False, True])
def test_a_generator_without_classes_has_no_label_to_choose(
    make_generator, exported, tmp_path, capsys, as_onnx
):
    generator = make_generator(conditional=False)
    network = exported(generator) if as_onnx else generator
    assert drawn(network, tmp_path / "pool.npz", "--label=1") == 2
    assert "draws without classes: there is no label to choose" in capsys.readouterr().err


KINDS = ("pool.zarr", "file.npz", "folder")


@pytest.mark.parametrize("name", KINDS)
def test_a_sample_that_is_interrupted_leaves_nothing(generator, tmp_path, monkeypatch, name):
    before = set(tmp_path.iterdir())

    def interrupted(*args, **kwargs):
        yield np.zeros((4, 12, 12, 1), np.uint8)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sampling_commands, "sample", interrupted)
        assert drawn(generator, tmp_path / name) == 130
    assert set(tmp_path.iterdir()) == before
    assert drawn(generator, tmp_path / name) == 0


@pytest.mark.parametrize("name", KINDS)
def test_a_sample_that_was_killed_is_made_by_the_same_command(generator, tmp_path, name):
    out = tmp_path / name
    code = (
        "import sys; from generators import sampling_commands as s; import numpy as np, os\n"
        "def killed(*a, **k):\n yield np.zeros((4, 12, 12, 1), np.uint8); os.kill(os.getpid(), 9)\n"
        "s.sample = killed\n"
        "from generators.commands import main; sys.exit(main(sys.argv[1:]))"
    )
    asked = ["sample", generator, "--count=11", "--seed=2", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(Path(commands.__file__).parents[1])}
    died = subprocess.run([sys.executable, "-c", code, *asked], env=environment, check=False)
    assert died.returncode == -signal.SIGKILL
    assert not out.exists()
    assert main(asked) == 0
    assert out.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"generator.safetensors", name}


@pytest.mark.parametrize("name", KINDS)
def test_two_samples_for_one_place_do_not_mix(generator, tmp_path, monkeypatch, capsys, name):
    real, out = sampling_commands.sample, tmp_path / name

    def meanwhile(*args, **kwargs):
        monkeypatch.setattr(sampling_commands, "sample", real)
        first, *rest = real(*args, **kwargs, batch=4)
        yield first
        assert drawn(generator, out, "--seed", "3") == 2
        yield from rest

    monkeypatch.setattr(sampling_commands, "sample", meanwhile)
    assert drawn(generator, out) == 0
    assert f"another process is writing {out}" in capsys.readouterr().err
    assert drawn(generator, tmp_path / "alone.npz") == 0
    assert np.array_equal(load(out).images, load(tmp_path / "alone.npz").images)
    names = {"generator.safetensors", name, "alone.npz"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize("name", KINDS)
def test_what_appeared_while_a_sample_was_made_is_kept(generator, tmp_path, monkeypatch, name):
    def meanwhile(*args, **kwargs):
        (tmp_path / name).write_text("mine")
        yield np.zeros((11, 12, 12, 1), np.uint8)

    monkeypatch.setattr(sampling_commands, "sample", meanwhile)
    assert drawn(generator, tmp_path / name) == 2
    assert (tmp_path / name).read_text() == "mine"


def test_an_output_that_exists_is_kept(generator, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    assert drawn(generator, tmp_path / "there") == 2
    assert "there is something at" in capsys.readouterr().err


def test_an_output_of_unknown_kind_is_refused(generator, tmp_path, capsys):
    assert drawn(generator, tmp_path / "images.jpg") == 2
    assert "must be a folder, or end in .zarr or .npz" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nope", "--data", "mnist", "--out", "o"], "no config 'nope'"),
        (["train", "demo-15", "--data", "/nope", "--out", "o"], "/nope"),
        (["train", "demo-15", "--data", "mnist", "--out", "o", "--set", "loss=x"], "loss must be"),
        (["train", "demo-15", "--data", "mnist", "--out", "o", "--seed", "-1"], "seed must be"),
        (
            ["train", "vae", "--data", "mnist", "--out", "o", "--resolution", "0"],
            "from 8 to 128 px",
        ),
        (["sample", "/nope", "--count", "3", "--out", "o"], "cannot read /nope"),
        (["sample", "/nope.onnx", "--count", "3", "--out", "o"], "cannot read /nope.onnx"),
        (["sample", "/nope", "--count", "0", "--out", "o"], "--count must be at least 1, got 0"),
        (["export", "/nope", "--out", "o"], "cannot read /nope"),
    ],
)
def test_every_mistake_is_one_line_and_status_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def _beyond_any_memory(*args, **kwargs):
    torch.empty(2**50, dtype=torch.uint8)


def _beyond_a_card(*args, **kwargs):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("load", [_beyond_any_memory, _beyond_a_card])
def test_too_little_memory_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, load):
    monkeypatch.setattr(training_commands, "load", load)
    assert train("mnist", tmp_path / "run") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("generators: there is not enough memory: take a smaller batch")


def test_an_error_that_nobody_foresaw_is_not_hidden(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(training_commands, "load", fail)
    with pytest.raises(RuntimeError, match="unforeseen"):
        train("mnist", tmp_path / "run")


def test_the_package_runs_as_a_command():
    command = [sys.executable, "-m", "generators", "configs"]
    environment = os.environ | {"PYTHONPATH": str(Path(commands.__file__).parents[1])}
    listed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "lecture-dcgan" in listed.stdout


def test_an_interrupt_while_the_command_starts_is_one_line_too(tmp_path):
    (tmp_path / "torch.py").write_text("raise KeyboardInterrupt")
    path = os.pathsep.join([str(tmp_path), str(Path(commands.__file__).parents[1])])
    command = [sys.executable, "-m", "generators", "configs"]
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "generators: interrupted\n")
