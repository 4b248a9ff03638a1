"""A trained generator as a single-file ONNX network, for use where there is no torch."""

import contextlib
import io
import logging
import warnings
from pathlib import Path

import onnx
import torch

from generators.sampling import TrainedGenerator, load_generator

OPSET = 20
CLASS_COUNT_KEY = "class_count"


def export(generator_path: str | Path, onnx_path: str | Path) -> None:
    """Writes a network from `noise` float32 (N, z) and, with classes, `label` int64 (N,) to `images`.

    These are float32 (N, C, H, W) in [−1, 1]; N is free. The number of classes is kept as the
    metadata property `class_count`. Raises CheckpointError if the file is no generator.
    """
    generator = load_generator(generator_path, device=torch.device("cpu"))
    model = _to_onnx(generator)
    if generator.has_classes:
        onnx.helper.set_model_props(model, {CLASS_COUNT_KEY: str(generator.shape.class_count)})
    _forget_origin(model)
    onnx.save_model(model, onnx_path)


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drops the exporter's notes: they hold source lines and paths of this machine."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _to_onnx(generator: TrainedGenerator) -> onnx.ModelProto:
    inputs = [torch.randn(2, generator.config.z_dim)]
    names = ["noise"]
    if generator.has_classes:
        inputs.append(torch.zeros(2, dtype=torch.int64))
        names.append("label")
    batch = torch.export.Dim("batch", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    # The exporter prints each of its stages, and warns of torch's own ways.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            generator.network,
            tuple(inputs),
            dynamo=True,
            opset_version=OPSET,
            input_names=names,
            output_names=["images"],
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the ONNX exporter returned no network")
    return program.model_proto
