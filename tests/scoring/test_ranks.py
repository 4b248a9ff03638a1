"""Ranks are sets: the places that the joint intervals allow."""

import numpy as np
import pytest

from scoring.intervals import ObserverMean
from scoring.ranks import compare, compare_by_errors, holm, rank_means, rank_sets

MANY = 1e9


def comparisons(values, spread=1.0, draws=40_000, confidence=0.95):
    values = np.array(values, dtype=float)
    drawn = values[:, None] + np.random.default_rng(0).normal(0, spread, (len(values), draws))
    shape = (len(values), len(values))
    return compare(values, drawn, np.ones(shape), np.full(shape, MANY), confidence)


def test_one_pair_has_the_normal_interval():
    found = comparisons([0.0, 3.0])
    assert found.high[0, 1] - found.value[0, 1] == pytest.approx(1.96 * np.sqrt(2), rel=0.02)


def test_three_generators_have_tukeys_interval():
    # the studentised range of 3 means at 95 %, for many degrees of freedom, is 3.314
    found = comparisons([0.0, 0.0, 0.0])
    width = (found.high - found.low)[np.triu_indices(3, 1)] / 2
    assert width == pytest.approx(np.full(3, 3.314), rel=0.02)


def test_a_shared_part_of_the_draws_does_not_blur_differences():
    values = np.array([0.0, 1.0])
    rng = np.random.default_rng(0)
    drawn = values[:, None] + rng.normal(0, 50, 5000) + rng.normal(0, 0.1, (2, 5000))
    errors = np.full((2, 2), 0.1 * np.sqrt(2))
    found = compare(values, drawn, np.ones((2, 2)), np.full((2, 2), MANY), 0.95)
    assert found.high[1, 0] - found.value[1, 0] == pytest.approx(1.96 * errors[1, 0], rel=0.05)


def test_few_degrees_of_freedom_widen_the_interval_to_students():
    values = np.array([0.0, 0.0])
    drawn = np.random.default_rng(0).normal(0, 1, (2, 40_000))
    few = np.full((2, 2), 9.0)
    found = compare(values, drawn, np.ones((2, 2)), few, 0.95)
    assert found.high[0, 1] == pytest.approx(2.262 * np.sqrt(2 * 10 / 9), rel=0.03)
    known = compare_by_errors(values, drawn, np.full((2, 2), 3.0), few, 0.95)
    assert known.high[0, 1] == pytest.approx(2.262 * 3, rel=0.03)


def test_a_clear_ladder_has_single_ranks_highest_error_first():
    low, high = rank_sets(comparisons([0.0, 100.0, 50.0]))
    assert low.tolist() == high.tolist() == [3, 1, 2]


def test_equals_share_all_ranks():
    low, high = rank_sets(comparisons([0.0, 0.1, 0.2]))
    assert (low.tolist(), high.tolist()) == ([1, 1, 1], [3, 3, 3])


def test_a_generator_between_two_others_may_tie_with_both():
    low, high = rank_sets(comparisons([0.0, 3.0, 6.0]))
    assert (low.tolist(), high.tolist()) == ([2, 1, 1], [3, 3, 2])


def test_a_lone_generator_is_first():
    low, high = rank_sets(comparisons([0.4]))
    assert (low.tolist(), high.tolist()) == ([1], [1])


def test_generators_that_never_differ_are_not_told_apart():
    drawn = np.tile(np.random.default_rng(0).normal(size=500), (2, 1))
    for way in (compare, compare_by_errors):
        found = way(np.zeros(2), drawn, np.ones((2, 2)), np.full((2, 2), 9.0), 0.95)
        assert np.isnan(found.low[0, 1])
        assert found.p_holm[0, 1] == 1.0
        assert rank_sets(found)[1].tolist() == [2, 2]


def test_holm_corrects_in_steps_and_keeps_the_order():
    # Holm 1979: 4 × .005, then 3 × .01, then max(.03, 2 × .03), then max(.06, .04)
    corrected = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(corrected, [0.03, 0.06, 0.06, 0.02])


def test_corrected_p_values_do_not_exceed_one():
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_p_values_of_pairs_are_two_sided_and_mirrored():
    found = comparisons([0.0, 1.96 * np.sqrt(2)])
    assert found.p_holm[0, 1] == pytest.approx(0.05, rel=0.05)
    assert found.p_holm[0, 1] == found.p_holm[1, 0]


def mean(value, error, observers=10):
    return ObserverMean(value, error, None, None, observers)


def test_means_that_are_far_apart_have_one_rank_each():
    assert rank_means([mean(300, 5), mean(500, 5), mean(400, 5)]) == [(3, 3), (1, 1), (2, 2)]


def test_means_within_their_errors_share_ranks():
    assert rank_means([mean(300, 40), mean(310, 40)]) == [(1, 2), (1, 2)]


def test_a_mean_of_one_observer_or_without_spread_is_unranked():
    found = rank_means([mean(300, None, 1), mean(300, 0.0, 2), mean(400, 5)])
    assert found == [(None, None), (None, None), (1, 1)]


def test_two_observers_need_a_wider_gap_than_twenty():
    gap = [mean(300, 10, 20), mean(345, 10, 20)]
    assert rank_means(gap) == [(2, 2), (1, 1)]
    assert rank_means([mean(300, 10, 2), mean(345, 10, 2)]) == [(1, 2), (1, 2)]


def test_many_equal_means_are_rarely_told_apart():
    rng = np.random.default_rng(0)
    told_apart = 0
    for _ in range(400):
        samples = rng.normal(0, 1, (5, 12))
        errors = samples.std(axis=1, ddof=1) / np.sqrt(12)
        ranks = rank_means(
            [mean(m, e, 12) for m, e in zip(samples.mean(axis=1), errors, strict=True)]
        )
        told_apart += any(ranks_of != (1, 5) for ranks_of in ranks)
    assert told_apart / 400 < 0.08  # 5 % wanted
