import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from classifiers.catalog import open_classifier
from classifiers.errors import ClassifierError
from classifiers.file import About, save
from classifiers.measuring import labels_for, measured, predictions
from classifiers.network import Network
from classifiers.victim import Victim

ABOUT = About("stripes", ("a", "b", "c"), 16, 1, 3, 7, 0.75, 64)
confined = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's own")


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network(ABOUT.form).eval()


@pytest.fixture(scope="module")
def victim(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("classifier") / "own.safetensors"
    save(path, network.state_dict(), ABOUT)
    return open_classifier(str(path))


# Trained here


def test_a_file_tells_all_that_an_attack_asks(victim):
    assert (victim.name, victim.resolution_px, victim.channels) == ("own.safetensors", 16, 1)
    assert (victim.class_names, victim.accuracy) == (("a", "b", "c"), 0.75)
    assert victim.knows_gradient


def test_scores_are_the_network_s_and_have_its_gradient(network, victim):
    images = torch.rand(2, 1, 16, 16, requires_grad=True)
    torch.testing.assert_close(victim(images), network(images)[1])
    victim(images).max().backward()
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("shape", "got"),
    [
        ((2, 1, 16, 12), "got 12 × 16 px, grey"),
        ((2, 3, 16, 16), "got 16 × 16 px, RGB"),
        ((2, 2, 16, 16), "got 16 × 16 px, 2 channels"),
        ((2, 16, 16), r"got arrays of shape \(16, 16\)"),
    ],
)
def test_images_of_another_shape_are_refused_by_name(victim, shape, got):
    with pytest.raises(
        ClassifierError, match=rf"own.safetensors takes images of 16 × 16 px, grey; {got}"
    ):
        victim(torch.zeros(shape))


@pytest.mark.parametrize("spec", ["lite1", "lite0.pt", ""])
def test_what_is_no_classifier_is_refused_with_what_is_wanted(spec):
    with pytest.raises(ClassifierError, match=r"lite0, a FILE.safetensors or a FILE.onnx, got"):
        open_classifier(spec)


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_file({"weight": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ClassifierError, match="no classifier trained by python -m classifiers"):
        open_classifier(tmp_path / "other.safetensors")


# The embedded network


def test_lite0_knows_a_thousand_classes_by_name_and_shows_its_gradient():
    lite0 = open_classifier("lite0")
    assert len(set(lite0.class_names)) == 1_000
    assert lite0.class_names[39] == "green iguana"
    images = torch.rand(1, 3, 128, 128, requires_grad=True)
    lite0(images)[0, 39].backward()
    assert images.grad.abs().sum() > 0


# Strangers'


def box(tmp_path, *, size=("N", 1, 4, 4), classes=3, nodes=None, about=None):
    """An ONNX network: the sums of the rows of the image, weighted."""
    width = 16 * (size[1] if isinstance(size[1], int) else 1)
    weights = np.eye(width, classes, dtype=np.float32)
    graph = helper.make_graph(
        nodes
        or [
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
        ],
        "g",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(size))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9
    helper.set_model_props(model, about or {})
    path = tmp_path / "box.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@confined
def test_a_black_box_answers_any_number_of_images_and_shows_no_gradient(tmp_path):
    victim = open_classifier(box(tmp_path, about={"mean": "0.5"}))
    images = torch.rand(19, 1, 4, 4, requires_grad=True)
    scores = victim(images)
    torch.testing.assert_close(scores, images.detach().flatten(1)[:, :3] - 0.5)
    assert not scores.requires_grad
    assert (victim.name, victim.resolution_px, victim.channels) == ("box.onnx", 4, 1)
    assert (victim.class_names, victim.accuracy) == (("0", "1", "2"), None)
    assert not victim.knows_gradient


MIXED = [
    helper.make_node("ReduceMax", ["images"], ["most"]),
    helper.make_node("Add", ["images", "most"], ["sum"]),
    helper.make_node("Flatten", ["sum"], ["flat"]),
    helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
]
INFINITE = [
    helper.make_node("Flatten", ["images"], ["flat"]),
    helper.make_node("MatMul", ["flat", "weights"], ["sums"]),
    helper.make_node("Reciprocal", ["sums"], ["scores"]),
]


@confined
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, r"gives 1 number an image, wanted a vector of at least 2 class scores"),
        (
            {"nodes": [helper.make_node("Identity", ["images"], ["scores"])]},
            r"wanted floats of shape \(16, d\)",
        ),
        ({"size": ("N", 1, "H", "W")}, "takes images of any size, wanted one"),
        ({"nodes": MIXED}, "mixes the images of a pass"),
    ],
)
def test_an_output_that_is_no_class_vector_is_refused(options, message, tmp_path):
    with pytest.raises(ClassifierError, match=rf"box.onnx.*{message}"):
        open_classifier(box(tmp_path, **options))


@confined
def test_scores_that_are_no_numbers_are_refused_when_they_come(tmp_path):
    victim = open_classifier(box(tmp_path, nodes=INFINITE))
    with pytest.raises(ClassifierError, match="needs to give 3 finite scores an image"):
        victim(torch.zeros(2, 1, 4, 4))


# What its answers are worth


@pytest.fixture
def brightness():
    """Tells dark from bright."""

    def logits(images):
        mean = images.mean((1, 2, 3))
        return torch.stack([0.5 - mean, mean - 0.5], 1)

    return Victim("brightness", 2, 1, ("dark", "bright"), None, True, logits)


def levels(*values):
    return np.array(values, np.uint8).repeat(4).reshape(-1, 2, 2, 1)


def test_accuracy_is_the_share_of_labels_that_come_first(brightness):
    told = []
    images, labels = levels(*[10] * 70, *[250] * 30), np.arange(100) // 80
    share = measured(brightness, images, labels, progress=lambda *at: told.append(at))
    assert (share.count, share.n) == (90, 100)
    assert told == [(64, 100), (100, 100)]


def test_only_levels_can_be_asked_about(brightness):
    with pytest.raises(ClassifierError, match="needs uint8 images"):
        predictions(brightness, np.zeros((2, 2, 2, 1)))


@pytest.mark.parametrize(
    ("own", "data", "wanted"),
    [
        (("dark", "bright"), None, [0, 1, 1]),
        (("dark", "bright"), ("dark", "bright"), [0, 1, 1]),
        (("dark", "bright"), ("Bright", "dark"), [1, 0, 0]),
        (("a", "bright", "dark"), ("dark", "bright"), [2, 1, 1]),
        (("0", "1"), ("cat", "dog"), [0, 1, 1]),
    ],
)
def test_labels_mean_classes_of_the_same_name_or_else_number(brightness, own, data, wanted):
    victim = replace(brightness, class_names=own)
    assert labels_for(victim, np.array([0, 1, 1]), data).tolist() == wanted


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (None, None, "images without labels"),
        ([0, 2], None, "label 2 is none of the 2 classes of brightness"),
        ([0, -1], ("dark", "bright"), "label -1 is none"),
        (
            [0, 1],
            ("dark", "grey"),
            "1 of the 2 classes of the images are none of brightness's: grey",
        ),
        ([0], tuple("abcdefg"), "7 of the 7 classes .*: a, b, c, d, e, …"),
    ],
)
def test_labels_that_mean_none_of_its_classes_are_refused(brightness, labels, names, message):
    with pytest.raises(ClassifierError, match=message):
        labels_for(brightness, None if labels is None else np.array(labels), names)
