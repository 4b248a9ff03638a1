import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from generators.checkpoint import CheckpointError
from generators.config import available_configs, load_config
from generators.data import TrainingDataError
from generators.sampling import sample
from generators.training import Trainer, TrainingDiverged, use_bf16
from pools.sources import load
from pools.stimulus import grid

CPU = torch.device("cpu")


def trained(config, data, **advance):
    trainer = Trainer(config, *data, 4, device=CPU)
    trainer.advance(**advance)
    return trainer


def weights(trainer):
    return {name: tensor for name, tensor in trainer._state().items() if name != "sums"}


def assert_same_run(one, other):
    for (name, value), again in zip(weights(one).items(), weights(other).values(), strict=True):
        assert torch.equal(value, again), name


@pytest.mark.parametrize("name", available_configs())
def test_every_config_trains_on_real_images(name):
    digits = load("mnist", limit=32)
    narrow = {"generator.features": 8, "discriminator.features": 8}
    config = load_config(name, batch=4, **narrow)
    config = replace(config, images=2 * config.images_per_step)
    trainer = Trainer(config, digits.images, digits.labels, 10)
    trainer.advance()
    assert (trainer.step, trainer.done) == (2, True)
    rows, columns, channels = trainer.sample_grid().shape
    assert columns == 10 * (28 + 1) - 1
    assert (rows + 1) % (28 + 1) == 0
    assert channels == 1


def test_a_run_learns_the_stripes_of_its_classes(tiny, data, tmp_path):
    # so small a run collapses with one seed in eight, in float32 as in bf16: not with this one
    config = tiny(images=12_800, batch=32, seed=3, **{"generator.features": 8})
    trainer = trained(config, data)
    trainer.save_generator(tmp_path / "g")
    images = next(sample(tmp_path / "g", 40, seed=0))
    for image, label in zip(images, np.arange(40) % 4, strict=True):
        inside = image[2 * label : 2 * label + 2].mean()
        outside = np.delete(image, [2 * label, 2 * label + 1], axis=0).mean()
        assert inside > 150 > 80 > outside


VIRTUAL = {"generator.normalisation": "virtual", "discriminator.normalisation": "virtual"}
TRICKS = {"tricks.augmentation": "colour-translation-cutout", "tricks.instance_noise": 0.1}


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("demo-15", {}),
        ("demo-15", VIRTUAL | TRICKS),
        ("lecture-gated", {}),
        ("dragan", {}),
        ("began", {}),
        ("vae", {}),
        ("bigan", {}),
    ],
)
def test_a_resumed_run_equals_the_unbroken_one_bit_for_bit(tiny, data, tmp_path, name, overrides):
    whole, parts = [], []
    config = tiny(name, **overrides)
    unbroken = trained(config, data, on_progress=whole.append)
    path = tmp_path / "run.safetensors"
    trained(config, data, images=8, on_progress=parts.append).save(path)
    resumed = Trainer.resume(path, *data, device=CPU)
    assert resumed.images_seen == 8
    resumed.advance(images=4, on_progress=parts.append)
    resumed.save(path)
    resumed = Trainer.resume(path, *data, config=config, device=CPU)
    resumed.advance(on_progress=parts.append)
    assert_same_run(unbroken, resumed)
    assert [p.values for p in parts] == [p.values for p in whole]
    assert resumed.done


def test_losses_between_two_reports_survive_a_resume(tiny, data, tmp_path):
    config, path = tiny(images=4 * 250), tmp_path / "run.safetensors"
    whole, parts = [], []
    trained(config, data, images=16, on_progress=whole.append)
    trained(config, data, images=12, on_progress=parts.append).save(path)
    assert len(parts) == 1
    Trainer.resume(path, *data, device=CPU).advance(images=4, on_progress=parts.append)
    assert [p.values for p in parts] == [p.values for p in whole]


def test_the_seed_decides_the_run(tiny, data):
    assert_same_run(trained(tiny(seed=3), data), trained(tiny(seed=3), data))
    one, other = weights(trained(tiny(seed=3), data)), weights(trained(tiny(seed=4), data))
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_training_leaves_the_global_random_state_alone(tiny, data):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(tiny(), data)
    assert torch.equal(torch.rand(3), expected)


