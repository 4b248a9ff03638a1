import gc
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch.nn.functional import conv2d

from classifiers import onnx_network
from classifiers.onnx_child import signature
from metrics.errors import ImageMismatch, MetricError, NotFinite
from metrics.extractors.base import identity
from metrics.extractors.onnx_file import OnnxFile
from sandbox import tiers
from sandbox.errors import ModelRefusedError, SandboxFailedError
from sandbox.network import read_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's own")


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, list(shape))


def network(
    tmp_path,
    nodes,
    *,
    size=("N", 1, 8, 8),
    kind=TensorProto.FLOAT,
    outputs="f",
    about=None,
    weights=(),
):
    """A network from `images` to the outputs named by letters, of the nodes the test is about."""
    graph = helper.make_graph(
        nodes,
        "g",
        [value("images", kind, *size)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9
    helper.set_model_props(model, about or {})
    path = tmp_path / "network.onnx"
    path.write_bytes(model.SerializeToString())
    return path


FLATTEN = [helper.make_node("Flatten", ["images"], ["f"])]
CAST = [
    helper.make_node("Cast", ["images"], ["c"], to=TensorProto.FLOAT),
    helper.make_node("Flatten", ["c"], ["f"]),
]


CONVOLUTIONAL = [
    helper.make_node("Conv", ["images", "kernel"], ["c"], strides=[2, 2]),
    helper.make_node("Relu", ["c"], ["r"]),
    helper.make_node("Flatten", ["r"], ["f"]),
    helper.make_node("MatMul", ["f", "head"], ["l"]),
]


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(0, 0.2, shape).astype(np.float32)


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory):
    """A small network with two outputs, of 16 px in colour."""
    path = network(
        tmp_path_factory.mktemp("onnx"),
        CONVOLUTIONAL,
        size=("N", 3, 16, 16),
        outputs="fl",
        about={"mean": "0.5,0.4,0.3", "std": "0.2"},
        weights=[("kernel", normal(4, 3, 3, 3)), ("head", normal(196, 3))],
    )
    return OnnxFile(path)


def test_features_and_probabilities_are_those_of_the_network_itself(convolutional, images):
    pictures = images(37, size=16, channels=3)
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    x = (x - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / 0.2
    features = conv2d(x, torch.from_numpy(normal(4, 3, 3, 3)), stride=2).relu().flatten(1)
    probabilities = torch.softmax(features @ torch.from_numpy(normal(196, 3)), 1)
    got = convolutional.extract(pictures)
    np.testing.assert_allclose(got.features, features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got.probabilities, probabilities, rtol=1e-4, atol=1e-6)


def test_neither_batch_nor_place_changes_a_bit(convolutional, images):
    extractor, pictures = convolutional, images(19, size=16, channels=3)
    whole = extractor.extract(pictures).features
    parts = [extractor.extract(part).features for part in (pictures[:1], pictures[1:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(extractor.extract(pictures[::-1]).features[::-1], whole)


def test_images_are_brought_to_the_side_and_channels_that_the_network_takes(
    convolutional, tmp_path
):
    grey = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 1), dtype=np.uint8)
    small = np.stack(
        [
            np.asarray(Image.fromarray(i[..., 0]).resize((8, 8), Image.Resampling.BICUBIC))
            for i in grey
        ]
    )
    got = OnnxFile(network(tmp_path, FLATTEN)).extract(grey).features
    np.testing.assert_allclose(got, small.reshape(2, 64) / np.float32(255), rtol=1e-6)
    assert convolutional.extract(grey).features.shape == (2, 196)


def test_a_network_of_open_side_takes_images_as_they_are(tmp_path, images):
    path = network(tmp_path, FLATTEN, size=("N", 3, "H", "W"))
    got = OnnxFile(path).extract(images(3, size=9, channels=3))
    assert got.features.shape == (3, 243)
    assert got.probabilities is None


def test_uint8_networks_take_levels_and_a_fixed_batch_is_kept_to(tmp_path, images):
    pictures = images(7)
    path = network(tmp_path, CAST, size=(3, 1, 8, 8), kind=TensorProto.UINT8)
    got = OnnxFile(path).extract(pictures).features
    np.testing.assert_array_equal(got, pictures.reshape(7, 64))


def test_the_identity_names_file_checksum_and_resize(tmp_path):
    extractor = OnnxFile(network(tmp_path, FLATTEN))
    short = extractor.name.removeprefix("onnx-")
    assert identity(extractor) == (
        f"onnx-{short} (network.onnx {short}, ONNX Runtime, float32; centred square, Pillow's "
        "antialiased bicubic to 8 × 8 px, 8 bits, grey)"
    )


def test_the_process_ends_with_its_extractor(tmp_path):
    extractor = OnnxFile(network(tmp_path, FLATTEN))
    process = Path(f"/proc/{extractor._network._process._process.pid}")
    assert process.exists()
    del extractor
    gc.collect()
    assert not process.exists()


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": ("N", 2, 8, 8)}, r"shape \[0, 2, 8, 8\]"),
        ({"size": ("N", 1, 8, 9)}, r"shape \[0, 1, 8, 9\].*wanted: images"),
        ({"size": ("N", 64)}, r"shape \[0, 64\]"),
        ({"kind": TensorProto.INT64}, r"inputs are 'images' \(int64\); wanted: images float32 or"),
        ({"kind": TensorProto.DOUBLE}, r"inputs are 'images' \(double\).*scores of classes"),
        ({"outputs": "fff"}, "3 outputs"),
        ({"about": {"mean": "a,b"}}, "'mean' is 'a,b', wanted 1 or 3 numbers"),
        ({"about": {"std": "nan"}}, "'std' is 'nan', wanted 1 or 3 numbers"),
    ],
)
def test_an_unfit_network_is_refused_before_it_runs(options, message, tmp_path):
    path = network(tmp_path, FLATTEN, **options)
    with pytest.raises(ModelRefusedError, match=message):
        signature(read_model(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side_px": 4096}, "at most 2,048 px"),
        ({"batch": 5000}, "at most 1,024 images a pass"),
        ({"batch": -1}, "at most 1,024 images a pass"),
        ({"std": [1, 1, 1]}, "as many numbers in mean and std as channels"),
        ({"dtype": "float64"}, "wanted at most"),
        ({"std": [0]}, "'std' needs numbers other than 0"),
        ({"mean": None}, "no signature"),
        ({"batch": "many"}, "no signature"),
    ],
)
def test_an_impossible_signature_is_not_believed(change, message):
    honest = {"dtype": "uint8", "batch": 1, "channels": 1, "side_px": 8, "mean": [0], "std": [1]}
    with pytest.raises(SandboxFailedError, match=message):
        onnx_network._parsed(json.dumps(honest | change).encode())


def test_the_reason_of_a_refusal_names_the_file(tmp_path):
    path = network(tmp_path, [helper.make_node("Evil", ["images"], ["f"])])
    with pytest.raises(MetricError, match=rf"{path}: ONNX Runtime cannot load the network"):
        OnnxFile(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the file is empty"), (b"hello", "no ONNX network"), (b"\x80\x04evil", "Python pickle")],
)
def test_another_kind_of_file_is_refused(content, message, tmp_path):
    (tmp_path / "network.onnx").write_bytes(content)
    with pytest.raises(MetricError, match=message):
        OnnxFile(tmp_path / "network.onnx")


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(MetricError, match=r"cannot read .*absent"):
        OnnxFile(tmp_path / "absent")


MIXED = [
    helper.make_node("ReduceMax", ["images", "first"], ["m"]),
    helper.make_node("Add", ["images", "m"], ["s"]),
    helper.make_node("Flatten", ["s"], ["f"]),
]
ENDLESS = [
    helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))),
    helper.make_node(
        "Loop",
        ["", "yes", "images"],
        ["last"],
        body=helper.make_graph(
            [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Tanh", ["x"], ["y"])],
            "body",
            [
                value("i", TensorProto.INT64),
                value("go", TensorProto.BOOL),
                value("x", TensorProto.FLOAT, "N", 1, 8, 8),
            ],
            [value("on", TensorProto.BOOL), value("y", TensorProto.FLOAT, "N", 1, 8, 8)],
        ),
    ),
    helper.make_node("Flatten", ["last"], ["f"]),
]
HUGE = [
    helper.make_node("ConstantOfShape", ["huge"], ["a"]),
    helper.make_node("ReduceSum", ["a"], ["b"], keepdims=0),
    helper.make_node("Add", ["images", "b"], ["s"]),
    helper.make_node("Flatten", ["s"], ["f"]),
]


