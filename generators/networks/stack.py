"""StackGAN's generator (Zhang et al. 2017): a small drawing from the condition, then a full-size one."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from generators.config import Config
from generators.networks.dcgan import DcganGenerator
from generators.networks.layers import NORMALISATIONS, as_condition
from generators.networks.shape import ImageShape, ShapeError
from generators.networks.strided import HalvingConv4x4

SMALLEST_PX = 16
CODE_SIZE = 32
RESIDUAL_BLOCKS = 2


def half(shape: ImageShape) -> ImageShape:
    """What the first stage draws: half the side, rounded up."""
    return replace(shape, resolution_px=-(-shape.resolution_px // 2))


def check(shape: ImageShape) -> None:
    """ShapeError unless a StackGAN can draw the shape."""
    if shape.resolution_px < SMALLEST_PX:
        raise ShapeError(
            f"a model of two stages draws at least {SMALLEST_PX} px, got {shape.resolution_px}"
        )
    if not shape.class_count:
        raise ShapeError("a model of two stages draws from a class: the images need labels")


class ConditionCode(nn.Module):
    """Conditioning augmentation: a Gaussian around a code of the condition (section 3.2)."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.class_count = class_count
        self.project = nn.Linear(class_count, 2 * CODE_SIZE)

    def gaussian(self, label: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (N, CODE_SIZE) for classes int64 (N,) or rows (N, class_count)."""
        mean, log_variance = self.project(as_condition(label, self.class_count)).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, label: Tensor, noise: Tensor | None = None) -> Tensor:
        """Codes (N, CODE_SIZE): the mean, plus the deviation times standard normal noise, if given."""
        mean, log_variance = self.gaussian(label)
        return mean if noise is None else mean + (0.5 * log_variance).exp() * noise


class FirstStage(nn.Module):
    """Shapes and colours at half the size, from noise and the code: a DCGAN."""

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        self.code = ConditionCode(shape.class_count)
        self.network = DcganGenerator(config, replace(half(shape), class_count=CODE_SIZE))

    def forward(self, z: Tensor, label: Tensor, noise: Tensor | None = None) -> Tensor:
        """The drawing before the hyperbolic tangent."""
        return self.network.drawing(z, self.code(label, noise))


class _Residual(nn.Module):
    """3×3, norm, ReLU, 3×3, norm, added to what came in; ReLU."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(config, width, width),
            nn.Conv2d(width, width, 3, padding=1),
            NORMALISATIONS[config.generator.normalisation](width),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(maps + self.layers(maps))


def _convolution(config: Config, width: int, after: int) -> tuple[nn.Module, ...]:
    norm = NORMALISATIONS[config.generator.normalisation]
    return nn.Conv2d(width, after, 3, padding=1), norm(after), nn.ReLU()


class SecondStage(nn.Module):
    """Reads the small picture and the condition again, and adds detail to the enlarged drawing.

    The detail is weighed by `strength`, which starts at 0: before it is trained, the whole draws the
    first stage's picture, enlarged.
    """

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        features, last = config.generator.features, max(1, config.generator.features // 2)
        self.resolution_px = shape.resolution_px
        self.code = ConditionCode(shape.class_count)
        self.read = nn.Sequential(
            nn.Conv2d(shape.channels, features, 3, padding=1),
            nn.ReLU(),
            HalvingConv4x4(features, 2 * features),
            NORMALISATIONS[config.generator.normalisation](2 * features),
            nn.ReLU(),
        )
        self.join = nn.Sequential(
            *_convolution(config, 2 * features + CODE_SIZE, 2 * features),
            *(_Residual(config, 2 * features) for _ in range(RESIDUAL_BLOCKS)),
        )
        self.enlarge = nn.Sequential(*_convolution(config, 2 * features, features))
        self.finish = nn.Sequential(
            *_convolution(config, features, last), nn.Conv2d(last, shape.channels, 3, padding=1)
        )
        self.strength = nn.Parameter(torch.zeros(shape.channels, 1, 1))

    def forward(self, drawing: Tensor, label: Tensor, noise: Tensor | None = None) -> Tensor:
        """Images in [−1, 1] from the first stage's drawings."""
        maps = self.read(torch.tanh(drawing))
        code = self.code(label, noise)[:, :, None, None].expand(-1, -1, *maps.shape[2:])
        maps = self.join(torch.cat([maps, code.to(maps.dtype)], dim=1))
        maps = self.enlarge(_sized(maps, drawing.shape[-1]))
        detail = self.finish(_sized(maps, self.resolution_px))
        return torch.tanh(enlarged(drawing, self.resolution_px) + self.strength * detail)


def _sized(maps: Tensor, side_px: int) -> Tensor:
    return interpolate(maps, size=(side_px, side_px))


def enlarged(drawing: Tensor, side_px: int) -> Tensor:
    """A drawing at another size, without new detail."""
    return interpolate(drawing, size=(side_px, side_px), mode="bilinear")


class StackGenerator(nn.Module):
    """Both stages as one: noise and condition -> the full-size image."""

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        check(shape)
        self.first = FirstStage(config, shape)
        self.second = SecondStage(config, shape)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        image: Tensor = self.second(self.first(z, label), label)
        return image
