"""Which networks of strangers are sampled, and with what words the others are refused."""

import pickle
import re
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from generators.onnx_export import export
from generators.onnx_network import read_network
from generators.onnx_sampling import OnnxSignature, _signature, inspect_onnx, sample_onnx
from generators.sampling import sample
from sandbox.errors import (
    ModelRefusedError,
    SandboxFailedError,
)
from sandbox.launch import Confined
from sandbox.recognise import check_upload
from sandbox.tiers import Tier

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's own")


def network(
    tmp_path,
    *,
    nodes=None,
    inputs=None,
    outputs=None,
    weights=(),
    batch="N",
    domains=(),
    name="model.onnx",
    classes=None,
):
    """A network that turns 16 numbers into a 4×4 image by tanh, but for what the test changes."""
    shape = numpy_helper.from_array(np.array([-1, 1, 4, 4]), "shape")
    nodes = nodes or [
        helper.make_node("Tanh", ["z"], ["t"]),
        helper.make_node("Reshape", ["t", "shape"], ["images"]),
    ]
    inputs = inputs or [helper.make_tensor_value_info("z", TensorProto.FLOAT, [batch, 16])]
    outputs = outputs or [helper.make_tensor_value_info("images", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [shape, *weights])
    opsets = [helper.make_opsetid(domain, 1) for domain in domains]
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), *opsets])
    model.ir_version = 9
    if classes:
        helper.set_model_props(model, {"class_count": classes})
    path = tmp_path / name
    path.write_bytes(model.SerializeToString())
    return path


def images_of(path, count=10, **options):
    options = {"seed": 3, "resolution_px": 4, "channels": 1} | options
    return np.concatenate(list(sample_onnx(path, count, **options)))


def reshaped(operator, shape=(-1, 1, 4, 4), **attributes):
    return {
        "nodes": [
            helper.make_node(operator, ["z"], ["t"], **attributes),
            helper.make_node("Reshape", ["t", "wanted"], ["images"]),
        ],
        "weights": [numpy_helper.from_array(np.array(shape), "wanted")],
    }


# What an honest network gets


def test_a_generator_of_ours_round_trips(make_generator, tmp_path):
    path, out = make_generator(), tmp_path / "model.onnx"
    export(path, out)
    assert inspect_onnx(out) == OnnxSignature((8,), None, 4, 12, 1)
    ours = np.concatenate(list(sample(path, 100, seed=5))).astype(int)
    made = []
    theirs = images_of(out, 100, seed=5, resolution_px=12, batch=30, progress=made.append)
    assert np.abs(ours - theirs).max() <= 1
    assert made == [30, 60, 90, 100]


def test_image_i_depends_on_the_seed_and_i_alone(tmp_path):
    path = network(tmp_path)
    whole = images_of(path, 150, batch=64)
    parts = [images_of(path, 70), images_of(path, 80, start=70, batch=7)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert len({image.tobytes() for image in whole}) == 150
    assert not np.array_equal(images_of(path, 150, seed=4), whole)


def test_a_fixed_batch_is_kept_to(tmp_path):
    fixed, free = network(tmp_path, batch=3), network(tmp_path, name="free.onnx")
    assert inspect_onnx(fixed).batch == 3
    assert np.array_equal(images_of(fixed, 10), images_of(free, 10))


def test_channels_may_come_last(tmp_path):
    path = network(tmp_path, **reshaped("Tanh", (-1, 4, 4, 1)))
    assert np.array_equal(images_of(path), images_of(network(tmp_path, name="free.onnx")))


def test_the_range_is_told_by_the_values(tmp_path):
    signed, unsigned = network(tmp_path), network(tmp_path, name="u.onnx", **reshaped("Sigmoid"))
    assert images_of(signed).min() < 20
    assert images_of(unsigned).mean() == pytest.approx(127.5, abs=6)
    assert images_of(unsigned).min() > 1


def test_uint8_images_are_taken_as_they_are(tmp_path):
    nodes = [
        helper.make_node("Sigmoid", ["z"], ["s"]),
        helper.make_node("Mul", ["s", "ten"], ["m"]),
        helper.make_node("Cast", ["m"], ["c"], to=TensorProto.UINT8),
        helper.make_node("Reshape", ["c", "shape"], ["images"]),
    ]
    outputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, None)]
    ten = numpy_helper.from_array(np.float32(10), "ten")
    assert images_of(network(tmp_path, nodes=nodes, outputs=outputs, weights=[ten])).max() < 10


