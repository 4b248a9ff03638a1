"""EfficientNet-Lite0 turned by 180°, with its batch normalisation folded into the convolutions.

The published weights expect TensorFlow's SAME padding, whose odd row and column go below and right.
A network turned by 180° wants them above and left instead, where symmetric padding puts them. So
images and kernels are turned, no copy is made for padding, and the pooled features are the same.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

# blocks, kernel, stride of the first, expansion, channels: table 1 of Tan & Le (2019), as Lite0
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS, FEATURES, CLASSES = 32, 1280, 1000
BATCH_NORM_EPSILON = 1e-3
NORM_OF = {
    "_conv_stem": "_bn0",
    "_conv_head": "_bn1",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_project_conv": "_bn2",
}


def convolution(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


class Block(nn.Module):
    """An inverted residual: widen, filter each channel, project back."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self._expand_conv = convolution(inputs, width) if expansion > 1 else None
        self._depthwise_conv = convolution(width, width, kernel, stride, groups=width)
        self._project_conv = convolution(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self._expand_conv is None else self._expand_conv(x).clamp_(0, 6)
        out: Tensor = self._project_conv(self._depthwise_conv(wide).clamp_(0, 6))
        return out.add_(x) if self.residual else out


class Lite0Network(nn.Module):
    """Turned, normalised images (n, 3, H, W) to features (n, 1280) and logits (n, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = convolution(3, STEM_CHANNELS, 3, 2)
        self._blocks = nn.Sequential()
        inputs = STEM_CHANNELS
        for count, kernel, stride, expansion, outputs in STAGES:
            for index in range(count):
                first = stride if index == 0 else 1
                self._blocks.append(Block(inputs, outputs, kernel, first, expansion))
                inputs = outputs
        self._conv_head = convolution(inputs, FEATURES)
        self._fc = nn.Linear(FEATURES, CLASSES)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return what there is at each resolution, before the next halves it and at the end."""
        x = self._conv_stem(x).clamp_(0, 6)
        found = []
        for block in self._blocks:
            y = block(x)
            if y.shape[2] < x.shape[2]:
                found.append(x)
            x = y
        return [*found, x]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self._conv_head(self.stages(x)[-1]).clamp_(0, 6).mean((2, 3))
        return features, self._fc(features)


def fold_batch_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of Lite0Network: kernels turned, batch norms folded in float64."""
    folded = {name: state[name] for name in ("_fc.weight", "_fc.bias")}
    for name, kernel in state.items():
        path, _, layer = name.removesuffix(".weight").rpartition(".")
        if layer not in NORM_OF:
            continue
        prefix = f"{path}." if path else ""
        scale, shift = _affine(state, f"{prefix}{NORM_OF[layer]}")
        folded[name] = (kernel.double() * scale[:, None, None, None]).flip(2, 3).float()
        folded[f"{prefix}{layer}.bias"] = shift.float()
    return folded


def _affine(state: Mapping[str, Tensor], norm: str) -> tuple[Tensor, Tensor]:
    weight, bias, mean, variance = (
        state[f"{norm}.{key}"].double() for key in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / torch.sqrt(variance + BATCH_NORM_EPSILON)
    return scale, bias - mean * scale
