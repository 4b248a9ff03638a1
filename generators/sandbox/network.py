"""Reads a stranger's ONNX file, inside the sandbox: what goes in, what comes out, nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from generators.sandbox.errors import ModelRefusedError

STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
LARGEST_Z = 65_536
LARGEST_CLASS_COUNT = 10_000
CLASS_COUNT_KEY = "class_count"
FLOATS: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.DOUBLE: "float64",
}
INTEGERS: dict[int, str] = {onnx.TensorProto.INT64: "int64", onnx.TensorProto.INT32: "int32"}
WANTED = "wanted: noise float (N, z), if need be a label int64 (N,), to images (N, C, H, W)"


@dataclass(frozen=True)
class Input:
    """A tensor to feed: its name, NumPy type and shape after the batch, which is fixed or None."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    batch: int | None


@dataclass(frozen=True)
class Network:
    """A checked file: its noise, its label if it takes one, and the classes that it names."""

    noise: Input
    label: Input | None
    class_count: int | None
    output: str


def read_network(data: bytes) -> Network:
    """Checks the file without running it; ModelRefusedError says what was got, wanted and to do."""
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        raise ModelRefusedError("the file is no ONNX network, or is cut short") from error
    if not model.graph.node:
        raise ModelRefusedError("the file holds no ONNX network: its graph is empty")
    _check_parts(model)
    noise, label = _inputs(model.graph)
    if len(model.graph.output) != 1:
        raise ModelRefusedError(
            f"the network has {len(model.graph.output)} outputs, wanted 1: export the images alone"
        )
    return Network(noise, label, _class_count(model), model.graph.output[0].name)


def _check_parts(model: onnx.ModelProto) -> None:
    functions = list(model.functions)
    for node in [*_nodes(model.graph.node), *(n for f in functions for n in _nodes(f.node))]:
        if node.domain not in STANDARD_DOMAINS:
            raise ModelRefusedError(
                f"the operator {node.op_type!r} is of the domain {node.domain!r}, wanted only "
                "standard ONNX operators: export without custom operators"
            )
    for function in functions:
        if function.domain not in STANDARD_DOMAINS:
            raise ModelRefusedError(
                f"the function {function.name!r} is of the domain {function.domain!r}, wanted only "
                "standard ONNX: inline it with onnx.inliner.inline_local_functions"
            )
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelRefusedError(
                f"the weight {tensor.name!r} lies in another file, wanted one file with all "
                "weights: save with onnx.save_model(model, path, save_as_external_data=False)"
            )


def _graphs(nodes: Any) -> Iterator[onnx.GraphProto]:
    for node in nodes:
        for attribute in node.attribute:
            for graph in [attribute.g, *attribute.graphs]:
                yield graph
                yield from _graphs(graph.node)


def _nodes(nodes: Any) -> Iterator[onnx.NodeProto]:
    yield from nodes
    for graph in _graphs(nodes):
        yield from graph.node


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    graphs = [model.graph, *(graph for body in bodies for graph in _graphs(body))]
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for body in bodies:
        for node in _nodes(body):
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)
                for sparse in [attribute.sparse_tensor, *attribute.sparse_tensors]:
                    yield from (sparse.values, sparse.indices)


def _inputs(graph: onnx.GraphProto) -> tuple[Input, Input | None]:
    constants = {tensor.name for tensor in graph.initializer}
    fed = [value for value in graph.input if value.name not in constants]
    floats = [value for value in fed if value.type.tensor_type.elem_type in FLOATS]
    integers = [value for value in fed if value.type.tensor_type.elem_type in INTEGERS]
    if len(floats) != 1 or len(integers) > 1 or len(floats) + len(integers) != len(fed):
        names = ", ".join(repr(value.name) for value in fed) or "none"
        raise ModelRefusedError(f"the network's inputs are {names}; {WANTED}")
    noise = _input(floats[0], FLOATS)
    size = 1
    for side in noise.shape:
        size *= side
    if not noise.shape or size > LARGEST_Z:
        raise ModelRefusedError(
            f"the noise {noise.name!r} has {size} numbers an image, at most {LARGEST_Z} are "
            f"allowed; {WANTED}"
        )
    label = _input(integers[0], INTEGERS) if integers else None
    if label and (label.shape not in ((), (1,)) or label.batch != noise.batch):
        raise ModelRefusedError(
            f"the label {label.name!r} has the shape {label.shape} after the batch; {WANTED}"
        )
    return noise, label


def _input(value: onnx.ValueInfoProto, kinds: dict[int, str]) -> Input:
    tensor = value.type.tensor_type
    sides = [side.dim_value for side in tensor.shape.dim]
    if not sides or any(side < 1 for side in sides[1:]):
        raise ModelRefusedError(
            f"the input {value.name!r} has the shape {sides} (0: open), wanted all sides but the "
            f"first fixed; {WANTED}"
        )
    return Input(value.name, kinds[tensor.elem_type], tuple(sides[1:]), sides[0] or None)


def _class_count(model: onnx.ModelProto) -> int | None:
    for entry in model.metadata_props:
        if entry.key == CLASS_COUNT_KEY and entry.value.isdecimal() and len(entry.value) < 6:
            count = int(entry.value)
            return count if 1 <= count <= LARGEST_CLASS_COUNT else None
    return None
