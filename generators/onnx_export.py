"""A trained network as a single-file ONNX network, for use where there is no torch."""

import contextlib
import io
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from generators.pairs import input_shape
from generators.sampling import TrainedGenerator, load_generator
from generators.translating import translates

OPSET = 20
CLASS_COUNT_KEY, CLASS_NAMES_KEY = "class_count", "class_names"
GENERATOR, ENCODER = "generator", "encoder"


class ExportError(ValueError):
    """A network that a generator file does not hold, or cannot be had so; the message says why."""


@dataclass(frozen=True)
class _Plan:
    """What is written: a network, an example of each of its inputs by name, its output and kind."""

    network: nn.Module
    inputs: dict[str, Tensor]
    output: str
    kind: str


def export(
    generator_path: str | Path,
    onnx_path: str | Path,
    network: str = GENERATOR,
    *,
    soft_labels: bool = False,
) -> None:
    """Writes one network of a generator file; the metadata property `kind` says what it takes.

    `noise`: from `noise` float32 (N, z) and, with classes, `label` int64 (N,) to `images`; with
    `soft_labels` the classes are `condition` float32 (N, classes), so that they can be mixed.
    `image`: a translation, or its way `back`, from `image` to `images`.
    `code`: the network called `encoder`, from `image` to `codes` float32 (N, z).
    Images are float32 (N, C, H, W) in [−1, 1], N is free. Other properties are `class_count`,
    `class_names` as a JSON list where the file has any, `z_dim` and `resolution`, that of the data
    set in px. Raises CheckpointError if the file is no
    generator, ExportError if it holds no such network.
    """
    generator = load_generator(generator_path, device=torch.device("cpu"))
    plan = _plan(generator, network, soft_labels)
    model = _to_onnx(plan)
    properties: dict[str, str | int] = {
        "kind": plan.kind,
        CLASS_COUNT_KEY: generator.shape.class_count,
        "z_dim": generator.config.z_dim,
        "resolution": generator.shape.resolution_px,
    }
    if generator.class_names:
        properties[CLASS_NAMES_KEY] = json.dumps(generator.class_names)
    onnx.helper.set_model_props(model, {key: str(value) for key, value in properties.items()})
    _forget_origin(model)
    onnx.save_model(model, onnx_path)


def _plan(generator: TrainedGenerator, name: str, soft_labels: bool) -> _Plan:
    networks = {GENERATOR: generator.network, **generator.others}
    if name not in networks:
        raise ExportError(
            f"{generator.config.title!r} holds no network {name!r}: choose {' or '.join(networks)}"
        )
    if name == ENCODER:
        image = _image(generator.shape.channels, generator.shape.resolution_px)
        return _Plan(_Codes(networks[name], generator.config.z_dim), image, "codes", "code")
    if translates(generator):
        shape, translation = generator.shape, generator.config.translation
        image = _image(*input_shape(translation, shape.channels, shape.resolution_px))
        return _Plan(networks[name], image, "images", "image")
    return _Plan(networks[name], _noise(generator, soft_labels), "images", "noise")


class _Codes(nn.Module):
    """An encoder without what it says beside the codes: a VAE's says how sure it is."""

    def __init__(self, encoder: nn.Module, z_dim: int) -> None:
        super().__init__()
        self.encoder, self.z_dim = encoder, z_dim

    def forward(self, image: Tensor) -> Tensor:
        codes: Tensor = self.encoder(image)[:, : self.z_dim]
        return codes


def _image(channels: int, side_px: int) -> dict[str, Tensor]:
    return {"image": torch.zeros(2, channels, side_px, side_px)}


def _noise(generator: TrainedGenerator, soft_labels: bool) -> dict[str, Tensor]:
    inputs = {"noise": torch.randn(2, generator.config.z_dim)}
    if generator.has_classes and soft_labels:
        inputs["condition"] = torch.zeros(2, generator.shape.class_count)
    elif generator.has_classes:
        inputs["label"] = torch.zeros(2, dtype=torch.int64)
    return inputs


def _to_onnx(plan: _Plan) -> onnx.ModelProto:
    batch = torch.export.Dim("batch", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    # The exporter prints each of its stages, and warns of torch's own ways.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            plan.network,
            tuple(plan.inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(plan.inputs),
            output_names=[plan.output],
            dynamic_shapes=tuple({0: batch} for _ in plan.inputs),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the ONNX exporter returned no network")
    model: onnx.ModelProto = program.model_proto
    return model


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drops the exporter's notes: they hold source lines and paths of this machine."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
