"""The demo's networks: the smallest that learn to draw in a minute."""

import torch
from torch import Tensor, nn

from generators.config import Config
from generators.networks.layers import NORMALISATIONS, Conditioned, ProjectionHead
from generators.networks.shape import ImageShape


def _stages(resolution_px: int) -> int:
    """Halvings between the image and the coarsest map: 28 -> 7, 32 -> 8, 64 -> 8 pixels."""
    return 2 if resolution_px <= 32 else 3


class DemoGenerator(nn.Module):
    """Linear, then transposed convolutions 4×4 stride 2 up to the image, margin cropped."""

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        stages = _stages(shape.resolution_px)
        widths = [config.generator.features * 2**i for i in reversed(range(stages))]
        self.resolution_px = shape.resolution_px
        self.start_px = -(-shape.resolution_px // 2**stages)
        self.condition = Conditioned(shape.class_count)
        self.project = nn.Linear(config.z_dim + shape.class_count, widths[0] * self.start_px**2)
        norm = NORMALISATIONS[config.generator.normalisation]
        layers: list[nn.Module] = []
        for width, after in zip(widths, [*widths[1:], shape.channels], strict=True):
            layers += [norm(width), nn.ReLU(), nn.ConvTranspose2d(width, after, 4, 2, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        start = self.project(self.condition(z, label))
        start = start.unflatten(1, (-1, self.start_px, self.start_px))
        image = self.layers(start.contiguous(memory_format=torch.channels_last))
        margin = (image.shape[-1] - self.resolution_px) // 2
        inside = slice(margin, margin + self.resolution_px)
        return torch.tanh(image[:, :, inside, inside])


class DemoDiscriminator(nn.Module):
    """Convolutions 4×4 stride 2, then a linear logit plus a projection on the class."""

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        stages = _stages(shape.resolution_px)
        norm = NORMALISATIONS[config.discriminator.normalisation]
        width = shape.channels
        layers: list[nn.Module] = []
        for stage in range(stages):
            after = config.discriminator.features * 2**stage
            layers.append(nn.Conv2d(width, after, 4, 2, padding=1))
            layers += [norm(after)] if stage else []
            layers.append(nn.LeakyReLU(0.2))
            width = after
        self.layers = nn.Sequential(*layers)
        flat = width * (shape.resolution_px // 2**stages) ** 2
        self.head = ProjectionHead(
            flat, shape.class_count, kernels=config.discriminator.minibatch_kernels
        )

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        logits: Tensor = self.head(self.layers(image).flatten(1), label)
        return logits
