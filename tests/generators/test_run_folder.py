import json

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from generators import run_folder
from generators.commands import main
from generators.health import Verdict

TINY = [
    "--set=images=24",
    "--set=batch=4",
    "--set=z_dim=8",
    "--set=generator.features=4",
    "--set=discriminator.features=4",
]
# With no fakes shown to it, the discriminator comes to call everything real.
BLIND = ["--set=images=240", "--set=tricks.gate_fake=100.0", "--set=penalty.name=none"]
DIVERGING = [
    "--set=images=80", "--set=batch=8", "--set=loss=least-squares", "--set=penalty.name=r1",
    "--set=generator.features=4", "--set=discriminator.features=96", "--set=penalty.weight=1e6",
    "--set=discriminator.learning_rate=1.0",
]  # fmt: skip


@pytest.fixture
def source(data, tmp_path):
    images, labels = data
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    return str(tmp_path / "data.npz")


def train(source, out, *more, config="demo-15", settings=TINY):
    return main(["train", config, "--data", source, "--out", str(out), *settings, *more])


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def board(out):
    return EventAccumulator(str(out / "tensorboard"), size_guidance={"scalars": 0}).Reload()


def test_a_norm_without_effect_is_refused_before_training(source, tmp_path, capsys):
    judge = ["--set=discriminator.architecture=dcgan", "--set=discriminator.normalisation=group"]
    assert train(source, tmp_path / "run", *judge) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "generators: discriminator.normalisation 'group' has no effect on images"
    )
    assert not (tmp_path / "run").exists()


def test_classes_that_nothing_is_learnt_of_are_told(data, tmp_path, capsys):
    images, labels = data
    np.savez(tmp_path / "from-1.npz", images=images, labels=labels + 1)
    from_1 = str(tmp_path / "from-1.npz")
    words = (
        "1 of 5 classes have no images to learn from, but will be drawn: 0. Number classes from 0"
    )
    assert train(from_1, tmp_path / "run") == 0
    assert capsys.readouterr().err.startswith(words)
    assert train(from_1, tmp_path / "plain", "--set=conditional=false") == 0
    assert "no images to learn from" not in capsys.readouterr().err


def test_images_without_classes_are_told_where_a_recipe_draws_by_class(data, tmp_path, capsys):
    np.savez(tmp_path / "plain.npz", images=data[0])
    plain = str(tmp_path / "plain.npz")
    words = "the images have no classes: the generator will draw without"
    assert train(plain, tmp_path / "run") == 0
    assert capsys.readouterr().err.startswith(words)
    assert train(plain, tmp_path / "unasked", "--set=conditional=false") == 0
    assert words not in capsys.readouterr().err


def test_the_log_holds_all_that_was_watched(source, tmp_path):
    train(source, tmp_path / "run")
    last = log(tmp_path / "run")[-1]
    watched = {"d_loss", "g_loss", "d_real", "d_fake", "d_gradient", "g_gradient"}
    assert last.keys() >= watched | {"images_seen", "images_total", "seconds"}
    assert last.keys() >= {"coverage", "obedience", "copied"}


def test_tensorboard_reads_every_logged_value_and_the_sheets(source, tmp_path):
    out = tmp_path / "run"
    train(source, out)
    events = board(out)
    lines = log(out)
    for name in ("d_loss", "g_gradient", "copied"):
        found = [(event.step, event.value) for event in events.Scalars(name)]
        wanted = [(line["images_seen"], line[name]) for line in lines if name in line]
        assert found == [(step, pytest.approx(value)) for step, value in wanted]
    shown = events.Images("samples")
    sheets = {int(path.stem): path.read_bytes() for path in (out / "samples").iterdir()}
    assert {event.step: event.encoded_image_string for event in shown} == sheets
    assert (shown[0].width, shown[0].height) == (10 * 13 - 1, 6 * 13 - 1)


