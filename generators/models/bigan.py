"""BiGAN: beside the generator an encoder, so that images have codes too."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from generators.config import Config
from generators.feed import Feed
from generators.losses import LOSSES
from generators.models.gan import Gan, Pictures
from generators.networks.encoder import build_encoder, build_joint_discriminator
from generators.networks.shape import ImageShape


class BiGan(Gan):
    """The discriminator tells (x, E(x)) from (G(z), z) (Donahue et al. 2017; Dumoulin et al. 2017).

    Generator and encoder are one team against it: what fools it makes E the inverse of G.
    """

    averaged = ("generator", "encoder")

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__(config, shape)
        self.discriminator = build_joint_discriminator(config, shape)
        self.encoder = build_encoder(config, shape, config.z_dim)

    def teams(self) -> Mapping[str, tuple[Sequence[nn.Module], float]]:
        both = ([self.generator, self.encoder], self.config.generator.learning_rate)
        return {**super().teams(), "generator": both}

    def real(self, feed: Feed) -> Pictures:
        pictures = super().real(feed)
        with self.autocast():
            return replace(pictures, code=self.encoder(pictures.images))

    def judge(self, pictures: Pictures) -> Tensor:
        with self.autocast():
            logits: Tensor = self.discriminator(pictures.images, pictures.code, pictures.labels)
        return logits.float()

    def generator_loss(self, real: Pictures, on_fake: Tensor) -> Tensor:
        """That of the generator, and the encoder's: the same with −D, for its pairs to seem drawn."""
        loss = LOSSES[self.config.loss]
        return loss.generator(None, on_fake) + loss.generator(None, -self.judge(real))
