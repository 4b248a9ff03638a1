"""Trial tables made for one claim at a time."""

import numpy as np
import pytest

from scoring.table import TrialTable


def table_of(rows, names=("observer", "stimulus", "generator", "truth", "response")):
    return TrialTable.from_columns(dict(zip(names, zip(*rows, strict=True), strict=True)))


def crossed_study(seed, *, observers, images, seen, observer_sd, image_sd):
    """Observers × images, both with effects on the chance of a wrong answer, around 0.3."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(0, observer_sd, observers)
    rows = []
    for truth, other in (("fake", "real"), ("real", "fake")):
        look = rng.normal(0, image_sd, images)
        for observer in range(observers):
            for image in rng.choice(images, seen, replace=False):
                wrong = rng.random() < 0.3 + skill[observer] + look[image]
                name = "gan" if truth == "fake" else ""
                response = other if wrong else truth
                rows.append((f"o{observer:03}", f"{truth}{image:05}", name, truth, response))
    return table_of(rows)


@pytest.fixture(name="table_of")
def table_of_fixture():
    return table_of


@pytest.fixture(name="crossed_study")
def crossed_study_fixture():
    return crossed_study
