"""SNGAN's residual networks (Miyato et al. 2018, appendix B.4; Gulrajani et al. 2017)."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from generators.config import Config
from generators.networks.dcgan import halvings, middle, start_px
from generators.networks.layers import NORMALISATIONS, Conditioned, ProjectionHead
from generators.networks.resizing import DoublingConv2d, HalvingConv2d
from generators.networks.shape import ImageShape

SMALL_PX = 32  # up to here every map is as wide
WIDEST = 16  # times the features of the finest map

Norm = Callable[[int], nn.Module]


def _widths(features: int, resolution_px: int, blocks: int) -> list[int]:
    """The features of each map from the finest on: doubled with each halving of a large image."""
    if resolution_px <= SMALL_PX:
        return [features] * blocks
    return [features * min(2**block, WIDEST) for block in range(blocks)]


class _Enlarging(nn.Module):
    """Norm, ReLU, doubled and 3×3, norm, ReLU, 3×3; beside it a 1×1.

    The 1×1 comes before its doubling: the same function at a quarter of the cost.
    """

    def __init__(self, width: int, after: int, norm: Norm) -> None:
        super().__init__()
        self.before = nn.Sequential(norm(width), nn.ReLU())
        self.first = DoublingConv2d(width, after)
        self.between = nn.Sequential(norm(after), nn.ReLU())
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(width, after, 1)

    def forward(self, maps: Tensor) -> Tensor:
        residual: Tensor = self.second(self.between(self.first(self.before(maps))))
        return residual + interpolate(self.shortcut(maps), scale_factor=2.0)


class SnganGenerator(nn.Module):
    """Linear, residual blocks that double, then norm, ReLU, 3×3.

    With 256 features at 32 px, 64 at 64 px it is the published one. The class comes with the noise.
    """

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        stages = halvings(shape.resolution_px)
        widths = _widths(config.generator.features, shape.resolution_px, stages + 1)[::-1]
        norm = NORMALISATIONS[config.generator.normalisation]
        self.resolution_px = shape.resolution_px
        self.start_px = start_px(shape.resolution_px)
        self.condition = Conditioned(shape.class_count)
        self.project = nn.Linear(config.z_dim + shape.class_count, widths[0] * self.start_px**2)
        self.blocks = nn.Sequential(*(_Enlarging(*pair, norm) for pair in pairwise(widths)))
        self.image = nn.Sequential(
            norm(widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], shape.channels, 3, padding=1)
        )

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        start = self.project(self.condition(z, label))
        start = start.unflatten(1, (-1, self.start_px, self.start_px))
        image = self.image(self.blocks(start.contiguous(memory_format=torch.channels_last)))
        return torch.tanh(middle(image, self.resolution_px))


class _Reading(nn.Module):
    """ReLU, 3×3, ReLU, 3×3 and halved or not; the first block of a network has pixels, and no ReLU.

    Where the map is halved or wider there is a 1×1 beside it, after its halving: the same function
    at a quarter of the cost.
    """

    def __init__(self, width: int, after: int, norm: Norm, *, halves: bool, first: bool) -> None:
        super().__init__()
        self.halves = halves
        self.before = nn.Identity() if first else nn.Sequential(norm(width), nn.ReLU())
        self.first = nn.Conv2d(width, after, 3, padding=1)
        self.between = nn.Sequential(norm(after), nn.ReLU())
        self.second = (
            HalvingConv2d(after, after) if halves else nn.Conv2d(after, after, 3, padding=1)
        )
        plain = width == after and not halves
        self.shortcut = nn.Identity() if plain else nn.Conv2d(width, after, 1)

    def forward(self, maps: Tensor) -> Tensor:
        residual = self.second(self.between(self.first(self.before(maps))))
        if self.halves:
            maps = avg_pool2d(maps, 2)
        summed: Tensor = residual + self.shortcut(maps)
        return summed


class SnganDiscriminator(nn.Module):
    """Residual blocks that halve, ReLU, the sum over places, then a logit and a class projection.

    Up to 32 px two blocks halve and two do not, with as many features each (published: 128); above,
    blocks halve down to 2 pixels, `features` at the finest map (published: 64). Set `spectral`.
    """

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        small = shape.resolution_px <= SMALL_PX
        halving = 2 if small else halvings(shape.resolution_px) + 1
        features = config.discriminator.features
        widths = _widths(features, shape.resolution_px, halving + 2 * small)
        norm = NORMALISATIONS[config.discriminator.normalisation]
        self.blocks = nn.Sequential(
            *(
                _Reading(width, after, norm, halves=index < halving, first=index == 0)
                for index, (width, after) in enumerate(pairwise([shape.channels, *widths]))
            )
        )
        self.head = ProjectionHead(
            widths[-1], shape.class_count, kernels=config.discriminator.minibatch_kernels
        )

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        features = torch.relu(self.blocks(image)).sum((2, 3))
        logits: Tensor = self.head(features, label)
        return logits
