"""A tiny recipe, and a data set small enough to train on in a second."""

import numpy as np
import pytest

from evalsite.catalog import services
from generators.config import load_config
from tests import factories
from workers.moments import Moments

TINY = {"images": 24, "batch": 4, "z_dim": 8, "generator.features": 4, "discriminator.features": 4}


@pytest.fixture
def digits():
    return factories.dataset("Digits", resolution_px=12, classes=("0", "1"))


@pytest.fixture
def train_tiny(digits):
    """Queue a training of six steps, and any override of its recipe."""

    def start(pool_size=0, **overrides):
        config = load_config("demo-15", **{**TINY, **overrides})
        return services.start_training(
            owner=None,
            name="Tiny",
            dataset=digits,
            config=config.as_dict(),
            images_total=config.images,
            seed=3,
            pool_size=pool_size,
        )

    return start


@pytest.fixture
def losses():
    """`losses(run)`: every moment recorded of a run."""
    return lambda run: np.array(
        run.losses.values_list("images_seen", "values__d_loss", "values__g_loss")
    )


@pytest.fixture
def unmeasured(monkeypatch):
    """The pools whose measurements were asked for; they are left alone."""
    asked = []
    monkeypatch.setattr("evalsite.leaderboard.measuring.request_measurements", asked.append)
    return asked


@pytest.fixture(autouse=True)
def nothing_on_the_way(request, monkeypatch):
    """Trainings draw nothing before they end, but in tests that ask for `drawn`."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(Moments, "pass_by", lambda *_: None)
