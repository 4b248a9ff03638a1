"""The first lecture's networks, as it builds them line by line."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from generators.config import Config
from generators.networks.layers import NORMALISATIONS, Conditioned, ProjectionHead
from generators.networks.shape import ImageShape


class LectureGenerator(nn.Module):
    """The lecture's: a noise image of twice the size through strided 3×3, 3×3 and 1×1."""

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        first, second = config.generator.features, config.generator.features // 2
        norm = NORMALISATIONS[config.generator.normalisation]
        self.start_px = 2 * shape.resolution_px
        self.condition = Conditioned(shape.class_count)
        self.project = nn.Linear(config.z_dim + shape.class_count, self.start_px**2)
        self.start = nn.Sequential(norm(1), nn.ReLU())
        self.first = nn.Sequential(nn.Conv2d(1, first, 3, 2, padding=1), norm(first), nn.ReLU())
        self.second = nn.Sequential(
            nn.Conv2d(first, second, 3, 2, padding=1), norm(second), nn.ReLU()
        )
        self.image = nn.Conv2d(second, shape.channels, 1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        noise = self.project(self.condition(z, label))
        maps = self.start(noise.unflatten(1, (1, self.start_px, self.start_px)))
        maps = self._enlarge(self.first(maps))
        maps = self._enlarge(self.second(maps))
        # The stride of 2 is a slice: oneDNN's backward pass of a strided 1×1 corrupts memory.
        return 2 * torch.sigmoid(self.image(maps[..., ::2, ::2])) - 1

    def _enlarge(self, maps: Tensor) -> Tensor:
        return interpolate(maps, size=(self.start_px, self.start_px), mode="bilinear")


class LectureDiscriminator(nn.Module):
    """The lecture's: two 5×5 convolutions with average pooling, a wide hidden layer, a logit."""

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        first, second = config.discriminator.features, 2 * config.discriminator.features
        norm = NORMALISATIONS[config.discriminator.normalisation]
        self.layers = nn.Sequential(
            nn.Conv2d(shape.channels, first, 5, padding=2), norm(first), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(first, second, 5, padding=2), norm(second), nn.ReLU(), nn.AvgPool2d(2),
        )  # fmt: skip
        flat = second * (shape.resolution_px // 4) ** 2
        hidden = 32 * first
        self.hidden = nn.Sequential(nn.Linear(flat, hidden), nn.ReLU())
        self.head = ProjectionHead(
            hidden, shape.class_count, kernels=config.discriminator.minibatch_kernels
        )

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        features = self.hidden(self.layers(image).flatten(1))
        logits: Tensor = self.head(features, label)
        return logits
