"""Fresh networks of the models that know the codes of images: encoders and joint discriminators."""

from dataclasses import replace

from torch import nn

from generators.config import Config
from generators.networks import build_discriminator
from generators.networks.autoencoder import Encoder, JointDiscriminator
from generators.networks.layers import bound_spectrally, initialise
from generators.networks.shape import ImageShape


def build_encoder(config: Config, shape: ImageShape, size: int) -> nn.Module:
    """A fresh encoder with the discriminator's layers: images (N, C, H, W) -> (N, size)."""
    return Encoder(_trunk(config, shape), size).apply(initialise)


def build_joint_discriminator(config: Config, shape: ImageShape) -> nn.Module:
    """A fresh discriminator: images (N, C, H, W), codes (N, z_dim), label -> logits (N,)."""
    network = JointDiscriminator(_trunk(config, shape), config, shape).apply(initialise)
    if config.discriminator.spectral:
        bound_spectrally(network)
    return network


def _trunk(config: Config, shape: ImageShape) -> nn.Module:
    """A discriminator that knows no class, and whose weights are free."""
    free = replace(config.discriminator, spectral=False)
    return build_discriminator(replace(config, discriminator=free), replace(shape, class_count=0))
