"""The models by name: which networks there are, and how one step trains them."""

from torch import nn

from generators.config import Config
from generators.models.base import Model
from generators.models.began import Began
from generators.models.bigan import BiGan
from generators.models.cyclegan import CycleGan
from generators.models.gan import Gan
from generators.models.pix2pix import Pix2pix
from generators.models.srgan import SrGan
from generators.models.stackgan import StackGan
from generators.models.vae import Vae
from generators.networks.layers import release_spectrally
from generators.networks.shape import ImageShape

__all__ = ["Model", "create_model", "kept"]


MODELS: dict[str, type[Model]] = {
    "gan": Gan,
    "vae": Vae,
    "bigan": BiGan,
    "stackgan": StackGan,
    "pix2pix": Pix2pix,
    "cyclegan": CycleGan,
    "srgan": SrGan,
}


def create_model(config: Config, shape: ImageShape) -> Model:
    """A fresh model of the config; its weights come from torch's global generator: seed it first."""
    model = Began if config.loss == "began" else MODELS[config.model]
    return model(config, shape)


def kept(config: Config, shape: ImageShape) -> dict[str, nn.Module]:
    """Fresh networks, by name, of all that a generator file of this config holds."""
    model = create_model(config, shape)
    networks = {name: getattr(model, name) for name in model.averaged}
    for network in networks.values():
        release_spectrally(network)
    return networks