@pytest.mark.parametrize(
    ("nodes", "options", "message"),
    [
        ([helper.make_node("Identity", ["images"], ["f"])], {}, r"wanted floats of shape \(16, d\)"),
        (
            [helper.make_node("Reshape", ["images", "shape"], ["f"])],
            {"weights": [("shape", np.array([7, 7]))]},
            "fails on images of shape",
        ),
        (MIXED, {"weights": [("first", np.array([0]))]}, r"mixes the images .*network\.eval\(\)"),
        (ENDLESS, {"timeout_s": 2.5}, r"took longer than 2\.5 s"),
        (HUGE, {"weights": [("huge", np.array([30_000, 30_000]))], "memory_mb": 1_024}, "fails|killed|memory"),
    ],
)  # fmt: skip
def test_an_unfit_answer_is_refused_when_images_come(nodes, options, message, tmp_path, images):
    given = {key: options.pop(key) for key in ("timeout_s", "memory_mb") if key in options}
    extractor = OnnxFile(network(tmp_path, nodes, **options), **given)
    with pytest.raises(MetricError, match=message):
        extractor.extract(images(2))


def test_a_refused_network_stays_refused(tmp_path, images):
    extractor = OnnxFile(network(tmp_path, [helper.make_node("Identity", ["images"], ["f"])]))
    for message in ("wanted floats", "the process has ended"):
        with pytest.raises(MetricError, match=message):
            extractor.extract(images(1))