@pytest.mark.parametrize("more", [(), ("--resume",)])
def test_a_folder_that_a_run_is_trained_in_takes_no_second_one(
    source, tmp_path, capsys, monkeypatch, more
):
    out = tmp_path / "run"
    record, seconds = run_folder.RunFolder._record, []

    def meanwhile(self, progress):
        record(self, progress)
        if not seconds:
            seconds.append(None)
            seconds.append(train(source, out, *more))

    monkeypatch.setattr(run_folder.RunFolder, "_record", meanwhile)
    assert train(source, out) == 0
    assert seconds[1] == 2
    assert f"another process is training in {out}: let it end" in capsys.readouterr().err
    assert [line["images_seen"] for line in log(out)] == [4, 8, 12, 16, 20, 24]
    assert train(source, out, "--resume") == 0


def test_tensorboard_forgets_what_a_resumed_run_trains_again(source, tmp_path, monkeypatch):
    out = tmp_path / "run"
    record, calls = run_folder.RunFolder._record, []

    def crash_after_four(self, progress):
        record(self, progress)
        calls.append(progress)
        if len(calls) == 4:
            raise RuntimeError

    monkeypatch.setattr(run_folder.RunFolder, "_record", crash_after_four)
    monkeypatch.setattr(run_folder, "CHECKPOINT_EVERY_S", 0)
    monkeypatch.setattr(run_folder.Trainer, "advance", _two_steps_at_a_time(run_folder.Trainer))
    with pytest.raises(RuntimeError):
        train(source, out)
    assert [line["images_seen"] for line in log(out)] == [4, 8, 12, 16]
    assert train(source, out, "--resume") == 0
    assert [line["images_seen"] for line in log(out)] == [4, 8, 12, 16, 20, 24]
    assert [event.step for event in board(out).Scalars("d_loss")] == [4, 8, 12, 16, 20, 24]
    assert len(list((out / "tensorboard").iterdir())) == 2


def _two_steps_at_a_time(trainer):
    advance = trainer.advance
    return lambda self, on_progress, **_: advance(self, images=8, on_progress=on_progress)


def test_a_run_too_short_for_a_verdict_is_not_called_healthy(source, tmp_path, capsys):
    out = tmp_path / "run"
    train(source, out)
    words = "too few reports and samples to be judged by"
    assert capsys.readouterr().err.splitlines()[-1] == words
    assert main(["health", str(out)]) == 0
    assert capsys.readouterr().out == f"{words}\n"
    assert main(["health", str(out), "--json"]) == 0
    about = {"images_seen": 24, "judged": False, "verdicts": []}
    assert json.loads(capsys.readouterr().out) == about


