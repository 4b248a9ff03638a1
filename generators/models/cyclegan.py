"""Images of one class turned into another's and back, learned without pairs."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from generators.config import Config
from generators.data import TrainingDataError
from generators.distributed import whole
from generators.feed import Feed, RealImages
from generators.losses import LOSSES
from generators.models.base import Model
from generators.models.pix2pix import IN_A_ROW, in_rows, spread_over
from generators.networks import build_discriminator, build_generator
from generators.networks.shape import ImageShape
from generators.optimisers import Optimisers

EXCHANGED = 0.5  # the chance of a fake to be exchanged for an older one


class CycleGan(Model):
    """Zhu et al. 2017: `generator` turns x of `from_class` into `to_class`, `back` y the other way.

    Each has a discriminator. With G = `generator` and F = `back` they minimise their adversarial
    losses plus λ times the cycles' costs ‖F(G(x)) − x‖₁ and ‖G(F(y)) − y‖₁, equations 2 and 3, plus
    λ·i times those of changing what is as wanted, ‖G(y) − y‖₁ and ‖F(x) − x‖₁, section 5.2; each
    cost is the mean of both ways. λ is `translation.reconstruction`, i is `translation.identity`.
    """

    averaged = ("generator", "back")
    watched = (
        "d_loss", "g_loss", "d_real", "d_fake", "d_gradient", "g_gradient", "cycle", "identity",
    )  # fmt: skip
    older: Tensor
    older_back: Tensor

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__(config, shape)
        self.generator, self.back = (build_generator(config, shape) for _ in range(2))
        self.discriminator, self.back_discriminator = (
            build_discriminator(config, shape) for _ in range(2)
        )
        stored = (config.translation.buffer, shape.channels, *2 * (shape.resolution_px,))
        self.register_buffer("older", torch.zeros(stored))
        self.register_buffer("older_back", torch.zeros(stored))

    def teams(self) -> Mapping[str, tuple[Sequence[nn.Module], float]]:
        judges = [self.discriminator, self.back_discriminator]
        return {
            "generator": ([self.generator, self.back], self.config.generator.learning_rate),
            "discriminator": (judges, self.config.discriminator.learning_rate),
        }

    @torch.no_grad()
    def start(self, feed: Feed) -> None:
        """Fills the buffers of older fakes with those of the untrained generators.

        Raises TrainingDataError if there are no images of a class.
        """
        wanted = self.config.translation
        for label in (wanted.from_class, wanted.to_class):
            rows_of(feed.data, label)
        self._fill(self.older, self.generator, wanted.from_class, feed)
        self._fill(self.older_back, self.back, wanted.to_class, feed)

    def _fill(self, older: Tensor, network: nn.Module, label: int, feed: Feed) -> None:
        filled = 0
        while filled < len(older):
            images, _ = feed.real(label)
            fakes = whole(self._pass(network, images), feed.share)[: len(older) - filled]
            older[filled : filled + len(fakes)] = fakes
            filled += len(fakes)

    def step(self, feed: Feed, optimisers: Optimisers, share: float) -> Mapping[str, Tensor]:
        """K steps of the discriminators; the generators learn on the fakes of the last."""
        steps, wanted = self.config.discriminator.steps, self.config.translation
        for turn in range(steps):
            x, _ = feed.real(wanted.from_class)
            y, _ = feed.real(wanted.to_class)
            with torch.set_grad_enabled(turn == steps - 1):
                fake_y, fake_x = self._pass(self.generator, x), self._pass(self.back, y)
            shown_y = exchange(self.older, fake_y.detach(), feed)
            shown_x = exchange(self.older_back, fake_x.detach(), feed)
            watched = self._train_discriminators((y, x), (shown_y, shown_x), optimisers)
        return watched | self._train_generators(x, y, fake_x, fake_y, optimisers)

    def _pass(self, network: nn.Module, images: Tensor) -> Tensor:
        with self.autocast():
            outputs: Tensor = network(images)
        return outputs.float()

    def _judge(self, ys: Tensor, xs: Tensor) -> Tensor:
        """Each discriminator's logits of images of its class, one after the other."""
        return torch.cat(
            [self._pass(self.discriminator, ys), self._pass(self.back_discriminator, xs)]
        )

    def _train_discriminators(
        self, real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor], optimisers: Optimisers
    ) -> dict[str, Tensor]:
        on_real, on_fake = self._judge(*real), self._judge(*fake)
        smoothing, game = self.config.tricks.label_smoothing, LOSSES[self.config.loss]
        parts = game.discriminator(on_real, on_fake, smoothing)
        loss = parts[0] + parts[1]
        return {
            "d_gradient": optimisers.descend("discriminator", loss),
            "d_loss": loss.detach(),
            **game.called_real(on_real, on_fake),
        }

    def _train_generators(
        self, x: Tensor, y: Tensor, fake_x: Tensor, fake_y: Tensor, optimisers: Optimisers
    ) -> dict[str, Tensor]:
        weights = self.config.translation
        adversarial = LOSSES[self.config.loss].generator(None, self._judge(fake_y, fake_x))
        cycle = self._apart(forth=fake_x, back=fake_y, x=x, y=y)
        identity = (
            self._apart(forth=y, back=x, x=x, y=y) if weights.identity else torch.zeros_like(cycle)
        )
        unlike = weights.reconstruction * (cycle + weights.identity * identity)
        return {
            "g_gradient": optimisers.descend("generator", adversarial + unlike),
            "g_loss": adversarial.detach(),
            "cycle": cycle.detach(),
            "identity": identity.detach(),
        }

    def _apart(self, forth: Tensor, back: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The mean of ‖F(back) − x‖₁ and ‖G(forth) − y‖₁."""
        made = torch.cat([self._pass(self.back, back), self._pass(self.generator, forth)])
        return l1_loss(made, torch.cat([x, y]))

    def show(self, averages: Mapping[str, nn.Module], data: RealImages) -> tuple[Tensor, int]:
        """Rows of x, of what is made of it, and of the closed cycle; then the same of y."""
        forth, back = averages["generator"], averages["back"]
        wanted = self.config.translation
        x, y = (
            data.take(spread_over(rows_of(data, label), IN_A_ROW, data))
            for label in (wanted.from_class, wanted.to_class)
        )
        fake_y, fake_x = forth(x), back(y)
        closed = torch.cat([back(fake_y), forth(fake_x)])
        return in_rows(torch.cat([x, y]), torch.cat([fake_y, fake_x]), closed), IN_A_ROW


@torch.no_grad()
def exchange(older: Tensor, fakes: Tensor, feed: Feed) -> Tensor:
    """The fakes (N, C, H, W), each with an even chance exchanged for one of the older ones.

    `older` (M, C, H, W) then holds the newer one in its place (Shrivastava et al. 2017, section 2.3).
    Several processes exchange the fakes of all in the same way, and each is given its own.
    """
    share = feed.share
    mine = slice(share.rank * len(fakes), (share.rank + 1) * len(fakes))
    fakes = whole(fakes, share)
    slots = feed.common(len(older)).argsort()[: len(fakes)]
    met, rest = fakes[: len(slots)], fakes[len(slots) :]
    exchanged = feed.common(len(slots), 1, 1, 1) < EXCHANGED
    shown = torch.where(exchanged, older[slots], met)
    older[slots] = torch.where(exchanged, met, older[slots])
    return torch.cat([shown, rest])[mine]


def rows_of(data: RealImages, label: int) -> NDArray[np.int64]:
    """The rows of a class; TrainingDataError if there are none, naming the classes that there are."""
    rows = data.of_class(label)
    if data.labels is None or rows is None:
        raise TrainingDataError(f"images of class {label} are asked for, but these have no classes")
    if not len(rows):
        there = ", ".join(map(str, np.unique(data.labels.cpu().numpy())))
        raise TrainingDataError(f"there are no images of class {label}: choose from {there}")
    return rows
