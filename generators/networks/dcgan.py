"""DCGAN (Radford, Metz, Chintala 2016): strided convolutions and nothing else, at any size."""

import torch
from torch import Tensor, nn

from generators.config import Config
from generators.networks.layers import NORMALISATIONS, Conditioned, ProjectionHead
from generators.networks.shape import ImageShape
from generators.networks.strided import DoublingConv4x4, HalvingConv4x4


def halvings(resolution_px: int) -> int:
    """How often an image is halved to come to a map of 4 to 8 pixels.

    >>> [halvings(resolution_px) for resolution_px in (8, 28, 32, 64, 128)]
    [1, 2, 3, 4, 5]
    """
    return (resolution_px // 4).bit_length() - 1


def start_px(resolution_px: int) -> int:
    """The side of the map that is doubled up to the image, or a little beyond it.

    >>> [start_px(resolution_px) for resolution_px in (8, 28, 30, 32, 64)]
    [4, 7, 8, 4, 4]
    """
    return -(-resolution_px >> halvings(resolution_px))


def middle(image: Tensor, resolution_px: int) -> Tensor:
    """The image (N, C, H, W) without its margin."""
    margin = (image.shape[-1] - resolution_px) // 2
    inside = slice(margin, margin + resolution_px)
    return image[:, :, inside, inside]


class DcganGenerator(nn.Module):
    """Linear, then transposed convolutions 4×4 stride 2, each with half the features of the last.

    `features` are those of the finest map: 64 give the 512 to 64 that 64 px are mostly trained
    with; the paper's figure 1 has twice as many. The noise is normal, the paper's uniform.
    """

    halvings = staticmethod(halvings)

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        stages = self.halvings(shape.resolution_px)
        widths = [config.generator.features * 2**i for i in reversed(range(stages))]
        self.resolution_px = shape.resolution_px
        self.start_px = -(-shape.resolution_px >> stages)
        self.condition = Conditioned(shape.class_count)
        self.project = nn.Linear(config.z_dim + shape.class_count, widths[0] * self.start_px**2)
        norm = NORMALISATIONS[config.generator.normalisation]
        layers: list[nn.Module] = []
        for width, after in zip(widths, [*widths[1:], shape.channels], strict=True):
            layers += [norm(width), nn.ReLU(), DoublingConv4x4(width, after)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return torch.tanh(self.drawing(z, label))

    def drawing(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """The image before the hyperbolic tangent."""
        start = self.project(self.condition(z, label))
        start = start.unflatten(1, (-1, self.start_px, self.start_px))
        image = self.layers(start.contiguous(memory_format=torch.channels_last))
        return middle(image, self.resolution_px)


class DcganDiscriminator(nn.Module):
    """Convolutions 4×4 stride 2, from `features` on doubled; then a logit on the flat map."""

    halvings = staticmethod(halvings)

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        stages = self.halvings(shape.resolution_px)
        norm = NORMALISATIONS[config.discriminator.normalisation]
        width = shape.channels
        layers: list[nn.Module] = []
        for stage in range(stages):
            after = config.discriminator.features * 2**stage
            layers.append(HalvingConv4x4(width, after))
            layers += [norm(after)] if stage else []
            layers.append(nn.LeakyReLU(0.2))
            width = after
        self.layers = nn.Sequential(*layers)
        self.head = ProjectionHead(
            width * (shape.resolution_px >> stages) ** 2,
            shape.class_count,
            kernels=config.discriminator.minibatch_kernels,
        )

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        logits: Tensor = self.head(self.layers(image).flatten(1), label)
        return logits
