"""The variational autoencoder: an encoder and a generator that draws the image of a code again."""

from collections.abc import Hashable, Mapping, Sequence

import torch
from torch import Tensor, nn

from generators.config import Config
from generators.feed import Feed, RealImages
from generators.losses import code_divergence, reconstruction
from generators.models.base import Model
from generators.models.fixed import draw_fixed
from generators.networks import build_generator
from generators.networks.encoder import build_encoder
from generators.networks.shape import ImageShape
from generators.optimisers import Optimisers


class Vae(Model):
    """Descends the negative evidence bound E[−log p(x | z)] + KL(q(z | x) ‖ N(0, 1)).

    Kingma and Welling 2014, equation 10, with one draw of z per image. q is normal with the mean and
    log variance (N, 2 · z_dim) that the encoder finds; p is normal around the drawn image with a
    variance of ½ in each pixel, so that its cost is the squared error. Both networks learn at the
    generator's rate. `g_loss` is the sum of `reconstruction` and `divergence`, in nats per image.
    """

    averaged = ("generator", "encoder")
    watched = ("g_loss", "reconstruction", "divergence", "g_gradient")

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__(config, shape)
        self.generator = build_generator(config, shape)
        self.encoder = build_encoder(config, shape, 2 * config.z_dim)

    def teams(self) -> Mapping[str, tuple[Sequence[nn.Module], float]]:
        both = [self.generator, self.encoder]
        return {"generator": (both, self.config.generator.learning_rate)}

    def kind(self, step: int, share: float) -> Hashable | None:
        """All steps are alike."""
        return "step"

    def step(self, feed: Feed, optimisers: Optimisers, share: float) -> Mapping[str, Tensor]:
        """One step of both on real images: read, drawn again."""
        images, labels = feed.real()
        with self.autocast():
            mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
            z = mean + torch.exp(0.5 * log_variance) * feed.normal(self.config.z_dim)
            again = self.generator(z, labels if self.shape.class_count else None).float()
        error = reconstruction(images, again).mean()
        divergence = code_divergence(mean, log_variance).mean()
        loss = error + divergence
        norm = optimisers.descend("generator", loss)
        return {
            "g_loss": loss.detach(),
            "reconstruction": error.detach(),
            "divergence": divergence.detach(),
            "g_gradient": norm,
        }

    def show(self, averages: Mapping[str, nn.Module], data: RealImages) -> tuple[Tensor, int]:
        """Always the same 60 codes through the averaged generator."""
        return draw_fixed(averages["generator"], self.config, self.shape, data.images.device)
