"""Reads a stranger's ONNX file, inside the sandbox: what every network must be, whatever it is for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from sandbox.errors import ModelRefusedError

STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
OUT_OF_MEMORY = ("Failed to allocate memory", "bad_alloc")


@dataclass(frozen=True)
class Input:
    """A tensor to feed: its name, NumPy type and shape after the batch, which is fixed or None."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    batch: int | None


def read_model(data: bytes) -> onnx.ModelProto:
    """Checks the file without running it; ModelRefusedError says what was got, wanted and to do."""
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        raise ModelRefusedError("the file is no ONNX network, or is cut short") from error
    if not model.graph.node:
        raise ModelRefusedError("the file holds no ONNX network: its graph is empty")
    _check_parts(model)
    return model


def fed(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """The inputs that are not weights."""
    constants = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in constants]


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    """The metadata properties of the file."""
    return {entry.key: entry.value for entry in model.metadata_props}


class Session:
    """A network, loaded on one CPU thread; ModelRefusedError if ONNX Runtime cannot."""

    def __init__(self, data: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # each way a stranger's file can fail has a class of its own
            raise ModelRefusedError(
                f"ONNX Runtime cannot load the network: {_said(error)}"
            ) from error

    def run(self, outputs: list[str], feed: dict[str, NDArray[Any]], what: str) -> list[Any]:
        """The outputs, of whatever kind they are; `what` says in an error what was put in."""
        try:
            return list(self._session.run(outputs, feed))
        except Exception as error:  # as above
            raise ModelRefusedError(f"the network fails on {what}: {_said(error)}") from error


def _said(error: Exception) -> str:
    """What ONNX Runtime says, without its own codes and source lines; MemoryError if that was missing."""
    text = str(error).strip()
    if any(words in text for words in OUT_OF_MEMORY):
        raise MemoryError from error
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(
        r"^Non-zero .* while running (\w+) node\. Name:'.*?' Status Message: ", r"\1: ", text
    )
    return re.sub(r"/\S+:\d+ .*?\) ", "", text)


def shaped(rows: NDArray[Any], wanted: Input) -> NDArray[Any]:
    """Rows (n, …) in the shape and type that the input wants."""
    return rows.reshape(len(rows), *wanted.shape).astype(np.dtype(wanted.dtype))


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
