"""The models by name: which networks there are, and how one step trains them."""

from generators.config import Config
from generators.models.base import Model
from generators.models.gan import Gan
from generators.networks.shape import ImageShape

__all__ = ["Model", "create_model"]


MODELS: dict[str, type[Model]] = {"gan": Gan}


def create_model(config: Config, shape: ImageShape) -> Model:
    """A fresh model of the config; its weights come from torch's global generator: seed it first."""
    return MODELS[config.model](config, shape)
