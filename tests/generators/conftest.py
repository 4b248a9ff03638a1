"""Small real or striped images, and configs cut down to a few steps."""

import numpy as np
import pytest
import torch

from generators.config import load_config
from generators.training import Trainer


def striped(count=40, resolution_px=12, channels=1, classes=4):
    """Images whose stripe's row tells the class."""
    labels = np.arange(count) % classes
    images = np.zeros((count, resolution_px, resolution_px, channels), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] = 255
    return images, labels.astype(np.int64)


TINY = {"images": 24, "batch": 4, "z_dim": 8, "generator.features": 4, "discriminator.features": 4}


@pytest.fixture
def tiny():
    """Makes the demo recipe with six steps of four images, and any override."""

    def make(name="demo-15", **overrides):
        return load_config(name, **{**TINY, **overrides})

    return make


@pytest.fixture
def data():
    return striped()


@pytest.fixture
def make_data():
    return striped


@pytest.fixture
def make_generator(tiny, data, tmp_path):
    """Writes an untrained generator, its weights enlarged so that its images differ."""

    def make(gain=20, **overrides):
        trainer = Trainer(tiny(**overrides), *data, 4, device=torch.device("cpu"))
        with torch.no_grad():
            for weight in trainer.ema.averages["generator"].parameters():
                weight.mul_(gain)
        path = tmp_path / "generator.safetensors"
        trainer.save_generator(path)
        return path

    return make
