import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from generators import checkpoint
from generators.checkpoint import CheckpointError
from generators.noise import balanced_labels, noise
from generators.sampling import load_generator, sample
from generators.training import Trainer


@pytest.fixture(params=[True, False], ids=["classes", "no classes"])
def generator(request, make_generator):
    return make_generator(conditional=request.param)


def pool(path, count, **options):
    return np.concatenate(list(sample(path, count, seed=7, **options)))


def test_images_are_uint8_in_batches_of_the_size_asked_for(generator):
    batches = list(sample(generator, 100, seed=7, batch=30))
    assert [batch.shape for batch in batches] == [(30, 12, 12, 1)] * 3 + [(10, 12, 12, 1)]
    assert {batch.dtype for batch in batches} == {np.dtype(np.uint8)}


def test_image_i_depends_on_the_seed_and_i_alone(generator):
    whole = pool(generator, 200)
    assert np.array_equal(pool(generator, 200, batch=7), whole)
    shares = [pool(generator, 50, start=0), pool(generator, 77, start=50)]
    shares.append(pool(generator, 73, start=127))
    assert np.array_equal(np.concatenate(shares), whole)
    other = np.concatenate(list(sample(generator, 200, seed=8)))
    assert not np.array_equal(other, whole)


def test_a_loaded_network_draws_what_its_file_does(generator):
    assert np.array_equal(
        pool(load_generator(generator), 70, start=9), pool(generator, 70, start=9)
    )


def test_a_network_tells_the_classes_that_images_are_asked_for(make_generator):
    conditional = load_generator(make_generator(conditional=True))
    classes = conditional.shape.class_count
    assert conditional.labels(5, 7).tolist() == [i % classes for i in range(5, 12)]
    assert load_generator(make_generator(conditional=False)).labels(0, 7) is None


def test_images_of_one_pool_differ(generator):
    images = pool(generator, 64)
    assert len({image.tobytes() for image in images}) == 64


def test_sampling_reports_how_many_images_there_are(generator):
    made = []
    list(sample(generator, 70, seed=7, batch=32, progress=made.append))
    assert made == [32, 64, 70]


def test_no_images_are_no_batches(generator):
    assert list(sample(generator, 0, seed=7)) == []


@pytest.mark.parametrize(
    "bad", [{"count": -1}, {"count": 1, "start": -1}, {"count": 1, "batch": 0}]
)
def test_impossible_ranges_are_refused(generator, bad):
    with pytest.raises(ValueError, match="count, start and seed must be at least 0"):
        sample(generator, seed=7, **bad)


def test_noise_rows_are_standard_normal_and_independent():
    rows = noise(3, 0, 20_000, 4)
    assert np.abs(rows.mean(0)).max() < 0.03
    assert np.abs(np.cov(rows.T) - np.eye(4)).max() < 0.04
    assert np.array_equal(noise(3, 19_990, 10, 4), rows[-10:])


def test_classes_have_equal_shares():
    assert np.bincount(balanced_labels(4, 13, 400)).tolist() == [100] * 4


def test_the_average_is_what_is_saved(tiny, data, tmp_path):
    trainer = Trainer(tiny(), *data, 4)
    trainer.advance()
    trainer.save_generator(tmp_path / "g")
    loaded = load_generator(tmp_path / "g")
    assert loaded.images_seen == 24
    assert loaded.config == trainer.config
    assert loaded.shape == trainer.shape
    for name, value in trainer.ema.averages["generator"].state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value)


def test_foreign_safetensors_are_refused(tmp_path):
    save_file({"x": torch.zeros(3)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="safetensors, but no generator made here"):
        sample(tmp_path / "foreign", 1, seed=0)


def test_a_generator_whose_weights_are_no_numbers_is_refused(generator):
    tensors, about = checkpoint.read(generator, "generator")
    tensors["generator.project.bias"].fill_(float("nan"))
    checkpoint.write(generator, "generator", tensors, about)
    with pytest.raises(CheckpointError, match=r"project\.bias holds what is no number"):
        sample(generator, 1, seed=0)


def test_a_generator_that_does_not_say_what_it_saw_is_refused(generator):
    tensors, about = checkpoint.read(generator, "generator")
    checkpoint.write(generator, "generator", tensors, {**about, "images_seen": "many"})
    with pytest.raises(CheckpointError, match="must say its images_seen, 0 or more, got 'many'"):
        sample(generator, 1, seed=0)


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"PK\x03\x04" * 50, b"\x7f" * 4096])
def test_a_file_that_is_no_safetensors_is_refused(tmp_path, content):
    (tmp_path / "odd").write_bytes(content)
    with pytest.raises(CheckpointError, match="odd is no generator, or is damaged or cut short"):
        sample(tmp_path / "odd", 1, seed=0)


def test_a_header_that_is_nested_too_deep_is_refused(tmp_path):
    save_file({"x": torch.zeros(3)}, tmp_path / "deep", metadata={"uncanny": "[" * 100_000})
    with pytest.raises(CheckpointError, match="deep is no generator, or is damaged or cut short"):
        sample(tmp_path / "deep", 1, seed=0)


def test_a_truncated_generator_is_refused(generator):
    generator.write_bytes(generator.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        sample(generator, 1, seed=0)


@pytest.mark.parametrize(
    "header",
    [
        "[1]",
        "3",
        "{",
        '{"kind": "generator", "version": 1}',
        '{"kind": "generator", "version": 1, "about": 3}',
    ],
)
def test_a_hostile_description_is_refused(tmp_path, header):
    save_file({"x": torch.zeros(3)}, tmp_path / "odd", metadata={"uncanny": header})
    with pytest.raises(CheckpointError):
        sample(tmp_path / "odd", 1, seed=0)
