"""A unit's weights are Poisson(1) numbers of its own, whoever else there is."""

import math

import numpy as np
import pytest

from scoring.weights import LARGEST, POISSON_COUNTS, draw_weights, unit_keys


def weights_of(ids, draws, seed=0, kind="observer"):
    return draw_weights(unit_keys(seed, kind, ids), 0, draws)


def names(count):
    return [f"unit {number}" for number in range(count)]


def test_the_table_of_weights_has_a_mean_and_a_variance_of_exactly_1():
    numbers = np.array(POISSON_COUNTS, dtype=object)
    weights = np.arange(len(numbers))
    assert numbers.sum() == 2**16
    assert (numbers * weights).sum() == 2**16
    assert (numbers * (weights - 1) ** 2).sum() == 2**16


def test_the_table_of_weights_is_poissons_to_one_in_ten_thousand():
    for weight, count in enumerate(POISSON_COUNTS):
        assert count / 2**16 == pytest.approx(math.exp(-1) / math.factorial(weight), abs=1e-4)


def test_weights_occur_as_often_as_the_table_says():
    found = np.bincount(weights_of(names(400), 10_000).ravel(), minlength=LARGEST + 1)
    expected = np.array(POISSON_COUNTS) / 2**16 * found.sum()
    assert len(found) == LARGEST + 1
    assert (np.abs(found - expected) < 5 * np.sqrt(expected)).all()


def test_a_unit_keeps_its_weights_whoever_comes_or_goes():
    few, many = weights_of(["b", "a"], 100), weights_of(["a", "x", "b", "y"], 100)
    assert (few == many[[2, 0]]).all()


def test_more_draws_go_on_where_fewer_end():
    assert (weights_of(names(3), 1001)[:, :10] == weights_of(names(3), 10)).all()


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (1, 3), (3, 9), (4, 8), (7, 7), (255, 1003)])
def test_any_part_of_the_draws_can_be_had_alone(start, stop):
    keys = unit_keys(0, "observer", names(70))
    assert (draw_weights(keys, start, stop) == draw_weights(keys, 0, 1003)[:, start:stop]).all()


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"kind": "image of gan"}, {"ids": ["bob"]}],
    ids=["seed", "kind", "id"],
)
def test_another_seed_kind_or_id_has_weights_of_its_own(other):
    own = {"seed": 0, "kind": "observer", "ids": ["ann"], "draws": 20_000}
    first, second = (weights_of(**choice)[0] for choice in (own, own | other))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_a_kind_and_an_id_are_not_run_together():
    assert unit_keys(0, "image of a", ["b1"]) != unit_keys(0, "image of ab", ["1"])
    assert unit_keys(1, "2", ["x"]) != unit_keys(12, "", ["x"])


def test_units_and_draws_are_uncorrelated():
    weights = weights_of(names(300), 300).astype(float)
    for matrix in (weights, weights.T):
        above = np.corrcoef(matrix)[np.triu_indices(300, 1)]
        assert above.std() == pytest.approx(1 / np.sqrt(300), rel=0.03)
        assert abs(above.mean()) < 0.002


def test_the_draws_of_a_unit_are_those_published_here():
    # weights are part of the results: a leaderboard must not move with a new version
    assert weights_of(["ann"], 24)[0].tolist() == [
        *(2, 0, 3, 1, 1, 1, 1, 3, 0, 1, 1, 0),
        *(1, 0, 0, 2, 1, 1, 1, 0, 2, 0, 0, 2),
    ]


def test_nobody_has_no_weights():
    assert weights_of([], 10).shape == (0, 10)
