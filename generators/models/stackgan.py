"""A StackGAN (Zhang et al. 2017): one game at half the size, then one at the full size over the first."""

from collections.abc import Hashable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from generators.config import Config
from generators.feed import Feed
from generators.losses import code_divergence
from generators.models.gan import Gan, Pictures
from generators.networks import build_discriminator
from generators.networks.shape import ImageShape
from generators.networks.stack import CODE_SIZE, StackGenerator, half
from generators.optimisers import Optimisers


class BySize(nn.Module):
    """Two discriminators as one: each judges images of its own size."""

    def __init__(self, small: nn.Module, full: nn.Module, full_px: int) -> None:
        super().__init__()
        self.small, self.full, self.full_px = small, full, full_px

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        network = self.full if image.shape[-1] == self.full_px else self.small
        logits: Tensor = network(image, label)
        return logits


class StackGan(Gan):
    """Trains the first stage until `stage_two_from` of the budget, then the second over it.

    Each stage has a discriminator of its own; the first stage is fixed while the second learns.
    Codes of conditions are drawn from their Gaussians while their stage learns, and are the means
    where it is sampled.
    """

    generator: StackGenerator

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__(config, shape)
        small = build_discriminator(config, half(shape))
        self.discriminator = BySize(small, self.discriminator, shape.resolution_px)
        self.on_second = False

    def kind(self, step: int, share: float) -> Hashable | None:
        """That of any GAN, in the stage whose turn it is."""
        plain = super().kind(step, share)
        return None if plain is None else (plain, share >= self.config.stage_two_from)

    def step(self, feed: Feed, optimisers: Optimisers, share: float) -> Mapping[str, Tensor]:
        """One step of the stage whose turn it is."""
        self.on_second = share >= self.config.stage_two_from
        self.generator.first.train(not self.on_second)
        return super().step(feed, optimisers, share)

    def real(self, feed: Feed) -> Pictures:
        """Real images at the size of the stage, and their labels."""
        real = super().real(feed)
        if self.on_second:
            return real
        side_px = half(self.shape).resolution_px
        return replace(real, images=interpolate(real.images, size=(side_px, side_px), mode="area"))

    def fake(self, feed: Feed, labels: Tensor | None) -> Pictures:
        """As many images of the stage."""
        z, noise = feed.normal(self.config.z_dim), feed.normal(CODE_SIZE)
        with self.autocast():
            return Pictures(self._drawn(z, labels, noise).float(), labels)

    def _drawn(self, z: Tensor, labels: Tensor | None, noise: Tensor) -> Tensor:
        if not self.on_second:
            return torch.tanh(self.generator.first(z, labels, noise))
        with torch.no_grad():
            drawing = self.generator.first(z, labels)
        images: Tensor = self.generator.second(drawing, labels, noise)
        return images

    def generator_loss(self, real: Pictures, on_fake: Tensor) -> Tensor:
        """The game's, plus the divergence of the stage's codes in nats a dimension (equation 2)."""
        assert real.labels is not None  # noqa: S101  # the generator is refused without classes
        stage = self.generator.second if self.on_second else self.generator.first
        divergence = code_divergence(*stage.code.gaussian(real.labels)).mean() / CODE_SIZE
        return super().generator_loss(real, on_fake) + divergence
