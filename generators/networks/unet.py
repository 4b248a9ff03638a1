"""The U-Net of pix2pix: down to a few pixels and up again, each level handing its maps across."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from generators.config import Config
from generators.networks.layers import NORMALISATIONS
from generators.networks.shape import ImageShape
from generators.networks.strided import DoublingConv4x4, HalvingConv4x4
from generators.pairs import input_shape

WIDEST = 4  # times the features of the finest level


class UNet(nn.Module):
    """Isola et al. 2017, section 6.1.1, for small images: an input (N, c, h, w) to images (N, C, H, W).

    28 and 32 px go down to 4 in three levels, 64 px in four. An input that is smaller than the
    images is enlarged first. There is no dropout, pix2pix's only source of chance: the same input
    always gives the same image.
    """

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        self.side_px = shape.resolution_px
        levels = max(2, (self.side_px - 1).bit_length() - 2)
        self.missing_px = -self.side_px % 2**levels
        features = config.generator.features
        widths = [features * min(2**level, WIDEST) for level in range(levels)]
        inside: nn.Module | None = None
        for outer, inner in reversed(list(pairwise(widths))):
            inside = _Level(outer, inner, inside, NORMALISATIONS[config.generator.normalisation])
        channels, _ = input_shape(config.translation, shape.channels, self.side_px)
        self.first = nn.Sequential(HalvingConv4x4(channels, features), nn.LeakyReLU(0.2))
        self.inside = inside or nn.Identity()
        self.image = DoublingConv4x4(2 * features, shape.channels)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        maps = self.image(self.inside(self.first(self._whole(image))))
        start = self.missing_px // 2
        inside = slice(start, start + self.side_px)
        return torch.tanh(maps[:, :, inside, inside])

    def _whole(self, image: Tensor) -> Tensor:
        """The input in the images' size, with a black margin to one that can be halved."""
        if image.shape[-1] != self.side_px:
            image = interpolate(image, size=(self.side_px, self.side_px), mode="bilinear")
        before = self.missing_px // 2
        after = self.missing_px - before
        return pad(image, (before, after, before, after), value=-1.0)


class _Level(nn.Module):
    """Half the size and back, with what is inside of it; its input goes along."""

    def __init__(
        self, before: int, width: int, inside: nn.Module | None, norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        # The innermost has too few numbers an image for a norm.
        down_norm = norm(width) if inside else nn.Identity()
        self.down = nn.Sequential(HalvingConv4x4(before, width), down_norm, nn.LeakyReLU(0.2))
        self.inside = inside or nn.Identity()
        self.up = nn.Sequential(
            DoublingConv4x4(2 * width if inside else width, before),
            norm(before),
            nn.ReLU(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([maps, self.up(self.inside(self.down(maps)))], dim=1)
