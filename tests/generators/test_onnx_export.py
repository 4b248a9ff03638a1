import os

import numpy as np
import onnx
import pytest
import torch

from generators.checkpoint import CheckpointError
from generators.noise import noise
from generators.onnx_export import export
from generators.sampling import load_generator

os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@pytest.mark.parametrize(("name", "conditional"), [("demo-15", True), ("lecture-dcgan", False)])
def test_the_exported_network_makes_the_same_images(make_generator, tmp_path, name, conditional):
    import onnxruntime

    path, out = make_generator(5, name=name, conditional=conditional), tmp_path / "model.onnx"
    export(path, out)
    generator = load_generator(path, device=torch.device("cpu"))
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    for count in (1, 2, 7):
        z, labels = noise(1, 0, count, 8), np.arange(count) % 4
        feed = {"noise": z} | ({"label": labels} if conditional else {})
        tensors = [torch.from_numpy(z)] + ([torch.from_numpy(labels)] if conditional else [])
        (images,) = session.run(None, feed)
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
    assert {entry.key: entry.value for entry in model.metadata_props}["class_count"] == "4"
    assert b".py" not in out.read_bytes()


def test_what_is_no_generator_is_not_exported(tmp_path):
    (tmp_path / "odd").write_bytes(b"odd")
    with pytest.raises(CheckpointError, match="is no generator"):
        export(tmp_path / "odd", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
