"""Weights for benchmarks of Inception-v3: seeded, with the names and shapes of the published ones."""

from __future__ import annotations

import math
import zlib

import torch
from torch import Tensor

from metrics.extractors.inception_network import CLASSES, FEATURES, Convolution, InceptionNetwork

SCALES = {"bn.bias": 0.1, "bn.running_mean": 0.1, "fc.bias": 0.01}


def seeded_state(seed: int = 0) -> dict[str, Tensor]:
    """Return a state dict whose features are neither dead nor enormous.

    Each tensor is drawn by a generator of its own, seeded by the crc32 of its name: so the order of
    the names is of no account.
    """
    return {name: _drawn(name, shape, seed) for name, shape in _shapes().items()}


def _shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        network = InceptionNetwork()
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (CLASSES, FEATURES), "fc.bias": (CLASSES,)}
    for name, layer in network.named_modules():
        if isinstance(layer, Convolution):
            shapes[f"{name}.conv.weight"] = tuple(layer.weight.shape)
            for key in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{name}.bn.{key}"] = (layer.out_channels,)
            shapes[f"{name}.bn.num_batches_tracked"] = ()
    return shapes


def _drawn(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    random = torch.Generator().manual_seed((zlib.crc32(name.encode()) + seed) % 2**31)
    if not shape:
        return torch.zeros(shape, dtype=torch.long)
    if name.endswith("running_var"):
        return 0.5 + torch.rand(shape, generator=random)
    if name.endswith("bn.weight"):
        return 0.8 + 0.4 * torch.rand(shape, generator=random)
    kind = ".".join(name.split(".")[-2:])
    scale = SCALES[kind] if kind in SCALES else math.sqrt(2.0 / math.prod(shape[1:]))
    return scale * torch.randn(shape, generator=random)