def test_images_without_labels_are_trained_without_classes(tiny, data):
    trainer = Trainer(tiny(), data[0], None)
    trainer.advance()
    assert trainer.shape.class_count == 0
    assert trainer.done


def test_several_discriminator_steps_spend_the_budget_faster(tiny, data):
    trainer = trained(tiny(**{"discriminator.steps": 3}), data)
    assert (trainer.step, trainer.images_seen) == (2, 24)


def test_progress_counts_up_to_the_budget_and_ends_with_a_grid(tiny, data):
    seen = []
    trained(tiny(), data, on_progress=seen.append)
    assert [p.images_seen for p in seen] == [4, 8, 12, 16, 20, 24]
    assert {p.images_total for p in seen} == {24}
    assert seen[-1].grid.shape == grid(np.zeros((60, 12, 12, 1), np.uint8), 10).shape
    assert seen[-1].grid.dtype == np.uint8
    assert any(p.grid is None for p in seen)
    assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)


def test_a_long_run_reports_about_a_hundred_times(tiny, data):
    seen = []
    trained(tiny(images=4 * 250), data, on_progress=seen.append)
    assert 100 <= len(seen) <= 130


def test_a_run_stops_when_told_to_and_goes_on_later(tiny, data):
    trainer = trained(tiny(), data, should_stop=lambda: True)
    assert trainer.images_seen == 0
    trainer.advance(seconds=0)
    assert trainer.images_seen == 0
    trainer.advance(images=5)
    assert trainer.images_seen == 8
    trainer.advance()
    assert trainer.done


def test_the_average_lags_behind_the_weights_unless_its_decay_is_zero(tiny, data):
    slow, instant = trained(tiny(), data), trained(tiny(ema=0.0), data)
    z = torch.randn(3, 8)
    labels = torch.arange(3)
    average, newest = slow.ema.averages["generator"], slow.model.generator
    assert not torch.equal(average.project.weight, newest.project.weight)
    generator = instant.model.generator.eval()
    torch.testing.assert_close(instant.ema.averages["generator"](z, labels), generator(z, labels))


def test_the_learning_rate_falls_linearly_over_the_second_half(tiny, data):
    rates = []
    trainer = Trainer(tiny(images=32), *data, 4)
    while not trainer.done:
        trainer.advance(images=4)
        rates.append(trainer.optimisers._adams["generator"]._rate / 2e-3)
    assert rates == pytest.approx([1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_the_lazy_penalty_acts_on_its_own_steps_only(tiny, data):
    def after(steps, weight):
        config = tiny(**{"penalty.weight": weight, "penalty.every": 3})
        return weights(trained(config, data, images=4 * steps))

    unpunished, punished = after(1, 0.0), after(1, 5.0)
    assert any(not torch.equal(unpunished[name], punished[name]) for name in punished)


def test_a_diverging_run_is_stopped_with_step_and_loss(tiny, data):
    config = tiny(**{"generator.learning_rate": 1.0, "discriminator.learning_rate": 1.0})
    trainer = Trainer(config, *data, 4)
    with torch.no_grad():
        trainer.model.discriminator.head.logit.weight.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match=r"d_loss became nan by step 1 \(4"):
        trainer.advance()


def test_a_diverged_run_is_not_saved(tiny, data, tmp_path):
    trainer = trained(tiny(images=4 * 1000), data, images=4)
    trainer._sums.fill_(float("nan"))
    for save in (trainer.save, trainer.save_generator):
        with pytest.raises(TrainingDiverged):
            save(tmp_path / "run.safetensors")
    assert not list(tmp_path.iterdir())


def test_bf16_is_chosen_only_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert use_bf16("auto", CPU)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert not use_bf16("auto", CPU)
    assert use_bf16("bf16", CPU)
    assert use_bf16("auto", torch.device("cuda"))
    assert not use_bf16("float32", torch.device("cuda"))


def test_a_run_trains_in_bf16_on_images_of_float32(tiny, data):
    trainer = trained(tiny(precision="bf16"), data)
    feed = trainer._feed(trainer.step)
    assert trainer.done
    assert trainer.model.fake(feed, feed.real()[1]).images.dtype == torch.float32


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y: (x.astype(float), y), r"images must be uint8 \(N, H, H, C\), got float64"),
        (lambda x, y: (x[:, :8], y), "images must be square, got 12 × 8 px: choose a resolution"),
        (lambda x, y: (x[:0], y[:0]), "at least 1 image, got 0"),
        (lambda x, y: (x, y[:7]), r"labels must be whole numbers \(40,\), got int64 \(7,\)"),
        (lambda x, y: (x, y * 1.0), "got float64"),
        (lambda x, y: (x, y + 1), "labels must be from 0 to 3 for 4 classes, got 1 to 4"),
    ],
)
def test_unfit_data_is_refused(tiny, data, spoil, message):
    with pytest.raises(TrainingDataError, match=message):
        Trainer(tiny(), *spoil(*data), 4)


