import numpy as np
import pytest


@pytest.fixture(scope="session")
def striped():
    """Makes images of noise with a bright stripe whose row tells the class, and their labels."""

    def make(count=256, side=16, channels=1, classes=4, seed=0):
        labels = np.arange(count) % classes
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 120, (count, side, side, channels), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 * label : 4 * label + 3] = 255
        return images, labels

    return make


@pytest.fixture
def source(striped, tmp_path):
    """A file of 384 of them, as a source."""
    images, labels = striped(384)
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    return str(tmp_path / "stripes.npz")
