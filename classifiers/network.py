"""A small residual network from images to features and class logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from classifiers.errors import ClassifierError

SMALLEST_PX, LARGEST_PX = 16, 128
LARGEST_CLASS_COUNT = 10_000
COARSEST_PX = 4
FIRST_WIDTH, LAST_WIDTH = 32, 128


@dataclass(frozen=True)
class Form:
    """The square images that a network sees, and how many classes it tells apart."""

    resolution_px: int
    channels: int
    classes: int

    def __post_init__(self) -> None:
        _require("resolution_px", self.resolution_px, SMALLEST_PX, LARGEST_PX)
        _require("classes", self.classes, 2, LARGEST_CLASS_COUNT)
        if self.channels not in (1, 3):
            raise ClassifierError(
                f"a classifier needs images of 1 or 3 channels, got {self.channels}"
            )


def _require(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ClassifierError(f"a classifier needs {name} from {low} to {high}, got {value}")


class Network(nn.Module):
    """Images float32 (n, C, H, H) in [0, 1] to features (n, 128) ≥ 0 and logits (n, classes).

    A convolution to half the resolution, residual blocks (He et al. 2016) that halve it down to 4 px,
    then the mean over the map. 6.6e6 multiplications an image of 28 px.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.stem = _Normed(form.channels, FIRST_WIDTH, 5, 2)
        self.blocks = nn.Sequential()
        width, side_px = FIRST_WIDTH, -(-form.resolution_px // 2)
        while side_px > COARSEST_PX:
            side_px = -(-side_px // 2)
            wider = min(2 * width, LAST_WIDTH) if side_px > COARSEST_PX else LAST_WIDTH
            self.blocks.append(_Block(width, wider))
            width = wider
        self.classes = nn.Linear(width, form.classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = (2 * images - 1).contiguous(memory_format=torch.channels_last)
        features = self.blocks(relu(self.stem(x))).mean((2, 3))
        return features, self.classes(features)


def without_weights(form: Form) -> Network:
    """Return a network whose weights are still to be assigned, and take no memory until then."""
    with torch.device("meta"):
        return Network(form)


class _Normed(nn.Sequential):
    """A convolution that keeps the size, or divides it by the stride, and batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs))


class _Block(nn.Module):
    """Two convolutions to half the size, added to a projection of what came in."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _Normed(inputs, outputs, 3, 2)
        self.second = _Normed(outputs, outputs, 3, 1)
        self.skip = _Normed(inputs, outputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        halved = x[
            :, :, ::2, ::2
        ]  # in place of a stride, whose backward pass corrupts memory in oneDNN
        return relu(self.second(relu(self.first(x))) + self.skip(halved))
