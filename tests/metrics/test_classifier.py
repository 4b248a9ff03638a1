import json
import re
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from metrics.classifier.file import KEY, About, load, save
from metrics.classifier.network import Form, Network, without_weights
from metrics.classifier.training import accuracy, as_input, steps_within, train
from metrics.errors import ImageMismatch, MetricError, TooFewImages
from metrics.extractors.base import identity
from metrics.extractors.classifier import Classifier
from metrics.extractors.tensors import fill
from metrics.train_classifier import main


def striped(count=256, side=16, channels=1, classes=4, seed=0):
    """Noise with a bright stripe whose row tells the class."""
    labels = np.arange(count) % classes
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, (count, side, side, channels), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 3] = 255
    return images, labels


ABOUT = About("stripes", ("a", "b", "c", "d"), 16, 1, 3, 7, 0.5, 64)


@pytest.fixture(scope="module")
def state():
    return train(*striped(), classes=4, steps=12, seed=7)


@pytest.fixture(scope="module")
def path(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("classifier") / "stripes.safetensors"
    save(path, state, ABOUT)
    return path


# Training


def test_a_few_steps_learn_what_a_stripe_means(state, path):
    network = fill(without_weights(ABOUT.form), state, path)
    assert accuracy(network, *striped(seed=1)) > 0.9
    assert accuracy(network, striped(seed=1)[0], striped()[1][::-1]) < 0.1


def test_seed_and_steps_alone_decide_on_every_bit(state):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    again = train(*striped(), classes=4, steps=12, seed=7)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(again[name], tensor) for name, tensor in state.items())
    other = train(*striped(), classes=4, steps=12, seed=8)
    assert not torch.equal(other["classes.weight"], state["classes.weight"])


def test_progress_is_told_after_each_step_and_may_end_the_training():
    told = []

    def stop(done, total):
        told.append((done, total))
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(*striped(), classes=4, steps=5, progress=stop)
    assert told == [(1, 5), (2, 5)]


def test_more_time_is_more_steps():
    few, many = (steps_within(seconds, *striped(), classes=4) for seconds in (0.001, 60))
    assert few == 1
    assert many > 20


@pytest.mark.parametrize(
    ("side", "channels", "halvings"), [(16, 1, 2), (28, 1, 3), (32, 3, 3), (64, 3, 4)]
)
def test_any_resolution_ends_in_128_features(side, channels, halvings):
    network = Network(Form(side, channels, 7)).eval()
    features, logits = network(torch.rand(2, channels, side, side))
    assert features.shape == (2, 128)
    assert logits.shape == (2, 7)
    assert len(network.blocks) == halvings - 1


