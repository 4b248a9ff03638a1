import os

import numpy as np
import onnx
import pytest
import torch

from generators.checkpoint import CheckpointError
from generators.noise import noise
from generators.onnx_export import ExportError, export
from generators.sampling import encode, load_generator
from generators.training import Trainer
from generators.translating import inputs, translate

os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def properties(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def run(path, **feed):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, feed)
    return output


@pytest.mark.parametrize(("name", "conditional"), [("demo-15", True), ("lecture-dcgan", False)])
def test_the_exported_network_makes_the_same_images(make_generator, tmp_path, name, conditional):
    path, out = make_generator(5, name=name, conditional=conditional), tmp_path / "model.onnx"
    export(path, out)
    generator = load_generator(path, device=torch.device("cpu"))
    for count in (1, 2, 7):
        z, labels = noise(1, 0, count, 8), np.arange(count) % 4
        feed = {"noise": z} | ({"label": labels} if conditional else {})
        tensors = [torch.from_numpy(z)] + ([torch.from_numpy(labels)] if conditional else [])
        images = run(out, **feed)
        with torch.no_grad():
            expected = generator.network(*tensors).numpy()
        assert images.shape == (count, 1, 12, 12)
        assert np.abs(images - expected).max() < 1e-5
        assert np.ptp(images) > 1e-3


def test_the_file_stands_alone_and_tells_nothing_of_this_machine(make_generator, tmp_path):
    out = tmp_path / "model.onnx"
    export(make_generator(), out)
    model = onnx.load(out)
    assert [path.name for path in tmp_path.glob("model*")] == ["model.onnx"]
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert properties(out) == {
        "kind": "noise",
        "class_count": "4",
        "z_dim": "8",
        "resolution": "12",
    }
    assert b".py" not in out.read_bytes()


def test_classes_can_be_mixed_where_labels_are_soft(make_generator, tmp_path):
    path, out = make_generator(5), tmp_path / "model.onnx"
    export(path, out, soft_labels=True)
    z, mixed = noise(1, 0, 3, 8), np.float32([[1, 0, 0, 0], [0, 0.5, 0.5, 0], [0.25] * 4])
    with torch.no_grad():
        network = load_generator(path, device=torch.device("cpu")).network
        expected = network(torch.from_numpy(z), torch.from_numpy(mixed)).numpy()
    assert np.abs(run(out, noise=z, condition=mixed) - expected).max() < 1e-5


@pytest.fixture
def trained_file(tiny, data, tmp_path):
    """`trained_file(config, **overrides)`: a generator file after its six steps."""

    def make(name, **overrides):
        trainer = Trainer(tiny(name, **overrides), *data, 4, device=torch.device("cpu"))
        trainer.advance()
        trainer.save_generator(tmp_path / "trained.safetensors")
        return tmp_path / "trained.safetensors"

    return make


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("enlarge-14-to-28", "generator"),
        ("sneakers-to-boots", "back"),
    ],
)
def test_an_exported_translation_makes_the_same_images(trained_file, data, tmp_path, name, network):
    classes = {"translation.from_class": 0, "translation.to_class": 1}
    path, out = trained_file(name, **classes if network == "back" else {}), tmp_path / "model.onnx"
    export(path, out, network=network, soft_labels=True)
    generator = load_generator(path)
    given = inputs(generator, data[0]).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    made = ((run(out, image=given) + 1) * 127.5).transpose(0, 2, 3, 1)
    expected = translate(generator, data[0], back=network == "back")
    assert np.abs(made.round() - expected).max() <= 1
    assert properties(out)["kind"] == "image"


def test_an_exported_encoder_finds_the_same_codes(trained_file, data, tmp_path):
    path, out = trained_file("vae"), tmp_path / "model.onnx"
    export(path, out, network="encoder")
    images = data[0].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    codes = run(out, image=images)
    assert codes.shape == (40, 8)
    assert np.abs(codes - encode(load_generator(path), data[0])).max() < 1e-5
    assert properties(out)["kind"] == "code"


def test_a_network_that_a_file_does_not_hold_is_refused(trained_file, tmp_path):
    classes = {"translation.from_class": 0, "translation.to_class": 1}
    path = trained_file("sneakers-to-boots", **classes)
    with pytest.raises(ExportError, match="holds no network 'encoder': choose generator or back"):
        export(path, tmp_path / "model.onnx", network="encoder")
    assert not (tmp_path / "model.onnx").exists()


def test_what_is_no_generator_is_not_exported(tmp_path):
    (tmp_path / "odd").write_bytes(b"odd")
    with pytest.raises(CheckpointError, match="is no generator"):
        export(tmp_path / "odd", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
