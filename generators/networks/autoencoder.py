"""Networks that read an image into a code: encoders, and BEGAN's autoencoder."""

from dataclasses import replace

from torch import Tensor, nn

from generators.config import Config
from generators.networks.demo import DemoDiscriminator, DemoGenerator
from generators.networks.layers import Headless, ProjectionHead
from generators.networks.shape import ImageShape


class Encoder(nn.Module):
    """A discriminator's convolutions, then a linear layer: images (N, C, H, W) -> codes (N, size)."""

    def __init__(self, discriminator: nn.Module, size: int) -> None:
        super().__init__()
        self.trunk = Headless(discriminator)
        self.code = nn.Linear(self.trunk.width, size)

    def forward(self, image: Tensor) -> Tensor:
        code: Tensor = self.code(self.trunk(image))
        return code


class JointDiscriminator(nn.Module):
    """Judges an image and a code together: logits (N,), as in BiGAN (Donahue et al. 2017)."""

    def __init__(self, discriminator: nn.Module, config: Config, shape: ImageShape) -> None:
        super().__init__()
        self.trunk = Headless(discriminator)
        kernels = config.discriminator.minibatch_kernels
        self.head = ProjectionHead(self.trunk.width, shape.class_count, config.z_dim, kernels)

    def forward(self, image: Tensor, code: Tensor, label: Tensor | None = None) -> Tensor:
        logits: Tensor = self.head(self.trunk(image), label, code)
        return logits


class Autoencoder(nn.Module):
    """BEGAN's discriminator: its "logit" (N,) is the mean absolute error of its reconstruction.

    The demo's discriminator reads the image into a code of `z_dim`, and a network like the demo's
    generator, with the discriminator's features and norm, draws it again; Berthelot et al. 2017
    also give both halves the generator's size.
    """

    def __init__(self, config: Config, shape: ImageShape) -> None:
        super().__init__()
        shape = replace(shape, class_count=0)
        drawing = replace(
            config.generator,
            features=config.discriminator.features,
            normalisation=config.discriminator.normalisation,
        )
        self.encoder = Encoder(DemoDiscriminator(config, shape), config.z_dim)
        self.decoder = DemoGenerator(replace(config, generator=drawing), shape)

    def reconstruct(self, image: Tensor) -> Tensor:
        """The images (N, C, H, W) as they are drawn again."""
        again: Tensor = self.decoder(self.encoder(image))
        return again

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        return (image - self.reconstruct(image)).float().abs().mean((1, 2, 3))
