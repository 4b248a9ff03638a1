"""Extractors by name; what one needs is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from metrics.errors import MetricError, UnknownName
from metrics.extractors import weights
from metrics.extractors.base import Extractor
from metrics.extractors.weights import Weights

INCEPTION = ("tf1", "pytorch-fid", "clean", "tf1-bf16", "pytorch-fid-bf16", "clean-bf16")
"""Inception-v3 by the protocol of its resize; -bf16 is a preview, in bfloat16."""

EXTRACTORS: Mapping[str, str] = {
    "lite0": "metrics.extractors.lite0:Lite0",
    "dinov2": "metrics.extractors.dinov2:DinoV2",
    "clip": "metrics.extractors.clip:Clip",
}
"""Names, and the class of each as module:name, called without arguments."""

CREATORS: Mapping[str, str] = dict.fromkeys(INCEPTION, "metrics.extractors.inception:create")
"""Names, and the function of each, called with the name."""

FROM_FILE: Mapping[str, str] = {
    "classifier": "metrics.extractors.classifier:Classifier",
    "onnx": "metrics.extractors.onnx_file:OnnxFile",
}
"""Prefixes, and the class of each, called with the path that follows the colon."""

WEIGHTS: Mapping[str, Weights] = {
    **dict.fromkeys(INCEPTION, weights.INCEPTION),
    "dinov2": weights.DINOV2[0],
    "clip": weights.CLIP_TENSORS,
}
"""Names of those whose weights come in no package, and the file of each."""

NAMES = ("lite0", *INCEPTION, "dinov2", "clip", "classifier:FILE.safetensors", "onnx:FILE.onnx")
"""All that can be asked for, as people write it."""


def create(name: str) -> Extractor:
    """Load the extractor of that name; raises UnknownName if there is none, MetricError for its file."""
    require_known(name)
    if name in EXTRACTORS:
        return cast(Extractor, _loaded(EXTRACTORS[name])())
    if name in CREATORS:
        return cast(Extractor, _loaded(CREATORS[name])(name))
    kind, _, path = name.partition(":")
    if Path(path).exists() and not Path(path).is_file():
        raise MetricError(f"{path} needs to be a file, and is none")
    return cast(Extractor, _loaded(FROM_FILE[kind])(path))


def require_known(name: str) -> None:
    """Raise UnknownName for a name that no extractor has, without loading any.

    >>> require_known("lite1")
    Traceback (most recent call last):
        ...
    metrics.errors.UnknownName: an extractor needs to be one of lite0, tf1, pytorch-fid, clean, \
tf1-bf16, pytorch-fid-bf16, clean-bf16, dinov2, clip, classifier:FILE.safetensors, \
onnx:FILE.onnx, got 'lite1'
    """
    kind, _, path = name.partition(":")
    if name not in EXTRACTORS and name not in CREATORS and not (path and kind in FROM_FILE):
        raise UnknownName(f"an extractor needs to be one of {', '.join(NAMES)}, got {name!r}")


def _loaded(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    return cast(Callable[..., Any], getattr(import_module(module), name))
