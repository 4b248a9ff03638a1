"""Two players: a generator that draws from noise, and a discriminator that tells its images from real ones."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from generators.augmentation import augment
from generators.config import Config
from generators.feed import Feed, RealImages
from generators.losses import LOSSES, Parts
from generators.models.base import Model
from generators.models.fixed import draw_fixed, references
from generators.networks import build_discriminator, build_generator
from generators.networks.layers import Reference
from generators.networks.shape import ImageShape
from generators.optimisers import Optimisers
from generators.penalties import around, between, r1, unit_slope


@dataclass(frozen=True)
class Pictures:
    """What is judged: images (N, C, H, W), their labels if there are classes, their codes if known."""

    images: Tensor
    labels: Tensor | None
    code: Tensor | None = None

    def detached(self) -> Self:
        """The same, cut from the networks that made them."""
        code = None if self.code is None else self.code.detach()
        return replace(self, images=self.images.detach(), code=code)


class Gan(Model):
    """A loss of `generators.losses` with any penalty, norm and trick that the config asks for."""

    watched: ClassVar[tuple[str, ...]] = (
        "d_loss",
        "g_loss",
        "d_real",
        "d_fake",
        "d_gradient",
        "g_gradient",
    )

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__(config, shape)
        self.generator = build_generator(config, shape)
        self.discriminator = build_discriminator(config, shape)
        self._references: dict[str, Reference] = {}

    def teams(self) -> Mapping[str, tuple[Sequence[nn.Module], float]]:
        return {
            "generator": ([self.generator], self.config.generator.learning_rate),
            "discriminator": ([self.discriminator], self.config.discriminator.learning_rate),
        }

    def start(self, feed: Feed) -> None:
        """Fixes the reference batches of virtual norms, and takes their first statistics."""
        self._references = references(self.config, self.shape, feed.data)
        with torch.no_grad():
            for name, reference in self._references.items():
                getattr(self, name)(reference.inputs, reference.labels)

    def kind(self, step: int, share: float) -> Hashable | None:
        """Whether the penalty is due; gates ask the device, and noise falls with the share."""
        tricks = self.config.tricks
        return None if tricks.gated or tricks.instance_noise else self._penalty_is_due(step)

    def step(self, feed: Feed, optimisers: Optimisers, share: float) -> Mapping[str, Tensor]:
        """K steps of the discriminator; the generator learns on the fakes of the last."""
        steps = self.config.discriminator.steps
        for turn in range(steps):
            with torch.set_grad_enabled(turn == steps - 1):
                real = self.seen(self.real(feed), feed, share)
                fake = self.fake(feed, real.labels)
            watched = self.train_discriminator(real, fake, feed, optimisers, share)
        return watched | self.train_generator(real, fake, feed, optimisers, share)

    def real(self, feed: Feed) -> Pictures:
        """Real images, and their labels if the networks have classes."""
        images, labels = feed.real()
        return Pictures(images, labels if self.shape.class_count else None)

    def fake(self, feed: Feed, labels: Tensor | None) -> Pictures:
        """As many images of the generator."""
        z = feed.normal(self.config.z_dim)
        return Pictures(self._pass("generator", z, labels), labels, z)

    def seen(self, pictures: Pictures, feed: Feed, share: float) -> Pictures:
        """What the discriminator is shown of them: augmented, under noise that falls to none."""
        tricks, images = self.config.tricks, pictures.images
        if tricks.instance_noise:
            deviation = tricks.instance_noise * (1 - share)
            images = images + deviation * feed.normal(*images.shape[1:])
        return replace(pictures, images=augment(images, tricks.augmentation, feed))

    def judge(self, pictures: Pictures) -> Tensor:
        """Logits float32 (N,) of pictures as they are."""
        return self._pass("discriminator", pictures.images, pictures.labels)

    def _pass(self, name: str, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """Through a network, beside its reference batch if it has one: float32."""
        network, reference = getattr(self, name), self._references.get(name)
        passing = network if reference is None else partial(reference.beside, network)
        with self.autocast():
            outputs: Tensor = passing(inputs, labels)
        return outputs.float()

    def train_discriminator(
        self, real: Pictures, fake: Pictures, feed: Feed, optimisers: Optimisers, share: float
    ) -> dict[str, Tensor]:
        """One step on the sum of both parts of its loss and, when it is due, the penalty."""
        real, fake = real.detached(), self.seen(fake.detached(), feed, share)
        penalty_is_due = self._penalty_is_due(feed.step)
        real.images.requires_grad_(penalty_is_due and self.config.penalty.name == "r1")
        on_real, on_fake = self.judge(real), self.judge(fake)
        parts = self.discriminator_parts(on_real, on_fake)
        objective = self._ungated(parts)
        norm = torch.zeros_like(parts[0])
        if objective is not None:
            if penalty_is_due:
                objective = objective + self._penalty(real, fake, on_real, feed)
            norm = optimisers.descend("discriminator", objective)
            self._clip()
        return {
            "d_loss": (parts[0] + parts[1]).detach(),
            "on_real": parts[0].detach(),
            **self.called_real(on_real, on_fake),
            "d_gradient": norm,
        }

    def discriminator_parts(self, on_real: Tensor, on_fake: Tensor) -> Parts:
        """Its loss on real images and on fakes."""
        loss = LOSSES[self.config.loss]
        return loss.discriminator(on_real, on_fake, self.config.tricks.label_smoothing)

    def called_real(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        """The shares of either kind that it calls real."""
        return LOSSES[self.config.loss].called_real(on_real, on_fake)

    def _ungated(self, parts: Parts) -> Tensor | None:
        """The sum of the parts that are above their gates; None if no part is."""
        gates = (self.config.tricks.gate_real, self.config.tricks.gate_fake)
        trained = [part for part, gate in zip(parts, gates, strict=True) if _is_open(part, gate)]
        return sum(trained[1:], trained[0]) if trained else None

    def _penalty_is_due(self, step: int) -> bool:
        penalty = self.config.penalty
        return penalty.name != "none" and step % penalty.every == 0

    def _penalty(self, real: Pictures, fake: Pictures, on_real: Tensor, feed: Feed) -> Tensor:
        penalty = self.config.penalty
        if penalty.name == "r1":
            value = r1(real.images, on_real)
        else:
            on_lines = penalty.name == "gradient-penalty"
            points = (
                between(real.images, fake.images, feed) if on_lines else around(real.images, feed)
            )
            value = unit_slope(points, self.judge(replace(real, images=points)))
        return penalty.weight * penalty.every * value

    @torch.no_grad()
    def _clip(self) -> None:
        """Bounds every weight of the discriminator (Arjovsky, Chintala, Bottou 2017)."""
        if bound := self.config.discriminator.clip:
            for weight in self.discriminator.parameters():
                weight.clamp_(-bound, bound)

    def train_generator(
        self, real: Pictures, fake: Pictures, feed: Feed, optimisers: Optimisers, share: float
    ) -> dict[str, Tensor]:
        """One step on the fakes that the discriminator has just seen: they need not be made again."""
        loss = self.generator_loss(real, self.judge(self.seen(fake, feed, share)))
        norm = torch.zeros_like(loss)
        if _is_open(loss, self.config.tricks.gate_generator):
            norm = optimisers.descend("generator", loss)
        return {"g_loss": loss.detach(), "g_gradient": norm}

    def generator_loss(self, real: Pictures, on_fake: Tensor) -> Tensor:
        """What the generator minimises."""
        loss = LOSSES[self.config.loss]
        return loss.generator(self.judge(real) if loss.sees_real else None, on_fake)

    def show(self, averages: Mapping[str, nn.Module], data: RealImages) -> tuple[Tensor, int]:
        """Always the same 60 codes through the averaged generator."""
        return draw_fixed(averages["generator"], self.config, self.shape, data.images.device)


def _is_open(loss: Tensor, gate: float) -> bool:
    """Whether a part is trained; asked without waiting for the device where there is no gate."""
    return not gate or float(loss.detach()) > gate
