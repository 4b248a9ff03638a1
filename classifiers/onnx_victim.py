"""A stranger's classifier as an ONNX file: a black box that a confined process answers for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from classifiers.errors import ClassifierError
from classifiers.onnx_network import Floats32, OnnxNetwork, require_independence
from classifiers.victim import Victim


def open_onnx(path: Path) -> Victim:
    """Return the network, whose last output must be scores (n, K ≥ 2) of the classes.

    Its classes are numbers, as the file names none. Raises ClassifierError where the side of the
    images is left open, the output is no class vector, or an image's scores depend on others.
    """
    network = OnnxNetwork(path)
    side_px = network.takes.side_px
    if side_px is None:
        raise ClassifierError(
            f"{path} takes images of any size, wanted one: export it with a fixed height and width"
        )
    classes = _class_count(network, side_px)
    return Victim(
        path.name, side_px, network.takes.channels,
        tuple(map(str, range(classes))), None,
        knows_gradient=False, logits=lambda images: _logits(network, classes, images),
    )  # fmt: skip


def _logits(network: OnnxNetwork, classes: int, images: Tensor) -> Tensor:
    pixels, size = images.detach().cpu().float().numpy(), network.takes.batch
    parts = [
        _scores(network, pixels[start : start + size]) for start in range(0, len(images), size)
    ]
    scores = np.concatenate(parts)
    if scores.shape[1] != classes or not np.isfinite(scores).all():
        raise ClassifierError(f"{network.path} needs to give {classes} finite scores an image")
    return torch.from_numpy(scores).to(images.device)


def _scores(network: OnnxNetwork, images: Floats32) -> Floats32:
    """The scores (n, K) of n images, at most a pass of them, filled up with blank ones."""
    full = np.zeros((network.takes.batch, *images.shape[1:]), np.float32)
    full[: len(images)] = images
    first, second = network.outputs(full)
    return (first if second is None else second)[: len(images)]


def _class_count(network: OnnxNetwork, side_px: int) -> int:
    """K, found by asking about noise, alone and in company."""
    shape = (network.takes.batch, network.takes.channels, side_px, side_px)
    noise = np.random.default_rng(0).random(shape, np.float32)
    accompanied = _scores(network, noise)
    classes = int(accompanied.shape[1])
    if classes < 2:
        raise ClassifierError(
            f"{network.path} gives {classes} number an image, wanted a vector of at least 2 class "
            "scores, (N, K)"
        )
    require_independence(network.path, _scores(network, noise[:1])[0], accompanied[0])
    return classes
