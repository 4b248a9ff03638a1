"""ONNX networks of a few operations, so that what they draw is known."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Z_DIM, CLASSES, PX = 3, ("shoe", "boot"), 8


def weights(px=PX, rows=Z_DIM):
    """Of a network that draws from noise: each number of a code is a pattern of its own."""
    return np.random.default_rng(rows).normal(0, 0.3, (rows, px * px)).astype(np.float32)


def drawing(px):
    """Noise and classes, each through a matrix; the pictures are clipped by the reader alone."""
    shape = np.array([-1, 1, px, px], np.int64)
    nodes = [
        helper.make_node("MatMul", ["noise", "codes"], ["one"]),
        helper.make_node("MatMul", ["condition", "classes"], ["other"]),
        helper.make_node("Add", ["one", "other"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["images"]),
    ]
    known = {"codes": weights(px), "classes": weights(px, len(CLASSES)), "shape": shape}
    return _model(nodes, {"noise": [Z_DIM], "condition": [len(CLASSES)]}, px, known)


def negative(px):
    """The negative of an image, which is its own inverse."""
    return _model([helper.make_node("Neg", ["image"], ["images"])], {"image": [1, px, px]}, px)


def grey(px):
    """Every image becomes grey."""
    return _model([helper.make_node("Sub", ["image"] * 2, ["images"])], {"image": [1, px, px]}, px)


def doubling(px):
    """Every pixel becomes four."""
    node = helper.make_node(
        "Resize", ["image", "", "scales"], ["images"], mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    scales = np.array([1, 1, 2, 2], np.float32)
    return _model([node], {"image": [1, px // 2, px // 2]}, px, {"scales": scales})


def _model(nodes, inputs, px, known=None):
    graph = helper.make_graph(
        nodes,
        "known",
        [_value(name, sides) for name, sides in inputs.items()],
        [_value("images", [1, px, px])],
        [numpy_helper.from_array(value, name) for name, value in (known or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString()


def _value(name, sides):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *sides])
