"""PatchGAN: a logit for each patch of an image, not one for the whole."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from generators.config import Config
from generators.networks.layers import NORMALISATIONS
from generators.networks.shape import ImageShape
from generators.networks.strided import HalvingConv4x4
from generators.pairs import input_shape


class PatchDiscriminator(nn.Module):
    """Isola et al. 2017, section 6.1.2: logits (N, 1, h, w), each of a patch of 18 px (38 above 32 px).

    In pix2pix it sees the input beside the image, as further channels; elsewhere the image alone.
    """

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        self.sees_input = config.model == "pix2pix"
        norm = NORMALISATIONS[config.discriminator.normalisation]
        width = config.discriminator.features
        channels = shape.channels
        if self.sees_input:
            channels += input_shape(config.translation, channels, shape.resolution_px)[0]
        blocks = [nn.Sequential(HalvingConv4x4(channels, width), nn.LeakyReLU(0.2))]
        for _ in range(1 if shape.resolution_px <= 32 else 2):
            convolution = HalvingConv4x4(width, 2 * width)
            width *= 2
            blocks.append(nn.Sequential(convolution, norm(width), nn.LeakyReLU(0.2)))
        self.blocks = nn.ModuleList(blocks)
        self.logit = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, image: Tensor, given: Tensor | None = None) -> Tensor:
        logits: Tensor = self.logit(self.features(image, given)[-1])
        return logits

    def features(self, image: Tensor, given: Tensor | None = None) -> list[Tensor]:
        """The maps after each block, finest first."""
        if self.sees_input and given is not None:
            given = interpolate(given, size=image.shape[-2:])
            image = torch.cat([image, given], dim=1)
        maps = []
        for block in self.blocks:
            image = block(image)
            maps.append(image)
        return maps
