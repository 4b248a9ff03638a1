"""The networks by name, fresh: generators, encoders and discriminators."""

from collections.abc import Callable
from typing import Any

from torch import nn

from generators.config import Config
from generators.networks import (
    autoencoder,
    dcgan,
    demo,
    lecture,
    patch,
    residual,
    sngan,
    stack,
    unet,
)
from generators.networks.layers import bound_spectrally, initialise
from generators.networks.shape import ImageShape, ShapeError

__all__ = ["ImageShape", "ShapeError", "build_discriminator", "build_generator"]

Factory = Callable[..., nn.Module]
GENERATORS: dict[str, Factory] = {
    "demo": demo.DemoGenerator,
    "lecture": lecture.LectureGenerator,
    "dcgan": dcgan.DcganGenerator,
    "sngan": sngan.SnganGenerator,
    "stack": stack.StackGenerator,
    "unet": unet.UNet,
    "residual": residual.residual_generator,
}
DISCRIMINATORS: dict[str, Factory] = {
    "autoencoder": autoencoder.Autoencoder,
    "demo": demo.DemoDiscriminator,
    "lecture": lecture.LectureDiscriminator,
    "dcgan": dcgan.DcganDiscriminator,
    "sngan": sngan.SnganDiscriminator,
    "patch": patch.PatchDiscriminator,
}


def build_generator(
    config: Config, shape: ImageShape, *, for_sampling: bool = False, **more: Any
) -> nn.Module:
    """A fresh generator: noise (N, z_dim), label -> images (N, C, H, W) in [−1, 1].

    The label, int64 (N,) or a mixture of classes float (N, class_count), is left out when
    `shape.class_count` is 0. Weights are drawn from torch's global generator: seed it first.
    `for_sampling` leaves out what only training needs (the spectral norm).
    """
    network = GENERATORS[config.generator.architecture](config, shape, **more).apply(initialise)
    if config.generator.spectral and not for_sampling:
        bound_spectrally(network)
    return network


def build_discriminator(config: Config, shape: ImageShape, **more: Any) -> nn.Module:
    """A fresh discriminator: images (N, C, H, W) in [−1, 1], label int64 (N,) -> logits (N,)."""
    architecture = DISCRIMINATORS[config.discriminator.architecture]
    network = architecture(config, shape, **more).apply(initialise)
    if config.discriminator.spectral:
        bound_spectrally(network)
    return network
