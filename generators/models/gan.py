"""Two players: a generator that draws from noise, and a discriminator that tells its images from real ones."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from generators.augmentation import augment
from generators.config import Config
from generators.feed import Feed, RealImages
from generators.losses import LOSSES, Parts
from generators.models.base import Model
from generators.networks import build_discriminator, build_generator
from generators.networks.shape import ImageShape
from generators.noise import balanced_labels, noise
from generators.optimisers import Optimisers
from generators.penalties import around, between, r1, unit_slope

SHOWN, IN_A_ROW = 60, 10


class Gan(Model):
    """A loss of `generators.losses` with any penalty, norm and trick that the config asks for."""

    watched = ("d_loss", "g_loss", "d_real", "d_fake", "d_gradient", "g_gradient")

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__(config, shape)
        self.generator = build_generator(config, shape)
        self.discriminator = build_discriminator(config, shape)

    def teams(self) -> Mapping[str, tuple[Sequence[nn.Module], float]]:
        return {
            "generator": ([self.generator], self.config.generator.learning_rate),
            "discriminator": ([self.discriminator], self.config.discriminator.learning_rate),
        }

    def step(self, feed: Feed, optimisers: Optimisers, share: float) -> Mapping[str, Tensor]:
        """K steps of the discriminator; the generator learns on the fakes of the last."""
        steps = self.config.discriminator.steps
        for turn in range(steps):
            real, labels = self.real(feed)
            with torch.set_grad_enabled(turn == steps - 1):
                fake = self.fake(feed, labels)
            seen = self.seen(real, feed, share)
            watched = self.train_discriminator(seen, fake, labels, feed, optimisers, share)
        return watched | self.train_generator(seen, fake, labels, feed, optimisers, share)

    def real(self, feed: Feed) -> tuple[Tensor, Tensor | None]:
        """Real images, and their labels if the networks have classes."""
        images, labels = feed.real()
        return images, labels if self.shape.class_count else None

    def fake(self, feed: Feed, labels: Tensor | None) -> Tensor:
        """As many images of the generator."""
        z = feed.normal(self.config.z_dim)
        with self.autocast():
            images: Tensor = self.generator(z, labels)
        return images

    def seen(self, images: Tensor, feed: Feed, share: float) -> Tensor:
        """What the discriminator is shown of images: augmented, under noise that falls to none."""
        tricks = self.config.tricks
        if tricks.instance_noise:
            deviation = tricks.instance_noise * (1 - share)
            images = images + deviation * feed.normal(*images.shape[1:])
        return augment(images, tricks.augmentation, feed)

    def judge(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Logits float32 (N,) of images as they are."""
        with self.autocast():
            logits: Tensor = self.discriminator(images, labels)
        return logits.float()

    def train_discriminator(
        self,
        real: Tensor,
        fake: Tensor,
        labels: Tensor | None,
        feed: Feed,
        optimisers: Optimisers,
        share: float,
    ) -> dict[str, Tensor]:
        """One step on the sum of both parts of its loss and, when it is due, the penalty."""
        lazy_r1 = self.config.penalty.name == "r1" and self._penalty_is_due(feed)
        real = real.detach().requires_grad_(lazy_r1)
        shown_fake = self.seen(fake.detach(), feed, share)
        on_real, on_fake = self.judge(real, labels), self.judge(shown_fake, labels)
        parts = self.discriminator_parts(on_real, on_fake)
        objective = self._ungated(parts)
        norm = torch.zeros_like(parts[0])
        if objective is not None:
            if self._penalty_is_due(feed):
                objective = objective + self._penalty(real, shown_fake, on_real, labels, feed)
            norm = optimisers.descend("discriminator", objective)
            self._clip()
        return {
            "d_loss": sum(parts, torch.zeros_like(norm)).detach(),
            "d_real": (on_real > 0).float().mean(),
            "d_fake": (on_fake > 0).float().mean(),
            "d_gradient": norm,
        }

    def discriminator_parts(self, on_real: Tensor, on_fake: Tensor) -> Parts:
        """Its loss on real images and on fakes."""
        loss = LOSSES[self.config.loss]
        return loss.discriminator(on_real, on_fake, self.config.tricks.label_smoothing)

    def _ungated(self, parts: Parts) -> Tensor | None:
        """The sum of the parts that are above their gates; None if no part is."""
        tricks = self.config.tricks
        if not tricks.gated:
            return parts[0] + parts[1]
        gates = (tricks.gate_real, tricks.gate_fake)
        trained = [part for part, gate in zip(parts, gates, strict=True) if _is_open(part, gate)]
        return sum(trained[1:], trained[0]) if trained else None

    def _penalty_is_due(self, feed: Feed) -> bool:
        penalty = self.config.penalty
        return penalty.name != "none" and feed.step % penalty.every == 0

    def _penalty(
        self, real: Tensor, fake: Tensor, on_real: Tensor, labels: Tensor | None, feed: Feed
    ) -> Tensor:
        penalty = self.config.penalty
        if penalty.name == "r1":
            value = r1(real, on_real)
        else:
            wanted = penalty.name == "gradient-penalty"
            points = between(real, fake, feed) if wanted else around(real, feed)
            value = unit_slope(points, self.judge(points, labels))
        return penalty.weight * penalty.every * value

    @torch.no_grad()
    def _clip(self) -> None:
        """Bounds every weight of the discriminator (Arjovsky, Chintala, Bottou 2017)."""
        if bound := self.config.discriminator.clip:
            for weight in self.discriminator.parameters():
                weight.clamp_(-bound, bound)

    def train_generator(
        self,
        real: Tensor,
        fake: Tensor,
        labels: Tensor | None,
        feed: Feed,
        optimisers: Optimisers,
        share: float,
    ) -> dict[str, Tensor]:
        """One step on the fakes that the discriminator has just seen: they need not be made again."""
        on_fake = self.judge(self.seen(fake, feed, share), labels)
        loss = self.generator_loss(real, on_fake, labels)
        norm = torch.zeros_like(loss)
        if _is_open(loss, self.config.tricks.gate_generator):
            norm = optimisers.descend("generator", loss)
        return {"g_loss": loss.detach(), "g_gradient": norm}

    def generator_loss(self, real: Tensor, on_fake: Tensor, labels: Tensor | None) -> Tensor:
        """What the generator minimises."""
        loss = LOSSES[self.config.loss]
        on_real = self.judge(real.detach(), labels) if loss.sees_real else None
        return loss.generator(on_real, on_fake)

    def show(self, averages: Mapping[str, nn.Module], data: RealImages) -> tuple[Tensor, int]:
        """Always the same 60 codes through the averaged generator."""
        device = data.images.device
        z = torch.from_numpy(noise(self.config.seed, 0, SHOWN, self.config.z_dim)).to(device)
        if not self.shape.class_count:
            return averages["generator"](z), IN_A_ROW
        labels = torch.from_numpy(balanced_labels(self.shape.class_count, 0, SHOWN)).to(device)
        return averages["generator"](z, labels), IN_A_ROW


def _is_open(loss: Tensor, gate: float) -> bool:
    """Whether a part is trained; asked without waiting for the device where there is no gate."""
    return not gate or float(loss) > gate
