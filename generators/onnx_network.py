"""What a stranger's ONNX file takes and makes, as a generator of images, read inside the sandbox."""

import json
from dataclasses import dataclass

import onnx

from generators.class_names import read_names
from sandbox.errors import ModelRefusedError
from sandbox.network import Input, fed, metadata, read_model

LARGEST_Z = 65_536
LARGEST_CLASS_COUNT = 10_000
CLASS_COUNT_KEY, CLASS_NAMES_KEY = "class_count", "class_names"
LARGEST_NAMES = 100_000
"""Characters at most of the JSON that names the classes; a longer one is not read."""

KIND_KEY, NOISE = "kind", "noise"
FLOATS: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.DOUBLE: "float64",
}
INTEGERS: dict[int, str] = {onnx.TensorProto.INT64: "int64", onnx.TensorProto.INT32: "int32"}
WANTED = "wanted: noise float (N, z), if need be a label int64 (N,), to images (N, C, H, W)"


@dataclass(frozen=True)
class Network:
    """A checked file: its noise, its label if it takes one, and the classes that it names."""

    noise: Input
    label: Input | None
    class_count: int | None
    output: str
    class_names: tuple[str, ...] = ()


def read_network(data: bytes) -> Network:
    """Checks the file without running it; ModelRefusedError says what was got, wanted and to do."""
    model = read_model(data)
    if (kind := metadata(model).get(KIND_KEY, NOISE)) != NOISE:
        raise ModelRefusedError(f"the network takes {kind!r} for its input; {WANTED}")
    noise, label = _inputs(model.graph)
    if len(model.graph.output) != 1:
        raise ModelRefusedError(
            f"the network has {len(model.graph.output)} outputs, wanted 1: export the images alone"
        )
    return Network(
        noise, label, _class_count(model), model.graph.output[0].name, _class_names(model)
    )


def _inputs(graph: onnx.GraphProto) -> tuple[Input, Input | None]:
    inputs = fed(graph)
    floats = [value for value in inputs if value.type.tensor_type.elem_type in FLOATS]
    integers = [value for value in inputs if value.type.tensor_type.elem_type in INTEGERS]
    if len(floats) != 1 or len(integers) > 1 or len(floats) + len(integers) != len(inputs):
        names = ", ".join(repr(value.name) for value in inputs) or "none"
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
    text = metadata(model).get(CLASS_COUNT_KEY, "0")
    is_number = text.isascii() and text.isdecimal() and len(text) < 6
    if is_number and int(text) <= LARGEST_CLASS_COUNT:
        return int(text) or None
    raise ModelRefusedError(
        f"the metadata property {CLASS_COUNT_KEY!r} is {text[:20]!r}, wanted a whole number from 0 to "
        f"{LARGEST_CLASS_COUNT:,}"
    )


def _class_names(model: onnx.ModelProto) -> tuple[str, ...]:
    """The names of the classes, as many as the network says that it has; else none."""
    text = metadata(model).get(CLASS_NAMES_KEY, "")
    try:
        found = json.loads(text) if len(text) <= LARGEST_NAMES else None
    except (ValueError, RecursionError):
        found = None
    return read_names(found, _class_count(model) or 0)