def test_logits_that_are_no_numbers_are_refused(tmp_path, images):
    nodes = [
        *FLATTEN,
        helper.make_node("Log", ["w"], ["n"]),
        helper.make_node("MatMul", ["f", "n"], ["l"]),
    ]
    weights = [("w", -np.ones((64, 2), np.float32))]
    with pytest.raises(NotFinite, match="logits need to be finite"):
        OnnxFile(network(tmp_path, nodes, outputs="fl", weights=weights)).extract(images(2))


def test_very_wide_features_are_refused(tmp_path, images, monkeypatch):
    monkeypatch.setattr(onnx_network, "LARGEST_WIDTH", 60)
    with pytest.raises(MetricError, match="64 and 0 numbers an image, wanted 1 to 60"):
        OnnxFile(network(tmp_path, FLATTEN)).extract(images(1))


def test_what_is_no_image_is_refused(convolutional):
    with pytest.raises(ImageMismatch, match="needs uint8 images"):
        convolutional.extract(np.zeros((2, 16, 16), np.uint8))


@pytest.mark.parametrize(
    ("signature", "message"),
    [(b"[]", "no signature"), (b"{}", "no signature"), (b"x" * 20_000, "too long a signature")],
)
def test_a_signature_is_not_trusted(signature, message, tmp_path, monkeypatch):
    code = (
        "import os, struct\n"
        f"os.read(0, 1 << 20); s = {signature!r}; os.write(1, struct.pack('<Q', len(s)) + s)"
    )

    def lies(*_):
        return onnx_network.Confined(tiers.Tier("none"), ["-c", code], -1, 5)

    monkeypatch.setattr(onnx_network, "_started", lies)
    with pytest.raises(MetricError, match=message):
        OnnxFile(network(tmp_path, FLATTEN))
