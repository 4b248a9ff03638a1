"""The extractor that comes with pip: EfficientNet-Lite0, trained on ImageNet, at 128 px."""

from __future__ import annotations

import torch

from classifiers.lite0 import SIZE_PX, as_input, published
from metrics.errors import classifiers_told
from metrics.extractors import activations
from metrics.extractors.base import Features, Floats32, Images
from metrics.extractors.passes import in_passes
from metrics.extractors.resize import resize

BATCH_IMAGES = 16
"""Images in every pass, blank ones if need be."""


class Lite0:
    """EfficientNet-Lite0 (Tan & Le 2019): 1,280 pooled features and 1,000 ImageNet classes.

    Images are resized to 128 × 128 (the network's own 224 takes four times as long and tells
    classes of small images no better; see docs/metrics.md), scaled as (x - 127) / 128, grey ones
    repeated in three channels. Float32; the caller decides on torch's threads.
    """

    name = "lite0"
    version = "EfficientNet-Lite0 57934424, float32"
    resize = f"antialiased bicubic to {SIZE_PX} × {SIZE_PX} px, clipped"

    def __init__(self) -> None:
        with classifiers_told():
            self._network = published()

    def extract(self, images: Images) -> Features:
        """Return features (n, 1280) and probabilities (n, 1000) of n ≥ 1 images."""
        return in_passes(images, BATCH_IMAGES, self._pass)

    def activations(self, images: Images) -> list[Floats32]:
        """Return (n, 16, 64, 64), (n, 24, 32, 32), (n, 40, 16, 16), (n, 112, 8, 8), (n, 320, 4, 4)."""
        return activations.in_passes(images, BATCH_IMAGES, self._stages)

    @torch.no_grad()
    def _pass(self, images: Images) -> Features:
        features, logits = self._network(_prepared(images))
        return Features(features.numpy(), torch.softmax(logits, dim=1).numpy())

    @torch.no_grad()
    def _stages(self, images: Images) -> list[Floats32]:
        """The network sees images turned by 180°, so what it makes of them is turned back."""
        return [each.flip(2, 3).numpy() for each in self._network.stages(_prepared(images))]


def _prepared(images: Images) -> torch.Tensor:
    """Return images turned by 180°, resized and scaled, float32 (n, 3, 128, 128)."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).flip(2, 3).float()
    return as_input(resize(pixels, SIZE_PX))
