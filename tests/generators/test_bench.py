"""The bench of training: both loops run, and its figures are what they say; no speed is asserted."""

import json

import pytest
import torch

from bench import train
from bench.train import CASES, Case, measure
from bench.train_naive import NaiveTrainer
from generators.config import load_config
from pools.sources import load

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small_matrices(monkeypatch):
    monkeypatch.setattr(train, "SIDE", {"cpu": 64})


def test_both_loops_are_timed_and_compared():
    result = measure(CASES[0], 2, CPU, steps=2)
    assert len(result["ours"]["runs"]) == len(result["naive"]["runs"]) == 2
    assert result["ratio"] == pytest.approx(result["ours"]["median"] / result["naive"]["median"])
    assert result["share_of_matrix_peak"] > 0


def test_each_image_of_a_larger_batch_costs_the_same_operations():
    small, large = (
        measure(Case("lsgan", 8, 1, batch=batch, steps=1), 1, CPU)["operations_per_step"]
        for batch in (4, 8)
    )
    assert large == 2 * small > 0


def test_the_command_says_it_in_words_and_in_json(capsys):
    asked = ["--configs", "demo-60", "--steps", "1", "--repeats", "1"]
    assert train.main(asked) == 0
    assert "times the naive loop" in capsys.readouterr().out
    assert train.main([*asked, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cases"][0]["config"] == "demo-60"
    assert report["machine"]["threads"] == 1


@pytest.mark.parametrize(
    ("name", "overrides"),
    [("demo-60", {}), ("sngan-32", {"batch": 2, "generator.features": 4}), ("dcgan-64", {})],
)
def test_the_naive_loop_learns_too(name, overrides):
    small = {"batch": 8, "discriminator.features": 4, **overrides}
    data = load("mnist", limit=64, resolution_px=16)
    naive = NaiveTrainer(load_config(name, **small), data, CPU)
    before = naive.generator.project.weight.clone()
    naive.steps(3)
    assert len(naive.losses) == 3
    assert not before.equal(naive.generator.project.weight)
