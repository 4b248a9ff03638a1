import numpy as np
import pytest
import torch

from generators.commands import main
from generators.config import Translation
from generators.pairs import edges
from generators.sampling import load_generator, sample
from generators.training import Trainer
from generators.translating import (
    TranslationError,
    apply,
    inputs,
    originals,
    translate,
    translations,
)
from pools.sources import load
from pools.store import open_pool

EDGES, CYCLE, ENLARGE = "edges-to-fashion", "sneakers-to-boots", "enlarge-14-to-28"
STRIPES = {"translation.from_class": 0, "translation.to_class": 1}


@pytest.fixture
def file(tiny, data, tmp_path):
    """`file(name)`: an untrained translation, or other generator, as a file."""

    def make(name):
        config = tiny(name, **(STRIPES if name == CYCLE else {}))
        path = tmp_path / f"{name}.safetensors"
        Trainer(config, *data, 4, device=torch.device("cpu")).save_generator(path)
        return path

    return make


@pytest.mark.parametrize("name", [EDGES, ENLARGE, CYCLE])
def test_what_is_made_of_an_image_is_made_of_the_input_derived_from_it(file, data, name):
    generator, images = load_generator(file(name)), data[0]
    given = inputs(generator, images)
    side_px = 6 if name == ENLARGE else 12
    assert given.shape == (40, side_px, side_px, 1)
    made = translate(generator, images)
    assert made.shape == images.shape
    assert made.dtype == np.uint8
    assert np.array_equal(made, apply(generator, given))
    assert not np.array_equal(made, images)


def test_inputs_are_those_of_training(file, data):
    given = inputs(load_generator(file(EDGES)), data[0])
    signed = torch.from_numpy(data[0]).permute(0, 3, 1, 2).float() / 127.5 - 1
    expected = edges(signed).permute(0, 2, 3, 1).numpy()
    assert np.abs(given / 127.5 - 1 - expected).max() <= 1 / 255


def test_the_way_back_is_another_network(file, data):
    generator = load_generator(file(CYCLE))
    assert set(generator.others) == {"back"}
    there, back = (translate(generator, data[0], back=back) for back in (False, True))
    assert not np.array_equal(there, back)


def test_batches_are_the_whole_and_are_counted(file, make_data):
    generator, images, made = load_generator(file(EDGES)), make_data(300)[0], []
    batches = list(translations(generator, images, progress=made.append))
    assert [len(batch) for batch in batches] == [*made[:1], 300 - made[0]]
    assert made[-1] == 300
    assert np.array_equal(np.concatenate(batches), translate(generator, images))


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (np.zeros((2, 8, 8, 1), np.uint8), r"uint8 \(2, 8, 8, 1\)"),
        (np.zeros((2, 12, 12, 3), np.uint8), r"uint8 \(2, 12, 12, 3\)"),
        (np.zeros((2, 12, 12, 1), np.float32), r"float32 \(2, 12, 12, 1\)"),
        (np.zeros((0, 12, 12, 1), np.uint8), r"uint8 \(0, 12, 12, 1\)"),
    ],
)
def test_images_of_another_kind_are_refused(file, wrong, got):
    generator = load_generator(file(EDGES))
    wanted = r"must be uint8 \(N, 12, 12, 1\), at least one, got "
    for refuse in (translate, apply):
        with pytest.raises(TranslationError, match=wanted + got):
            refuse(generator, wrong)


def test_one_way_translations_do_not_lead_back(file, data):
    with pytest.raises(TranslationError, match="'Edges to fashion' leads one way only"):
        translate(load_generator(file(EDGES)), data[0], back=True)


def test_noise_and_images_are_not_mixed_up(file, make_generator, data):
    with pytest.raises(TranslationError, match="makes images of noise, not of images"):
        translate(load_generator(make_generator()), data[0])
    with pytest.raises(ValueError, match="'Edges to fashion' makes images of images, not of noise"):
        sample(file(EDGES), 3, seed=0)


def test_a_pool_s_originals_are_fixed_by_the_seed_and_used_once(data):
    images, labels = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1), data[1]
    task = Translation(task="edges")

    def rows(count, seed):
        return originals(task, images, labels, count, seed=seed).images.flatten().tolist()

    assert rows(10, 3) == rows(40, 3)[:10]
    assert rows(10, 3) != rows(10, 4)
    assert sorted(rows(None, 3)) == list(range(40))


