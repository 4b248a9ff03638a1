"""The published human error rates of Stein et al. 2023 follow from their per-observer results."""

import csv
from pathlib import Path

import numpy as np
import pytest

from scoring.intervals import mean_over_observers

FOLDER = Path(__file__).parents[1] / "data" / "dgm-eval"
SETS = ("cifar10", "ffhq256", "imagenet256", "lsun256")


def rows_of(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", name="means")
def means_fixture():
    rates = {}
    for name in SETS:
        for row in rows_of(name):
            rates.setdefault((name, row["model"]), []).append(float(row["err_rt"]))
    return {key: mean_over_observers(np.array(own), draws=1000) for key, own in rates.items()}


def test_there_are_41_generators_and_1036_observers(means):
    assert len(means) == 41
    assert sum(mean.n_observers for mean in means.values()) == 1036


def test_all_but_two_misprints_are_reproduced_to_the_printed_digits(means):
    misprints = {}
    for row in rows_of("table11_published"):
        mean = means[row["dataset"], row["model_csv"]]
        assert mean.standard_error == pytest.approx(float(row["human_sem"]), abs=0.005)
        assert mean.low < mean.value < mean.high
        if abs(mean.value - float(row["human_err"])) > 0.005 + 1e-9:
            misprints[row["model_paper"]] = (float(row["human_err"]), round(mean.value, 4))
    assert misprints == {"StyleGAN2-ada": (0.20, 0.2154), "InsGen": (0.25, 0.2552)}
