"""The confined process: a network and then images come in, what it makes of them goes out, in turns."""

import json
import sys
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from classifiers.onnx_wire import SHAPE, SIZE, WIDTHS
from sandbox import child
from sandbox.errors import ModelRefusedError
from sandbox.network import Session, fed, metadata, read_model

KINDS: dict[int, str] = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.UINT8: "uint8"}
WANTED = (
    "wanted: images float32 or uint8 (N, 1 or 3, H, H), to features (N, d), to scores of classes "
    "(N, K), or to both in this order"
)


def signature(model: onnx.ModelProto) -> dict[str, Any]:
    """What the network takes: input, dtype, batch, channels and side (null if open), mean and std.

    Raises ModelRefusedError if it does not take images alone, or makes more than two outputs.
    """
    inputs = fed(model.graph)
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type not in KINDS:
        names = ", ".join(f"{value.name!r} ({_type_of(value)})" for value in inputs) or "none"
        raise ModelRefusedError(f"the network's inputs are {names}; {WANTED}")
    tensor = inputs[0].type.tensor_type
    sides = [side.dim_value for side in tensor.shape.dim]
    if len(sides) != 4 or sides[1] not in (1, 3) or sides[2] != sides[3]:
        raise ModelRefusedError(
            f"the input {inputs[0].name!r} has the shape {sides} (0: open); {WANTED}"
        )
    if not 1 <= len(model.graph.output) <= 2:
        raise ModelRefusedError(f"the network has {len(model.graph.output)} outputs; {WANTED}")
    return {
        "input": inputs[0].name,
        "dtype": KINDS[tensor.elem_type],
        "batch": sides[0] or None,
        "channels": sides[1],
        "side_px": sides[2] or None,
        "mean": _numbers(model, "mean", 0.0),
        "std": _numbers(model, "std", 1.0),
    }


def _type_of(value: onnx.ValueInfoProto) -> str:
    name: str = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
    return name.lower()


def _numbers(model: onnx.ModelProto, key: str, default: float) -> list[float]:
    text = metadata(model).get(key)
    try:
        numbers = [float(part) for part in text.split(",")] if text else [default]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3) or not np.isfinite(numbers).all():
        raise ModelRefusedError(
            f"the metadata property {key!r} is {text!r}, wanted 1 or 3 numbers between commas"
        )
    return numbers


def answer(asked: dict[str, Any]) -> None:
    """Reads the network and writes its signature; then answers images with features until the end."""
    data = _read(*SIZE.unpack(_read(SIZE.size)))
    model = read_model(data)
    found = signature(model)
    session, outputs = Session(data), [value.name for value in model.graph.output]
    words = json.dumps(found).encode()
    child.write(SIZE.pack(len(words)) + words)
    dtype = np.dtype(found["dtype"])
    while head := sys.stdin.buffer.read(SHAPE.size):
        shape = SHAPE.unpack(head)
        images = np.frombuffer(_read(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)
        rows = session.run(outputs, {found["input"]: images}, f"images of shape {shape}")
        features, logits = [*(_floats(each, len(images)) for each in rows), None][:2]
        _reply(features, logits)


def _reply(features: NDArray[np.float32] | None, logits: NDArray[np.float32] | None) -> None:
    parts = [part for part in (features, logits) if part is not None]
    widths = [part.shape[1] for part in parts]
    child.write(WIDTHS.pack(*[*widths, 0][:2]) + b"".join(part.tobytes() for part in parts))


def _floats(output: Any, count: int) -> NDArray[np.float32]:
    if (
        not isinstance(output, np.ndarray)
        or output.dtype.kind != "f"
        or output.ndim != 2
        or len(output) != count
    ):
        got = f"{getattr(output, 'dtype', type(output).__name__)} {getattr(output, 'shape', '')}"
        raise ModelRefusedError(
            f"{count} images give an output of {got.strip()}, wanted floats of shape ({count}, d)"
        )
    return np.ascontiguousarray(output, np.float32)


def _read(size_bytes: int) -> bytes:
    data = sys.stdin.buffer.read(size_bytes)
    if len(data) < size_bytes:
        raise ModelRefusedError("what the process was sent is cut short")
    return data


if __name__ == "__main__":
    child.end(child.main(sys.argv[1], answer))
