from bench.train import NaiveTrainer, measure
from generators.config import load_config
from pools.sources import load


def test_the_bench_times_both_loops_and_says_what_they_are():
    result = measure(steps=2, repeats=2)
    assert len(result["recipe"]["runs"]) == len(result["naive"]["runs"]) == 2
    assert result["ratio"] == result["recipe"]["median"] / result["naive"]["median"] > 0
    assert result["machine"]["threads"] == 1


def test_the_naive_loop_learns_too():
    naive = NaiveTrainer(load_config("demo-60"), load("mnist", limit=320))
    before = naive.generator.project.weight.clone()
    naive.steps(3)
    assert len(naive.losses) == 3
    assert not before.equal(naive.generator.project.weight)