def labelled(tmp_path, **options):
    inputs = [
        helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 16]),
        helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
    ]
    nodes = [
        helper.make_node("Cast", ["label"], ["l"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["z", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "shape"], ["black"]),
        helper.make_node("Reshape", ["l", "column"], ["c"]),
        helper.make_node("Mul", ["c", "tenth"], ["scaled"]),
        helper.make_node("Add", ["black", "scaled"], ["images"]),
    ]
    weights = [
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.float32(0.2), "tenth"),
        numpy_helper.from_array(np.array([-1, 1, 1, 1]), "column"),
    ]
    return network(tmp_path, nodes=nodes, inputs=inputs, weights=weights, **options)


def test_labels_are_fed_in_equal_shares(tmp_path):
    path = labelled(tmp_path, classes="5")
    assert inspect_onnx(path).class_count == 5
    assert images_of(path, 10)[:, 0, 0, 0].tolist() == [0, 51, 102, 153, 204] * 2
    named_by_hand = labelled(tmp_path, name="unnamed.onnx")
    assert images_of(named_by_hand, 4, class_count=2)[:, 0, 0, 0].tolist() == [0, 51, 0, 51]


# What is refused, and how


@pytest.mark.parametrize("said", ["-4", "10.5", "ten", "10001", "9" * 30, "٣"])
def test_a_number_of_classes_that_is_none_is_named(tmp_path, said):
    with pytest.raises(ModelRefusedError, match=r"'class_count' is '.*', wanted a whole number"):
        inspect_onnx(labelled(tmp_path, classes=said), class_count=10)


def test_a_network_may_be_as_large_as_whoever_asks_allows(tmp_path):
    path = network(tmp_path)
    assert inspect_onnx(path, largest_mb=1).resolution_px == 4
    with pytest.raises(ModelRefusedError, match="wanted at most 0"):
        inspect_onnx(path, largest_mb=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (pickle.dumps({"w": 1}), "a Python pickle.*torch.onnx.export"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "HDF5.*tf2onnx.convert"),
        (b"\x40\0\0\0\0\0\0\0{}" + b" " * 62, "safetensors, which holds weights but no network"),
        (b"\x1f\x8b\x08\x00" + b"\0" * 90, "is compressed.*unpack it"),
    ],
)
def test_another_kind_is_recognised_by_its_bytes(tmp_path, content, message):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelRefusedError, match=message):
        inspect_onnx(tmp_path / "model.onnx")


def test_torch_s_own_files_are_refused_with_the_command_to_use(tmp_path):
    layer = torch.nn.Linear(2, 2)
    torch.save(layer.state_dict(), tmp_path / "weights.pt")
    torch.jit.trace(layer, torch.zeros(1, 2)).save(tmp_path / "script.pt")
    torch.export.save(torch.export.export(layer, (torch.zeros(1, 2),)), tmp_path / "exported.pt2")
    for path in tmp_path.iterdir():
        with pytest.raises(ModelRefusedError, match=r"PyTorch archive .*torch\.onnx\.export"):
            inspect_onnx(path)


@pytest.mark.parametrize(
    ("member", "message"),
    [("model.weights.h5", "Keras archive"), ("1.png", "zip archive.*archive of images")],
)
def test_archives_are_refused_with_what_to_do(tmp_path, member, message):
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        archive.writestr(member, b"x")
    with pytest.raises(ModelRefusedError, match=message):
        inspect_onnx(tmp_path / "m")