def test_a_healthy_run_is_called_so(source, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run_folder, "is_judged", lambda history, config: True)
    out = tmp_path / "run"
    train(source, out)
    assert capsys.readouterr().err.splitlines()[-1] == "healthy"
    about = {"images_seen": 24, "judged": True, "verdicts": []}
    assert json.loads((out / "health.json").read_text()) == about
    assert main(["health", str(out)]) == 0
    assert capsys.readouterr().out == "healthy\n"
    assert main(["health", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == about


def test_a_verdict_is_told_once_named_at_the_end_and_shown_with_its_evidence(
    source, tmp_path, capsys
):
    out = tmp_path / "run"
    assert train(source, out, *BLIND) == 0
    told = capsys.readouterr().err.replace("\r", "\n").splitlines()
    said = [line for line in told if line.startswith("discriminator-shortcut since ")]
    assert len(said) == 1
    assert "It calls 100% of the real images real, and 100% of the fakes." in said[0]
    assert told[-1].split(", ")[0] == "discriminator-shortcut"
    main(["health", str(out)])
    line = capsys.readouterr().out.splitlines()[0]
    main(["health", str(out), "--json"])
    found = Verdict(**json.loads(capsys.readouterr().out)["verdicts"][0])
    assert line == f"{found.name} since {found.since_images} images: {found.evidence}"


def test_a_run_that_diverges_says_so_in_its_log_and_its_health(source, tmp_path, capsys):
    out = tmp_path / "run"
    assert train(source, out, config="lecture-dcgan", settings=DIVERGING) == 2
    message = capsys.readouterr().err.splitlines()[-1].removeprefix("generators: ")
    assert "lower the learning rates" in message
    last = log(out)[-1]
    assert last == {"images_seen": last["images_seen"], "images_total": 80, "error": message}
    (found,) = json.loads((out / "health.json").read_text())["verdicts"]
    assert (found["name"], found["evidence"]) == ("not-a-number", message)


def test_a_resumed_run_remembers_its_history(source, tmp_path):
    out = tmp_path / "run"
    train(source, out, *BLIND)
    before = (out / "health.json").read_text()
    (out / "health.json").unlink()
    assert train(source, out, *BLIND, "--resume") == 0
    assert (out / "health.json").read_text() == before


def test_a_folder_without_a_run_has_no_health(tmp_path, capsys):
    assert main(["health", str(tmp_path)]) == 2
    assert f"{tmp_path} holds no training" in capsys.readouterr().err
    (tmp_path / "health.json").write_text('{"verdicts": [{"no": 1}]}')
    assert main(["health", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"verdicts": [], "judged": NaN}', "[]", "null", '{"judged": true}', "\x00"],
)
def test_a_damaged_health_is_refused_in_one_line_that_names_it(tmp_path, capsys, text):
    (tmp_path / "health.json").write_text(text)
    for option in ([], ["--json"]):
        assert main(["health", str(tmp_path), *option]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith(f"generators: {tmp_path / 'health.json'} is damaged: ")
        assert said.err.count("\n") == 1


def test_a_line_of_the_log_that_is_nested_too_deep_keeps_no_run_from_going_on(source, tmp_path):
    out = tmp_path / "run"
    train(source, out, *BLIND)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"images_seen": ' + "[" * 100_000 + "}\n")
    assert train(source, out, *BLIND, "--resume") == 0


def test_a_run_that_goes_on_clears_what_a_killed_save_has_left(source, tmp_path):
    out = tmp_path / "run"
    train(source, out)
    names = {path.name for path in out.iterdir()}
    for name in (".run.safetensors.k1ll", ".generator.safetensors.k1ll"):
        (out / name).mkdir()
        (out / name / ".tmpXyz").write_bytes(b"half")
    assert train(source, out, "--resume") == 0
    assert {path.name for path in out.iterdir()} == names


def test_a_process_that_dies_while_the_log_is_cut_loses_none_of_it(source, tmp_path, monkeypatch):
    out = tmp_path / "run"
    train(source, out)
    before = (out / "log.jsonl").read_text()

    def die(path, text, **_):
        with path.open("w") as file:
            file.write(text[:5])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", die)
        assert train(source, out, "--resume") == 130
    assert (out / "log.jsonl").read_text() == before


def test_what_a_run_writes_is_all_for_the_same_people(source, tmp_path):
    out = tmp_path / "run"
    train(source, out)
    modes = {path.name: path.stat().st_mode for path in out.iterdir() if path.is_file()}
    assert len(set(modes.values())) == 1, modes


def settings_told(events):
    """What TensorBoard's table of hyperparameters holds of a run."""
    plugin = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data
    told = metadata.parse_session_start_info_plugin_data(plugin.content).hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in told.items()}


def test_tensorboard_reads_the_settings_of_a_run(source, tmp_path):
    out = tmp_path / "run"
    train(source, out, "--set=generator.learning_rate=0.001", "--set=loss=hinge")
    told = settings_told(board(out))
    assert (told["generator.learning_rate"], told["loss"]) == (0.001, "hinge")
    assert (told["seed"], told["conditional"]) == (0, True)
    assert not {"title", "description"} & told.keys()