def test_the_network_can_be_attacked_through_its_input():
    pixels = torch.rand(2, 1, 28, 28, requires_grad=True)
    Network(Form(28, 1, 10)).eval()(pixels)[1].max().backward()
    assert pixels.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": striped()[0][:, :, :12]}, ImageMismatch, "square images, got 16 × 12 px"),
        ({"images": striped()[0].astype(float)}, ImageMismatch, "uint8"),
        ({"images": striped(20)[0]}, TooFewImages, "at least 64 images, got 20"),
        ({"labels": striped(20)[1]}, ImageMismatch, r"256 whole numbers .*shape \(20,\)"),
        ({"labels": striped()[1] / 2}, ImageMismatch, "got float64"),
        ({"labels": striped()[1] - 1}, ImageMismatch, "from 0 to 3, got -1 to 2"),
        ({"classes": 3}, ImageMismatch, "from 0 to 2, got 0 to 3"),
        ({"labels": striped()[1] * 0, "classes": 1}, MetricError, "classes from 2 to 10000, got 1"),
        ({"images": striped(side=8, classes=2)[0]}, MetricError, "from 16 to 128, got 8"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(change, error, message):
    images, labels = striped()
    given = {"images": images, "labels": labels, "classes": 4} | change
    with pytest.raises(error, match=message):
        train(given["images"], given["labels"], classes=given["classes"], steps=1)


# The extractor


def test_features_and_probabilities_are_those_of_the_network(path, state):
    network = Network(ABOUT.form)
    network.load_state_dict(state)
    images = striped(70, seed=2)[0]
    with torch.no_grad():
        features, logits = network.eval()(as_input(images))
    got = Classifier(path).extract(images)
    np.testing.assert_allclose(got.features, features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got.probabilities, torch.softmax(logits, 1), rtol=1e-4, atol=1e-6)


def test_neither_batch_nor_place_changes_a_bit(path):
    extractor, images = Classifier(path), striped(70, seed=2)[0]
    whole = extractor.extract(images).features
    parts = [extractor.extract(part).features for part in (images[:1], images[1:66], images[66:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(extractor.extract(images[::-1]).features[::-1], whole)


def test_images_of_another_size_and_in_colour_are_brought_to_the_network_s(path, images):
    assert Classifier(path).extract(images(3, size=40, channels=3)).features.shape == (3, 128)


def test_the_identity_names_the_file_and_what_it_was_trained_on(path):
    extractor = Classifier(path)
    assert extractor.about == ABOUT
    assert re.fullmatch(
        r"classifier-[0-9a-f]{8} \(trained on stripes, 50\.00% of 64 held-out images right, float32; "
        r"centred square, .* to 16 × 16 px, 8 bits, grey\)",
        identity(extractor),
    )


# Files that are no classifiers


def lying(**changes):
    return {KEY: json.dumps(asdict(ABOUT) | changes)}


def without(name):
    return lambda state: {key: tensor for key, tensor in state.items() if key != name}


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        (without("classes.weight"), lying(), "does not fit its network: Missing key"),
        (lambda s: s | {"classes.weight": torch.ones(9, 9)}, lying(), "size mismatch"),
        (lambda s: s | {"more": torch.ones(1)}, lying(), "Unexpected key"),
        (dict, None, "no classifier trained by"),
        (dict, {KEY: "["}, "does not say what it was trained on"),
        (dict, {KEY: "{}"}, "does not say what it was trained on: KeyError"),
        (dict, lying(steps=[1]), "does not say what it was trained on"),
        (dict, lying(resolution_px=10**9), "resolution_px from 16 to 128"),
        (dict, lying(channels=2), "1 or 3 channels, got 2"),
        (dict, lying(class_names=["a"] * 20_000), "classes from 2 to 10000, got 20000"),
        (dict, lying(class_names=["a"] * 9), "size mismatch"),
    ],
)
def test_a_file_that_lies_is_refused(tensors, metadata, message, state, tmp_path):
    save_file(tensors(state), tmp_path / "lying.safetensors", metadata=metadata)
    with pytest.raises(MetricError, match=message):
        load(tmp_path / "lying.safetensors")


@pytest.mark.parametrize("content", [b"hello", b"", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"])
def test_what_is_no_safetensors_is_refused(content, tmp_path):
    (tmp_path / "odd").write_bytes(content)
    with pytest.raises(MetricError, match=r"neither safetensors|damaged"):
        load(tmp_path / "odd")


def test_a_huge_file_is_refused_by_its_size(tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(MetricError, match="has 65 MiB, wanted at most 64"):
        load(tmp_path / "huge")


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(MetricError, match=r"cannot read .*absent: No such file"):
        load(tmp_path / "absent")


# The command


@pytest.fixture
def source(tmp_path):
    images, labels = striped(384)
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    return str(tmp_path / "stripes.npz")


def test_the_command_writes_what_it_says(source, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    assert main([source, "--out", str(out), "--steps", "12", "--seed", "3"]) == 0
    about = load(out)[1]
    assert about == About(
        "stripes.npz", ("0", "1", "2", "3"), 16, 1, 12, 3, about.accuracy, held_out=64
    )
    assert about.accuracy > 0.9
    assert capsys.readouterr().out == (
        f"{out}: {about.accuracy:.2%} of 64 held-out images right after 12 steps\n"
    )
    first = out.read_bytes()
    main([source, "--out", str(out), "--steps", "12", "--seed", "3"])
    assert out.read_bytes() == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--steps": "0"}, "more than 0 s or steps"),
        ({"--seconds": "-1"}, "more than 0 s or steps"),
        ({"--out": "/nowhere/x.safetensors"}, "the folder of .* needs to exist"),
    ],
)
def test_the_command_says_what_is_wrong(change, message, source, tmp_path, capsys):
    options = {"--out": str(tmp_path / "x"), "--steps": "1"} | change
    assert main([source, *(word for pair in options.items() for word in pair)]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_images_without_labels_are_refused(tmp_path, capsys):
    np.savez(tmp_path / "bare.npz", images=striped(384)[0])
    assert main([str(tmp_path / "bare.npz"), "--out", str(tmp_path / "x"), "--steps", "1"]) == 2
    assert "needs labels" in capsys.readouterr().err


def test_a_shipped_pack_is_learned_in_seconds(tmp_path):
    assert main(["mnist", "--out", str(tmp_path / "x"), "--steps", "30"]) == 0
    about = load(tmp_path / "x")[1]
    assert about.accuracy > 0.7
    assert (about.data, about.held_out) == ("mnist", 2_000)
