"""The networks: generators from noise to image and discriminators from image to logit."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, one_hot

from generators.config import Config

LARGEST_PX, SMALLEST_PX = 64, 8


class ShapeError(ValueError):
    """Images of a shape that no architecture here is made for."""


@dataclass(frozen=True)
class ImageShape:
    """The square images that a network makes or sees, and their classes (0: no condition)."""

    resolution_px: int
    channels: int
    class_count: int = 0

    def __post_init__(self) -> None:
        if not SMALLEST_PX <= self.resolution_px <= LARGEST_PX:
            raise ShapeError(
                f"resolution must be from {SMALLEST_PX} to {LARGEST_PX} px, "
                f"got {self.resolution_px}"
            )
        if self.channels not in (1, 3):
            raise ShapeError(f"images have 1 or 3 channels, got {self.channels}")
        if not 0 <= self.class_count <= 10_000:
            raise ShapeError(f"the number of classes is from 0 to 10000, got {self.class_count}")


def build_generator(config: Config, shape: ImageShape) -> nn.Module:
    """A fresh generator: noise (N, z_dim), label int64 (N,) -> images (N, C, H, W) in [−1, 1].

    The label argument is left out when `shape.class_count` is 0. Weights are drawn from torch's
    global generator: seed it first.
    """
    network = GENERATORS[config.generator.architecture](config, shape)
    return network.apply(_initialise)


def build_discriminator(config: Config, shape: ImageShape) -> nn.Module:
    """A fresh discriminator: images (N, C, H, W) in [−1, 1], label int64 (N,) -> logits (N,)."""
    network = DISCRIMINATORS[config.discriminator.architecture](config, shape)
    return network.apply(_initialise)


def _initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02) cut at two deviations, biases 0; norms keep their 1 and 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding):
        nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
        if isinstance(bias := getattr(module, "bias", None), Tensor):
            nn.init.zeros_(bias)


NORMALISATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": lambda features: nn.GroupNorm(1, features),
    "none": lambda _: nn.Identity(),
}


def _stages(resolution_px: int) -> int:
    """Halvings between the image and the coarsest map: 28 -> 7, 32 -> 8, 64 -> 8 pixels."""
    return 2 if resolution_px <= 32 else 3


class _Conditioned(nn.Module):
    """Appends the one-hot label, if the network has classes, to the noise."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.class_count = class_count

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None:
            return z
        return torch.cat([z, one_hot(label, self.class_count).to(z.dtype)], dim=1)


class _ProjectionHead(nn.Module):
    """A linear logit plus, with classes, the inner product of features and class (Miyato 2018)."""

    def __init__(self, features: int, class_count: int) -> None:
        super().__init__()
        self.logit = nn.Linear(features, 1)
        self.classes = nn.Embedding(class_count, features) if class_count else None

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        logit: Tensor = self.logit(features).squeeze(1)
        if self.classes is None:
            return logit
        projection: Tensor = (features * self.classes(label)).sum(1)
        return logit + projection


class DemoGenerator(nn.Module):
    """Linear, then transposed convolutions 4×4 stride 2 up to the image, margin cropped."""

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        stages = _stages(shape.resolution_px)
        widths = [config.generator.features * 2**i for i in reversed(range(stages))]
        self.resolution_px = shape.resolution_px
        self.start_px = -(-shape.resolution_px // 2**stages)
        self.condition = _Conditioned(shape.class_count)
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
        self.head = _ProjectionHead(flat, shape.class_count)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        logits: Tensor = self.head(self.layers(image).flatten(1), label)
        return logits


class LectureGenerator(nn.Module):
    """The lecture's: a noise image of twice the size through strided 3×3, 3×3 and 1×1."""

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        first, second = config.generator.features, config.generator.features // 2
        norm = NORMALISATIONS[config.generator.normalisation]
        self.start_px = 2 * shape.resolution_px
        self.condition = _Conditioned(shape.class_count)
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
        self.head = _ProjectionHead(hidden, shape.class_count)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        features = self.hidden(self.layers(image).flatten(1))
        logits: Tensor = self.head(features, label)
        return logits


Factory = Callable[[Config, ImageShape], nn.Module]
GENERATORS: dict[str, Factory] = {"demo": DemoGenerator, "lecture": LectureGenerator}
DISCRIMINATORS: dict[str, Factory] = {
    "demo": DemoDiscriminator,
    "lecture": LectureDiscriminator,
}
