"""The zoo's bench: cells that are kept, budgets, what is said of a run that fails, and the table."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest

from bench import zoo
from bench.zoo import Bench, Budget
from bench.zoo_cells import Asked, Cell, agreement, summary, table
from metrics.extractors.base import Features
from metrics.gaussian import Gaussian
from pools.sources import load


class Means:
    """Images as the means of their rows."""

    name = "means"
    version = "1"
    resize = "none"

    def extract(self, images):
        return Features(images.mean((2, 3), dtype=np.float32), None)


@pytest.fixture
def bench(tmp_path):
    data = load("fashion-mnist", limit=64)
    reference = Gaussian.of_features(Means().extract(data.images).features)
    return Bench(data, Means(), reference, Budget(64, False), 40, tmp_path)


def cell(loss, distance, seed=0, verdicts=(), judged=True):
    asked = Asked(loss, seed, "64", 40, "means", "digits", "0")
    return Cell(asked, 64, 2.0, distance, None, verdicts, judged)


def test_a_bench_that_was_killed_goes_on_with_what_it_had_done(bench, monkeypatch):
    first = bench.cell("vae", 0)
    assert first.images == 64
    assert first.interval[0] < first.distance < first.interval[1]
    with monkeypatch.context() as patched:
        patched.setattr(Bench, "_run", None)
        assert bench.cell("vae", 0) == first
    again = replace(bench, samples=41).cell("vae", 0)
    assert again.asked.samples == 41


def test_all_losses_and_seeds_are_told_of_and_summed_up(bench):
    told = []
    result = zoo.run(bench, ["vae", "minimax"], 2, tell=told.append)
    assert len(told) == 4
    assert told[1].startswith("minimax, seed 0: ")
    assert told[1].endswith("too early to tell")  # two steps
    assert [row["loss"] for row in result["rows"]] == ["vae", "minimax"]
    assert all(len(row["cells"]) == 2 for row in result["rows"])
    json.dumps(result)


def test_a_run_that_diverges_is_a_cell_without_a_distance(bench, monkeypatch):
    rate = {"generator.learning_rate": 1.0, "discriminator.learning_rate": 1.0, "images": 640}
    wild = zoo.load_config("vae", **rate)
    monkeypatch.setattr(zoo, "load_config", lambda name, seed: wild)
    found = replace(bench, budget=Budget(640, False)).cell("vae", 0)
    assert (found.distance, found.interval) == (None, None)
    assert "not-a-number" in found.verdicts


def test_a_budget_of_core_seconds_becomes_images(bench):
    images = Budget.parse("2s").images(zoo.load_config("vae"), bench.data)
    assert 40 < images < 100_000
    assert Budget.parse("64000") == Budget(64_000, False)
    assert str(Budget.parse("600s")) == "600s"


@pytest.mark.parametrize("text", ["", "s", "0", "-5", "2.5", "ten", "5m"])
def test_any_other_budget_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="core-seconds such as 600s, got"):
        Budget.parse(text)


def test_the_table_has_the_best_mean_first_and_failures_last():
    rows = [
        summary("minimax", [cell("minimax", None, verdicts=("not-a-number",))]),
        summary("vae", [cell("vae", 30.0), cell("vae", 34.0, seed=1)]),
        summary("hinge-sn", [cell("hinge-sn", 9.0, judged=False)]),
    ]
    *_, first, second, last = table(rows, "means").splitlines()
    assert first == "| hinge-sn | 9.0 | 9.0 | 2 | 64 | too early to tell | – |"
    assert second == "| vae | 32.0 [6.6, 57.4] | 30.0 | 2 | 64 | healthy | 58.7 |"
    assert last == "| minimax | – | – | 2 | 64 | not-a-number | 29.6 |"
    assert agreement(rows) is None