@pytest.fixture
def saved(tiny, data, tmp_path):
    path = tmp_path / "run.safetensors"
    trained(tiny(), data, images=4).save(path)
    return path


def test_resuming_on_other_images_is_refused(saved, data):
    images, labels = data
    with pytest.raises(CheckpointError, match="run on other images or labels"):
        Trainer.resume(saved, images ^ 1, labels)
    with pytest.raises(CheckpointError, match="run on other images or labels"):
        Trainer.resume(saved, images, None)


def test_resuming_with_another_config_is_refused(saved, data, tiny):
    with pytest.raises(CheckpointError, match="run of another config"):
        Trainer.resume(saved, *data, config=tiny(seed=9))


def test_every_truncation_of_a_checkpoint_is_named(saved, data):
    whole = saved.read_bytes()
    for length in (0, 5, 200, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="damaged or cut short"):
            Trainer.resume(saved, *data)


def test_a_generator_is_no_run(saved, data, tiny):
    trained(tiny(), data).save_generator(saved)
    with pytest.raises(CheckpointError, match="no training run made here"):
        Trainer.resume(saved, *data)


def test_a_checkpoint_that_cannot_be_written_is_an_error_of_the_system(tiny, data, tmp_path):
    trainer = Trainer(tiny(), *data, 4)
    with pytest.raises(OSError, match=r"cannot write .*run\.safetensors: "):
        trainer.save(tmp_path / "absent" / "run.safetensors")


def test_an_absent_checkpoint_is_named(data, tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot read .*absent"):
        Trainer.resume(tmp_path / "absent", *data)


def _edit_header(path, edit):
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    note = json.loads(header["__metadata__"]["uncanny"])
    edit(note)
    header["__metadata__"]["uncanny"] = json.dumps(note)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])


def test_a_checkpoint_with_an_altered_description_is_refused(saved, data):
    _edit_header(saved, lambda note: note["about"]["config"].update(z_dim=9))
    with pytest.raises(CheckpointError, match="does not fit its own config") as caught:
        Trainer.resume(saved, *data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ({"data_hash": None}, "is a run on other images or labels"),
        ({"step": None}, "must say its step, 0 or more, got None"),
        ({"step": -5}, "must say its step, 0 or more, got -5"),
        ({"seconds": "x"}, "must say its seconds, 0 or more, got 'x'"),
        ({"shape": {"resolution_px": 12.0, "channels": 1}}, r"whole numbers, got \(12\.0, 1, 0\)"),
    ],
)
def test_a_checkpoint_that_does_not_say_where_it_is_is_refused(saved, data, spoil, message):
    _edit_header(saved, lambda note: note["about"].update(spoil))
    with pytest.raises(CheckpointError, match=message):
        Trainer.resume(saved, *data)


def test_a_checkpoint_with_an_impossible_config_is_refused(saved, data):
    _edit_header(saved, lambda note: note["about"]["config"].update(z_dim=0))
    with pytest.raises(CheckpointError, match=r"z_dim must be from 1 to 4096, got 0"):
        Trainer.resume(saved, *data)


def test_saving_leaves_no_other_file_behind(saved):
    assert [path.name for path in saved.parent.iterdir()] == ["run.safetensors"]


def test_a_failed_save_keeps_the_old_checkpoint(saved, data, tiny, monkeypatch):
    before = saved.read_bytes()
    trainer = trained(tiny(), data)

    def full_disk(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("generators.checkpoint.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        trainer.save(saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["run.safetensors"]
