"""Generators of residual blocks: CycleGAN's, which keeps the size, and SRGAN's, which enlarges."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from generators.config import Config
from generators.networks.layers import NORMALISATIONS
from generators.networks.shape import ImageShape
from generators.networks.strided import DoublingConv4x4, HalvingConv4x4
from generators.pairs import input_shape

BLOCKS = 3


def residual_generator(config: Config, shape: ImageShape) -> nn.Module:
    """The one that fits the task: SRGAN's for small images to be enlarged, else CycleGAN's."""
    enlarges = config.translation.task == "enlarge"
    return EnlargingGenerator(config, shape) if enlarges else ResidualGenerator(config, shape)


class ResidualGenerator(nn.Module):
    """Johnson et al. 2016 as in Zhu et al. 2017, section 7.1: two halvings, blocks, two doublings.

    The published one's first and last layers, which keep the size, are left out: on a processor they
    cost more than the blocks.
    """

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        width, norm = config.generator.features, NORMALISATIONS[config.generator.normalisation]
        self.side_px = shape.resolution_px
        self.missing_px = -self.side_px % 4
        self.layers = nn.Sequential(
            HalvingConv4x4(shape.channels, width), nn.ReLU(),
            HalvingConv4x4(width, 2 * width), norm(2 * width), nn.ReLU(),
            *(_Block(2 * width, norm) for _ in range(BLOCKS)),
            DoublingConv4x4(2 * width, width), norm(width), nn.ReLU(),
            DoublingConv4x4(width, shape.channels),
        )  # fmt: skip

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        maps = self.layers(pad(image, (0, self.missing_px, 0, self.missing_px), value=-1.0))
        return torch.tanh(maps[:, :, : self.side_px, : self.side_px])


class EnlargingGenerator(nn.Module):
    """Ledig et al. 2017, figure 4: blocks at the small size, then pixels shuffled out of channels.

    What it draws is added to the input enlarged bilinearly, so that it learns the details alone.
    """

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        width, norm = config.generator.features, NORMALISATIONS[config.generator.normalisation]
        self.side_px = shape.resolution_px
        channels, _ = input_shape(config.translation, shape.channels, self.side_px)
        self.first = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.PReLU())
        self.blocks = nn.Sequential(
            *(_Block(width, norm) for _ in range(BLOCKS)),
            nn.Conv2d(width, width, 3, padding=1), norm(width),
        )  # fmt: skip
        stages = (2, 2) if config.translation.factor == 4 else (config.translation.factor,)
        self.enlarge = nn.Sequential(*(_shuffle(width, factor) for factor in stages))
        self.image = nn.Conv2d(width, shape.channels, 3, padding=1)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        first = self.first(image)
        details = self.image(self.enlarge(first + self.blocks(first)))
        plain = interpolate(image, size=(self.side_px, self.side_px), mode="bilinear")
        images: Tensor = (plain + details).clamp(-1, 1)
        return images


class _Block(nn.Module):
    """Two 3×3 convolutions whose result is added to what came in."""

    def __init__(self, width: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), norm(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), norm(width),
        )  # fmt: skip

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = maps + self.layers(maps)
        return added


def _shuffle(width: int, factor: int) -> nn.Module:
    convolution = nn.Conv2d(width, width * factor**2, 3, padding=1)
    return nn.Sequential(convolution, nn.PixelShuffle(factor), nn.PReLU())
