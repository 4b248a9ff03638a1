"""Inception-v3 in ONNX Runtime, whose convolutions are faster than torch's on a processor.

The network is written once, in torch (inception_network): here it is traced, and each of the seven
operations it is made of becomes one of ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from torch import Tensor, fx, nn

from metrics.extractors.inception_network import InceptionNetwork

OPSET, IR_VERSION = 17, 8
"""Of 2022: every ONNX Runtime since reads them."""
FEATURES, LOGITS = "features", "logits"
STAGES = ("first", "second", "third", "last")


class RuntimeNetwork:
    """What InceptionNetwork computes of float32 images, within 1e-5 of its scale.

    A call takes one thread, and calls may run side by side; a pass of one size gives an image the
    same bits whatever is beside it. It can be pickled, as one tensor of all weights, for tensors go
    to other processes by shared memory: a pipe that so much is sent through would hang if the other
    process died. The tensor is kept, for its memory is only there as long as it is.
    """

    def __init__(self, network: InceptionNetwork) -> None:
        self.__setstate__(torch.cat([each.flatten() for each in network.state_dict().values()]))

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (n, 2048) and logits (n, 1008) of scaled images (n, 3, 299, 299)."""
        features, logits = self._outputs((FEATURES, LOGITS), images)
        return features, logits

    def stages(self, images: Tensor) -> list[Tensor]:
        """Return what InceptionNetwork.stages does."""
        return self._outputs(STAGES, images)

    def _outputs(self, names: Sequence[str], images: Tensor) -> list[Tensor]:
        found = self._session.run(names, {"images": images.contiguous().numpy()})
        return [torch.from_numpy(each) for each in found]

    def __getstate__(self) -> Tensor:
        return self._weights

    def __setstate__(self, weights: Tensor) -> None:
        self._weights, self._session = weights, _session(weights)


def _session(weights: Tensor) -> onnxruntime.InferenceSession:
    """Return a session that reads the weights, those of the state dict end to end, where they lie."""
    with torch.device("meta"):
        network = InceptionNetwork()
    named = _named(weights, network)
    traced = _Tracer().trace(_AllOutputs(network))
    read = {
        node.name: named[str(node.target).removeprefix("network.")]
        for node in traced.nodes
        if node.op == "get_attr"
    }
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(each.numpy()) for each in read.values()]
    options.add_external_initializers(list(read), values)
    graph = _as_onnx(traced, {name: each.shape for name, each in read.items()})
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _named(weights: Tensor, network: nn.Module) -> dict[str, Tensor]:
    """Return the state dict of a network of these weights."""
    shapes = {name: each.shape for name, each in network.state_dict().items()}
    parts = torch.split(weights, [shape.numel() for shape in shapes.values()])
    return {
        name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def _as_onnx(traced: fx.Graph, weights: Mapping[str, Sequence[int]]) -> bytes:
    """Return the network without its weights as ONNX: images to features, logits and four stages."""
    opsets = [helper.make_opsetid("", OPSET)]
    model = onnx.ModelProto(ir_version=IR_VERSION, opset_import=opsets)
    graph = model.graph
    graph.name = "Inception-v3"
    graph.input.append(_tensor("images", [3, 299, 299]))
    graph.output.extend(_tensor(name, None) for name in (FEATURES, LOGITS, *STAGES))
    for name, shape in weights.items():
        weight = graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=shape)
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="memory")
    for node in traced.nodes:
        graph.node.extend(_operations(node))
    return bytes(model.SerializeToString())


class _AllOutputs(nn.Module):
    def __init__(self, network: InceptionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> list[Tensor]:
        stages = self.network.stages(images)
        features = stages[-1].mean((2, 3))
        return [features, self.network.fc(features), *stages]


class _Tracer(fx.Tracer):
    """Sees through all modules, down to functions of tensors."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return False


def _tensor(name: str, shape: Sequence[int] | None) -> onnx.ValueInfoProto:
    sizes: list[str | int | None] | None = None if shape is None else ["n", *shape]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)


def _operations(node: fx.Node) -> list[onnx.NodeProto]:
    """Return the traced operation as one of ONNX; none for an input or a weight."""
    if node.op in ("placeholder", "get_attr"):
        return []
    if node.op == "output":
        found = zip(node.args[0], (FEATURES, LOGITS, *STAGES), strict=True)  # type: ignore[arg-type]
        return [helper.make_node("Identity", [str(each)], [name]) for each, name in found]
    kind, inputs, attributes = TRANSLATIONS[_name(node)](*node.args, **node.kwargs)
    return [helper.make_node(kind, [str(each) for each in inputs], [node.name], **attributes)]


def _name(node: fx.Node) -> str:
    """Return the name of a function or method; torch dispatches one of max_pool2d twice."""
    name = node.target if isinstance(node.target, str) else node.target.__name__
    return "max_pool2d" if name == "fn" else name


Operation = tuple[str, Sequence[Any], dict[str, Any]]


def _convolution(
    x: fx.Node, weight: fx.Node, bias: fx.Node, stride: Any, padding: Any, *_: Any
) -> Operation:
    return "Conv", [x, weight, bias], {"strides": stride, "pads": [*padding, *padding]}


def _max_pool(x: fx.Node, side: int, *, stride: int, padding: int, **_: Any) -> Operation:
    return "MaxPool", [x], _window(side, stride, padding)


def _avg_pool(
    x: fx.Node, side: int, stride: int, padding: int, *, count_include_pad: bool
) -> Operation:
    window = _window(side, stride, padding)
    return "AveragePool", [x], window | {"count_include_pad": int(count_include_pad)}


def _window(side: int, stride: int, padding: int) -> dict[str, Any]:
    return {"kernel_shape": [side] * 2, "strides": [stride] * 2, "pads": [padding] * 4}


TRANSLATIONS: dict[str, Callable[..., Operation]] = {
    "conv2d": _convolution,
    "max_pool2d": _max_pool,
    "avg_pool2d": _avg_pool,
    "relu_": lambda x: ("Relu", [x], {}),
    "cat": lambda parts, dim: ("Concat", parts, {"axis": dim}),
    "mean": lambda x, dims: ("ReduceMean", [x], {"axes": dims, "keepdims": 0}),
    "linear": lambda x, weight, _: ("Gemm", [x, weight], {"transB": 1}),
}
"""What a traced function is in ONNX: the operation, its inputs and its attributes."""