def test_a_pool_shows_the_originals_classes_or_the_class_they_are_turned_into(data):
    images, labels = data
    found = originals(Translation(task="edges"), images, labels, 20, seed=1)
    # The stripe of class k begins in row 2 k.
    assert np.array_equal(found.images[..., 0].argmax(1)[:, 0] // 2, found.labels)
    turned = originals(
        Translation(task="classes", from_class=2, to_class=3), images, labels, seed=1
    )
    assert (turned.images[:, 4] == 255).all()
    assert turned.labels.tolist() == [3] * 10
    assert originals(Translation(task="edges"), images, None, 20, seed=1).labels is None


@pytest.mark.parametrize(
    ("task", "with_labels", "count", "message"),
    [
        ("edges", True, 41, "a pool of 41 images needs as many inputs, .* there are 40 images"),
        ("edges", True, 0, "a pool of 0 images"),
        ("classes", True, 11, "pool of 11 images .* there are 10 images of class 0"),
        ("classes", False, None, "there are 0 images of class 0"),
    ],
)
def test_a_pool_larger_than_its_inputs_is_refused(data, task, with_labels, count, message):
    images, labels = data
    with pytest.raises(TranslationError, match=message):
        originals(Translation(task=task), images, labels if with_labels else None, count, seed=0)


@pytest.fixture
def source(data, tmp_path):
    np.savez(tmp_path / "data.npz", images=data[0], labels=data[1])
    return str(tmp_path / "data.npz")


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_a_pool_is_sampled_from_a_source(file, source, data, tmp_path):
    generator = file(CYCLE)
    command = ("sample", generator, "--inputs", source, "--seed", 5)
    assert run(*command, "--count", 7, "--out", tmp_path / "pool.zarr") == 0
    assert run(*command, "--out", tmp_path / "all.npz") == 0
    loaded = load_generator(generator)
    given = originals(loaded.config.translation, *data, seed=5)
    expected = translate(loaded, given.images)
    assert np.array_equal(np.load(tmp_path / "all.npz")["images"], expected)
    pool = open_pool(tmp_path / "pool.zarr")
    assert np.abs(pool.read(0, 7).astype(int) - expected[:7]).max() <= 1
    assert pool.labels.tolist() == [loaded.config.translation.to_class] * 7


def test_every_image_of_a_source_is_translated_in_order_both_ways(file, source, data, tmp_path):
    generator = file(CYCLE)
    assert run("translate", generator, source, "--out", tmp_path / "there") == 0
    assert run("translate", generator, source, "--back", "--out", tmp_path / "back.npz") == 0
    loaded = load_generator(generator)
    assert np.array_equal(load(tmp_path / "there").images, translate(loaded, data[0]))
    back = np.load(tmp_path / "back.npz")["images"]
    assert np.array_equal(back, translate(loaded, data[0], back=True))


def test_pictures_of_an_images_own_class_keep_its_label(file, source, data, tmp_path):
    assert run("translate", file(EDGES), source, "--out", tmp_path / "made.npz") == 0
    assert np.load(tmp_path / "made.npz")["labels"].tolist() == data[1].tolist()


def test_images_of_another_size_are_fitted(file, tmp_path):
    out = tmp_path / "made.npz"
    assert (
        run(
            "sample",
            file(EDGES),
            "--inputs",
            "mnist",
            "--split",
            "test",
            "--count",
            3,
            "--out",
            out,
        )
        == 0
    )
    assert np.load(out)["images"].shape == (3, 12, 12, 1)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (EDGES, ["--count", "3"], "makes images of images: say which with --inputs SOURCE"),
        (EDGES, ["--inputs", "SOURCE", "--count", "41"], "a pool of 41 images"),
        (EDGES, ["--inputs", "SOURCE", "--truncation", "0.7"], "--truncation is for noise"),
        ("demo-15", ["--inputs", "SOURCE", "--count", "3"], "--inputs is for a generator that"),
        ("demo-15", [], "--count N is missing"),
        ("demo-15", ["--count", "3", "--classes", "2"], "--classes is for an ONNX network"),
        ("demo-15", ["--count", "3", "--split", "test"], "--split is for a generator that"),
        ("demo-15", ["--count", "3", "--seed", str(2**64)], "--seed must be from 0 to 9223372036"),
        ("demo-15", ["--count", str(10**13)], "Unable to allocate"),
    ],
)
def test_a_mistaken_request_for_a_pool_is_one_line(
    file, source, tmp_path, capsys, name, arguments, message
):
    given = [source if each == "SOURCE" else each for each in arguments]
    assert run("sample", file(name), *given, "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.splitlines()[-1].startswith("generators: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        (EDGES, ["--back"], "leads one way only"),
        ("demo-15", [], "makes images of noise, not of images"),
    ],
)
def test_a_mistaken_translation_is_one_line(file, source, tmp_path, capsys, name, more, message):
    assert run("translate", file(name), source, "--out", tmp_path / "out", *more) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
