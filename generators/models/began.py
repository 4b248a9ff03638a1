"""BEGAN: the discriminator is an autoencoder, kept in balance with the generator."""

from collections.abc import Mapping

import torch
from torch import Tensor

from generators.config import Config
from generators.feed import Feed
from generators.losses import Parts, began, began_balance, began_convergence, began_generator
from generators.models.gan import Gan, Pictures
from generators.networks.shape import ImageShape
from generators.optimisers import Optimisers


class Began(Gan):
    """Boundary equilibrium GAN (Berthelot, Schumm, Metz 2017); `tricks.diversity` is its γ.

    What the discriminator says of an image is the error of its reconstruction. `convergence` is the
    paper's measure of how far the run has come, smaller being better.
    """

    watched = ("d_loss", "g_loss", "balance", "convergence", "d_gradient", "g_gradient")
    balance: Tensor

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__(config, shape)
        self.register_buffer("balance", torch.zeros(()))

    def step(self, feed: Feed, optimisers: Optimisers, share: float) -> Mapping[str, Tensor]:
        """A step of both, then of the balance between them."""
        values = super().step(feed, optimisers, share)
        real, fake, diversity = values["on_real"], values["g_loss"], self.config.tricks.diversity
        self.balance.copy_(began_balance(self.balance, real, fake, diversity))
        return {
            **values,
            "balance": self.balance.clone(),
            "convergence": began_convergence(real, fake, diversity),
        }

    def discriminator_parts(self, on_real: Tensor, on_fake: Tensor) -> Parts:
        return began(on_real, on_fake, self.balance)

    def called_real(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        """Nothing: an error says neither yes nor no."""
        return {}

    def generator_loss(self, real: Pictures, on_fake: Tensor) -> Tensor:
        return began_generator(None, on_fake)
