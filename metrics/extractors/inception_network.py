"""Inception-v3 as TensorFlow's graph of 2015-12-05 has it, batch normalisation folded in.

Layers are named as in pytorch-fid's port of that graph. It differs from torchvision's Inception-v3 in
three places: average pooling does not count the padding, the last block pools by the maximum, and
there are 1,008 classes. Average pooling and a 1 × 1 convolution are both linear, so the convolution
goes first here: the same values from fewer channels to pool.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from metrics.errors import MetricError

FEATURES, CLASSES = 2048, 1008
BATCH_NORM_EPSILON = 1e-3
NAMED = 5
"""So many wrong tensors are named at most."""
Sides = int | tuple[int, int]
NORM = ("weight", "bias", "running_mean", "running_var")


class Convolution(nn.Conv2d):
    """A convolution and its ReLU."""

    rectified = True

    def __init__(
        self, inputs: int, outputs: int, kernel: Sides = 1, stride: int = 1, padding: Sides = 0
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y.relu_() if self.rectified else y


class PooledProjection(Convolution):
    """Average pooling that does not count its padding, a 1 × 1 convolution and a ReLU."""

    rectified = False

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return functional.avg_pool2d(y, 3, 1, 1, count_include_pad=False).relu_()


def row(inputs: int, outputs: int, length: int) -> Convolution:
    return Convolution(inputs, outputs, (1, length), padding=(0, length // 2))


def column(inputs: int, outputs: int, length: int) -> Convolution:
    return Convolution(inputs, outputs, (length, 1), padding=(length // 2, 0))


class BlockA(nn.Module):
    """35 × 35: 1 × 1, 5 × 5, twice 3 × 3, pooled."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(inputs, 64)
        self.branch5x5_1 = Convolution(inputs, 48)
        self.branch5x5_2 = Convolution(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Convolution(inputs, 64)
        self.branch3x3dbl_2 = Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, padding=1)
        self.branch_pool = PooledProjection(inputs, pooled)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(x)], 1)


class BlockB(nn.Module):
    """35 × 35 to 17 × 17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = Convolution(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = Convolution(inputs, 64)
        self.branch3x3dbl_2 = Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), three, functional.max_pool2d(x, 3, 2)], 1)


class BlockC(nn.Module):
    """17 × 17: 1 × 1, and 7 × 7 once and twice, each as a row and a column."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(768, 192)
        self.branch7x7_1 = Convolution(768, inner)
        self.branch7x7_2 = row(inner, inner, 7)
        self.branch7x7_3 = column(inner, 192, 7)
        self.branch7x7dbl_1 = Convolution(768, inner)
        self.branch7x7dbl_2 = column(inner, inner, 7)
        self.branch7x7dbl_3 = row(inner, inner, 7)
        self.branch7x7dbl_4 = column(inner, inner, 7)
        self.branch7x7dbl_5 = row(inner, 192, 7)
        self.branch_pool = PooledProjection(768, 192)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), once, twice, self.branch_pool(x)], 1)


class BlockD(nn.Module):
    """17 × 17 to 8 × 8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Convolution(768, 192)
        self.branch3x3_2 = Convolution(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Convolution(768, 192)
        self.branch7x7x3_2 = row(192, 192, 7)
        self.branch7x7x3_3 = column(192, 192, 7)
        self.branch7x7x3_4 = Convolution(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat([three, self.branch7x7x3_4(seven), functional.max_pool2d(x, 3, 2)], 1)


class BlockE(nn.Module):
    """8 × 8: 1 × 1, and 3 × 3 once and twice, each ending in a row beside a column."""

    def __init__(self, inputs: int, *, pool_maximum: bool) -> None:
        super().__init__()
        self.branch1x1 = Convolution(inputs, 320)
        self.branch3x3_1 = Convolution(inputs, 384)
        self.branch3x3_2a = row(384, 384, 3)
        self.branch3x3_2b = column(384, 384, 3)
        self.branch3x3dbl_1 = Convolution(inputs, 448)
        self.branch3x3dbl_2 = Convolution(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = row(384, 384, 3)
        self.branch3x3dbl_3b = column(384, 384, 3)
        self.pool_maximum = pool_maximum
        self.branch_pool = (
            Convolution(inputs, 192) if pool_maximum else PooledProjection(inputs, 192)
        )

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = functional.max_pool2d(x, 3, 1, 1) if self.pool_maximum else x
        parts = [
            self.branch1x1(x),
            self.branch3x3_2a(once),
            self.branch3x3_2b(once),
            self.branch3x3dbl_3a(twice),
            self.branch3x3dbl_3b(twice),
            self.branch_pool(pooled),
        ]
        return torch.cat(parts, 1)


class InceptionNetwork(nn.Module):
    """Scaled images (n, 3, 299, 299) to features (n, 2048) and logits without bias (n, 1008)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Convolution(64, 80)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3)
        self.Mixed_5b = BlockA(192, 32)
        self.Mixed_5c = BlockA(256, 64)
        self.Mixed_5d = BlockA(288, 64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b = BlockC(128)
        self.Mixed_6c = BlockC(160)
        self.Mixed_6d = BlockC(160)
        self.Mixed_6e = BlockC(192)
        self.Mixed_7a = BlockD()
        self.Mixed_7b = BlockE(1280, pool_maximum=False)
        self.Mixed_7c = BlockE(2048, pool_maximum=True)
        self.fc = nn.Linear(FEATURES, CLASSES, bias=False)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return what there is after each pooling of the stem, at 17 × 17 and at the end."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        first = functional.max_pool2d(x, 3, 2)
        second = functional.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(first)), 3, 2)
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(second))))
        third = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        return [first, second, third, self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(third)))]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.stages(x)[-1].float().mean((2, 3))
        return features, self.fc(features.to(self.fc.weight.dtype))


def fold_batch_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of InceptionNetwork from the published one, folded in float64.

    Raises MetricError, naming them, if tensors are missing, unknown or of another shape.
    """
    with torch.device("meta"):
        network = InceptionNetwork()
    _require(state, _published_shapes(network))
    folded = {"fc.weight": state["fc.weight"].float()}
    for name, _ in _convolutions(network):
        gain, bias, mean, variance = (state[f"{name}.bn.{key}"].double() for key in NORM)
        scale = gain / torch.sqrt(variance + BATCH_NORM_EPSILON)
        kernel = state[f"{name}.conv.weight"].double() * scale[:, None, None, None]
        folded[f"{name}.weight"], folded[f"{name}.bias"] = (
            kernel.float(),
            (bias - mean * scale).float(),
        )
    return folded


def _convolutions(network: nn.Module) -> list[tuple[str, Convolution]]:
    return [(name, m) for name, m in network.named_modules() if isinstance(m, Convolution)]


def _published_shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (CLASSES, FEATURES), "fc.bias": (CLASSES,)}
    for name, layer in _convolutions(network):
        shapes[f"{name}.conv.weight"] = tuple(layer.weight.shape)
        shapes |= {f"{name}.bn.{key}": (layer.out_channels,) for key in NORM}
        shapes[f"{name}.bn.num_batches_tracked"] = ()
    return shapes


def _require(state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    wrong = [f"{name} is missing" for name in shapes if name not in state]
    wrong += [f"{name} is unknown" for name in state if name not in shapes]
    wrong += [
        f"{name} needs shape {shape}, got {tuple(state[name].shape)}"
        for name, shape in shapes.items()
        if name in state and state[name].shape != shape
    ]
    if wrong:
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise MetricError(
            f"these are not the weights of the FID Inception-v3: {'; '.join(wrong[:NAMED])}{more}"
        )