def test_a_file_too_large_is_refused_by_size(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2 * 2**20)
    with pytest.raises(ModelRefusedError, match="has 2 MiB, wanted at most 1"):
        check_upload(tmp_path / "large", largest_mb=1)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ModelRefusedError, match=r"cannot read .*absent"):
        inspect_onnx(tmp_path / "absent")


def test_a_cut_or_random_file_is_no_network(tmp_path):
    whole = network(tmp_path).read_bytes()
    for content in (whole[: len(whole) // 2], b"hello"):
        (tmp_path / "odd").write_bytes(content)
        with pytest.raises(ModelRefusedError, match="no ONNX network"):
            inspect_onnx(tmp_path / "odd")


def external(tmp_path):
    weight = numpy_helper.from_array(np.zeros(4, np.float32), "secret")
    weight.data_location = TensorProto.EXTERNAL
    weight.ClearField("raw_data")
    weight.external_data.add(key="location", value="/etc/passwd")
    return network(tmp_path, weights=[weight])


def hidden_external(tmp_path):
    weight = numpy_helper.from_array(np.zeros(4, np.float32), "secret")
    weight.external_data.add(key="location", value="/etc/passwd")
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["images"], value=weight)],
        "branch",
        [],
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["yes"], ["images"], then_branch=branch, else_branch=branch),
    ]
    return network(tmp_path, nodes=nodes)


def info(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, list(shape))


def two_outputs(tmp_path):
    nodes = [helper.make_node("Tanh", ["z"], ["a"]), helper.make_node("Tanh", ["z"], ["b"])]
    return network(
        tmp_path, nodes=nodes, outputs=[info(n, TensorProto.FLOAT, "N", 16) for n in "ab"]
    )


def custom_operator(tmp_path):
    nodes = [helper.make_node("Evil", ["z"], ["images"], domain="com.evil")]
    return network(tmp_path, nodes=nodes, domains=["com.evil"])


def custom_function(tmp_path):
    model = onnx.load(network(tmp_path))
    body = [helper.make_node("Tanh", ["x"], ["y"])]
    opsets = [helper.make_opsetid("", 20)]
    model.functions.append(helper.make_function("mine", "f", ["x"], ["y"], body, opsets))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "model.onnx"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (external, "weight 'secret' lies in another file.*save_as_external_data=False"),
        (hidden_external, "weight 'secret' lies in another file"),
        (custom_operator, "operator 'Evil' is of the domain 'com.evil'.*without custom operators"),
        (custom_function, "function 'f' is of the domain 'mine'.*inline_local_functions"),
        (two_outputs, "2 outputs, wanted 1"),
        (lambda p: network(p, inputs=[info("z", TensorProto.STRING, "N", 16)]), "inputs are 'z'"),
        (
            lambda p: network(p, inputs=[info("z", TensorProto.FLOAT, "N", "Z")]),
            "all sides but the first fixed",
        ),
        (lambda p: network(p, inputs=[info("z", TensorProto.FLOAT, "N", 2**20)]), "at most 65536"),
    ],
)
def test_an_unfit_file_is_refused_before_it_runs(tmp_path, make, message):
    with pytest.raises(ModelRefusedError, match=message):
        read_network(make(tmp_path).read_bytes())


@pytest.mark.parametrize("kind", ["image", "code"])
def test_a_network_of_ours_that_needs_more_than_noise_is_refused_by_what_it_needs(tmp_path, kind):
    model = onnx.load_model(network(tmp_path))
    helper.set_model_props(model, {"kind": kind})
    with pytest.raises(ModelRefusedError, match=f"takes '{kind}' for its input; wanted"):
        read_network(model.SerializeToString())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (external, "weight 'secret' lies in another file"),
        (lambda p: network(p, **reshaped("Exp")), "images range from .*tanh or a sigmoid"),
        (lambda p: network(p, **reshaped("Log")), "NaN or infinite"),
        (lambda p: network(p, **reshaped("Tanh", (-1, 1, 2, 8))), r"wanted \(64, C, H, H\)"),
        (lambda p: network(p, **reshaped("Tanh", (-1, 16))), r"shape \(64, 16\)"),
        (lambda p: network(p, **reshaped("Tanh", (-1, 7))), "fails on 64 codes|cannot load"),
        (lambda p: network(p, **reshaped("Nonsense")), "cannot load the network"),
        (labelled, "does not say how many classes"),
    ],
)
def test_an_unfit_network_is_refused_with_the_reason(tmp_path, make, message):
    with pytest.raises(ModelRefusedError, match=message):
        inspect_onnx(make(tmp_path))


