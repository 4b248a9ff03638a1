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
    """Boundary equilibrium GAN (Berthelot, Schumm, Metz 2017).

    `tricks.diversity` is its γ and `tricks.balance_rate` its λ: in few steps a small one leaves the
    balance at 0, where fakes count for nothing and all become what is drawn most easily. What the
    discriminator says of an image is the error of its reconstruction. `convergence` is the paper's
    measure of how far the run has come, smaller being better.
    """

    watched = ("d_loss", "g_loss", "balance", "convergence", "d_gradient", "g_gradient")
    balance: Tensor

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__(config, shape)
        self.register_buffer("balance", torch.zeros(()))

    def step(self, feed: Feed, optimisers: Optimisers, share: float) -> Mapping[str, Tensor]:
        """A step of both, then of the balance between them."""
        values = super().step(feed, optimisers, share)
        real, fake, tricks = values["on_real"], values["g_loss"], self.config.tricks
        balance = began_balance(self.balance, real, fake, tricks.diversity, tricks.balance_rate)
        self.balance.copy_(balance)
        return {
            **values,
            "balance": self.balance.clone(),
            "convergence": began_convergence(real, fake, tricks.diversity),
        }

    def discriminator_parts(self, on_real: Tensor, on_fake: Tensor) -> Parts:
        return began(on_real, on_fake, self.balance)

    def called_real(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        """Nothing: an error says neither yes nor no."""
        return {}

    def generator_loss(self, real: Pictures, on_fake: Tensor) -> Tensor:
        return began_generator(None, on_fake)
