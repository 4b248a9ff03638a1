"""DINOv2 (Oquab et al. 2023): features of images learned without labels, from the official weights."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import gelu, interpolate

from metrics.errors import MetricError
from metrics.extractors.base import Features, Images
from metrics.extractors.device import best_device, on_device
from metrics.extractors.fitting import words
from metrics.extractors.passes import in_passes
from metrics.extractors.tensors import fill, read_tensors, renamed
from metrics.extractors.vit import (
    BATCH_IMAGES,
    Form,
    embedded,
    normalised,
    without_weights,
)
from metrics.extractors.weights import DINOV2, Weights, find

VARIABLE = DINOV2[0].variable
GRID = 16
"""Patches a side: 224 px, as in training and in dgm-eval."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours."""
NAMES = (
    ("patch_embed.proj", "patch"), ("cls_token", "cls"), ("pos_embed", "position"),
    ("attn.", ""), ("mlp.", ""),
)  # fmt: skip


class DinoV2:
    """The normalised class token, (n, 1024) for ViT-L/14; no classes.

    As dgm-eval (Stein et al. 2023) takes it: x_norm_clstoken of ViT-L/14 at 224 px, Pillow's
    bicubic on 8 bits, ImageNet's mean and deviation; grey is repeated in three channels. Positions
    are brought from 37 × 37 to 16 × 16 as the official code does. Float32; layer scales are folded
    into the layers before them. `path`, or else UNCANNY_DINOV2_WEIGHTS, may name the official file of
    another size: its figures then carry another name. `device` is "cuda" where there is one, else "cpu".
    Raises MetricError without the weights.
    """

    resize = words(14 * GRID, 3)

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        releases: Sequence[Weights] = DINOV2,
        device: str | None = None,
    ) -> None:
        release = _named(Path(path or os.environ.get(VARIABLE, "")).name, releases)
        file = find(release, path)
        stem = release.file.removesuffix("_pretrain.pth")
        self.name = "dinov2" if release == releases[0] else stem.replace("_", "-")
        device = device or best_device()
        self.version = on_device(f"{stem} {release.sha256[:8]}, float32", device)
        state = read_tensors(file)[0]
        network = fill(without_weights(form(state, file)), adapted(state), file)
        self._network = network.to(device)

    def extract(self, images: Images) -> Features:
        """Return features (n, 384, 768 or 1024) of n ≥ 1 images."""
        return in_passes(images, BATCH_IMAGES, self._pass)

    def _pass(self, images: Images) -> Features:
        pixels = normalised(images, 14 * GRID, MEAN, STD)
        return Features(embedded(self._network, pixels).numpy(), None)


def _named(file: str, releases: Sequence[Weights]) -> Weights:
    return next((release for release in releases if release.file == file), releases[0])


def form(state: Mapping[str, Tensor], path: Path) -> Form:
    """Return the form of the network that official weights are of; raises MetricError for others."""
    try:
        width, _, patch_px, _ = state["patch_embed.proj.weight"].shape
        depth = sum(name.endswith("ls1.gamma") for name in state)
    except (KeyError, ValueError) as error:
        raise MetricError(f"{path} is no DINOv2 checkpoint: patch_embed is missing") from error
    return Form(width, depth, patch_px, GRID, epsilon=1e-6, activation=gelu)


def adapted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return official weights by the names of vit.py, layer scales folded, positions resized."""
    weights = {
        renamed(name, NAMES): _scaled(name, tensor.float(), state)
        for name, tensor in state.items()
        if name != "mask_token" and not name.endswith(".gamma")
    }
    weights["cls"] = weights["cls"].flatten()
    weights["position"] = at_grid(weights["position"][0], GRID)
    return weights


def _scaled(name: str, tensor: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """The layer's output times its scale: a row of the weights each."""
    for layer, scale in ((".attn.proj.", ".ls1.gamma"), (".mlp.fc2.", ".ls2.gamma")):
        block, found, _ = name.partition(layer)
        if found:
            rows = state[block + scale].float()
            return tensor * (rows if tensor.ndim == 1 else rows[:, None])
    return tensor


def at_grid(positions: Tensor, grid: int) -> Tensor:
    """Return positions (1 + m², width) interpolated to (1 + grid², width), the class token's kept.

    Bicubic without antialiasing, and with the official code's scale of (grid + 0.1) / m.
    """
    side = isqrt(len(positions) - 1)
    if side == grid:
        return positions
    squares = positions[1:].T.reshape(1, -1, side, side)
    scale = (grid + 0.1) / side
    resized = interpolate(squares, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([positions[:1], resized[0].flatten(1).T])