def test_what_onnx_runtime_says_is_told_without_its_source_lines(tmp_path):
    with pytest.raises(ModelRefusedError) as refused:
        inspect_onnx(network(tmp_path, **reshaped("Tanh", (64, 7))))
    assert "fails on 64 codes: Reshape: " in str(refused.value)
    assert "cannot be reshaped" in str(refused.value)
    assert not {"onnxruntime", "ONNXRuntimeError"} & set(re.findall(r"\w+", str(refused.value)))


def test_images_of_another_size_are_refused(tmp_path):
    with pytest.raises(ModelRefusedError, match="makes 4 px images with 1 channels, wanted 8 px"):
        images_of(network(tmp_path), resolution_px=8)


@pytest.mark.parametrize("bad", [{"count": 0}, {"start": -1}, {"batch": 0}, {"seed": -1}])
def test_an_impossible_range_is_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="must be at least 1"):
        images_of(network(tmp_path), **bad)


def test_a_network_that_needs_too_much_memory_is_stopped(tmp_path):
    large = numpy_helper.from_array(np.array([30_000, 30_000]), "large")
    nodes = [
        helper.make_node("ConstantOfShape", ["large"], ["a"]),
        helper.make_node("ReduceSum", ["a"], ["b"], keepdims=0),
        helper.make_node("Add", ["z", "b"], ["c"]),
        helper.make_node("Reshape", ["c", "shape"], ["images"]),
    ]
    with pytest.raises(ModelRefusedError, match=r"needs more than \d+ MiB of memory"):
        inspect_onnx(network(tmp_path, nodes=nodes, weights=[large]), memory_mb=1024)


def endless(tmp_path):
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Tanh", ["x"], ["y"]),
        ],
        "body",
        [
            info("i", TensorProto.INT64),
            info("go", TensorProto.BOOL),
            info("x", TensorProto.FLOAT, "N", 16),
        ],
        [info("go_on", TensorProto.BOOL), info("y", TensorProto.FLOAT, "N", 16)],
    )
    yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
    nodes = [
        yes,
        helper.make_node("Loop", ["", "yes", "z"], ["last"], body=body),
        helper.make_node("Reshape", ["last", "shape"], ["images"]),
    ]
    return network(tmp_path, nodes=nodes)


def test_a_network_that_never_ends_is_ended(tmp_path):
    with pytest.raises(SandboxFailedError, match=r"took longer than 1\.5 s"):
        inspect_onnx(endless(tmp_path), timeout_s=1.5)


@pytest.mark.parametrize("answer", ["", "[]", "{}", "null", '{"shape": 3}', "[" * 5_000])
def test_a_signature_that_is_none_is_refused(answer):
    with pytest.raises(SandboxFailedError, match="no signature"):
        _signature(answer.encode())


def test_a_network_of_ones_own_may_run_unconfined(tmp_path):
    assert inspect_onnx(network(tmp_path), allow_insecure=True).resolution_px == 4


def test_the_parent_never_opens_the_network(tmp_path):
    code = (
        "import sys; from generators.onnx_sampling import inspect_onnx\n"
        f"inspect_onnx({str(network(tmp_path))!r})\n"
        "assert not {'onnx', 'onnxruntime', 'torch'} & set(sys.modules)"
    )
    with Confined(Tier("none"), ["-c", code], subprocess.DEVNULL, 20) as process:
        assert b"".join(process.chunks()) == b""
