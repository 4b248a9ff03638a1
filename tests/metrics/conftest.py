import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from metrics.extractors.base import Features

DATA = Path(__file__).parents[1] / "data" / "metrics"


class Pixels:
    """An extractor that needs no network: the first pixels are the features, and the classes."""

    name = "pixels"
    version = "1"
    resize = "none"

    def __init__(self, dimensions=3):
        self.dimensions = dimensions
        self.passes = 0

    def extract(self, images):
        self.passes += 1
        flat = images.reshape(len(images), -1)[:, : self.dimensions].astype(np.float32) / 255
        return Features(flat, (flat + 0.1) / (flat + 0.1).sum(axis=1, keepdims=True))


@pytest.fixture
def pixels():
    return Pixels()


@pytest.fixture(scope="session")
def recorded():
    """Small feature sets, and what reference packages make of them (its README says which)."""
    arrays = np.load(DATA / "metrics_small.npz")
    values = json.loads((DATA / "metrics_small.json").read_text())
    return SimpleNamespace(a=arrays["A"], b=arrays["B"], logits=arrays["logits"], values=values)


@pytest.fixture(scope="session")
def lite0():
    from metrics.extractors.lite0 import Lite0

    return Lite0()


@pytest.fixture
def images():
    """Makes n seeded uint8 images (n, size, size, channels)."""

    def make(n, size=8, channels=1, seed=0):
        rng = np.random.default_rng(seed)
        return rng.integers(0, 256, (n, size, size, channels), dtype=np.uint8)

    return make
