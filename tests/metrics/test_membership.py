import math

import numpy as np
import pytest
from scipy.stats import hypergeom, norm

from classifiers.shares import Share
from metrics.errors import MetricError, TooFewImages
from metrics.membership import attacked, membership


def drawn(n, seed, d=6):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_members_that_are_copied_exactly_are_all_found():
    members, others = drawn(150, 1), drawn(150, 2)
    found = membership(members, others, members)
    assert (found.auc, found.advantage, found.found.value) == (1.0, 1.0, 1.0)
    assert found.tells
    assert found.low == Share.of(150, 150).low < 1.0  # no certainty from 150 images


def test_independent_images_are_guessed_within_their_interval():
    attacks = [
        membership(drawn(120, 3 * s), drawn(120, 3 * s + 1), drawn(90, 3 * s + 2))
        for s in range(20)
    ]
    assert np.mean([each.auc for each in attacks]) == pytest.approx(0.5, abs=0.03)
    assert sum(each.low <= 0.5 <= each.high for each in attacks) >= 17
    assert sum(each.tells for each in attacks) <= 3
    assert sum(each.advantage > each.advantage_by_chance for each in attacks) <= 3


def test_the_area_is_that_of_two_normal_distributions_and_its_interval_covers_it():
    truth = norm.cdf(1 / math.sqrt(2))
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found.append(attacked(rng.normal(1, 1, 120), rng.normal(0, 1, 120)))
    assert np.mean([each.auc for each in found]) == pytest.approx(truth, abs=0.01)
    assert 89 <= sum(each.low <= truth <= each.high for each in found) <= 99


def test_delongs_interval_is_that_worked_by_hand():
    member, other = np.tile([3.0, 1.0], 50), np.tile([2.0, 0.0], 50)
    # of each pair of values the member is above but for 1 and 2: area 3/4; a member's own area is 1 or
    # 1/2 and so is another's, each half of the time: variance 1/16 · 100/99, twice, over 100
    reach = 1.959963984540054 * math.sqrt(2 / 16 / 99)
    found = attacked(member, other)
    assert found.auc == 0.75
    assert (found.low, found.high) == pytest.approx((0.75 - reach, 0.75 + reach))


def test_equal_scores_are_a_guess_and_name_nobody():
    found = attacked(np.ones(100), np.ones(100))
    assert (found.auc, found.advantage, found.found.count) == (0.5, 0.0, 0)
    assert not found.tells


def test_a_few_members_that_are_surely_named_are_seen_though_the_area_says_nothing():
    rng = np.random.default_rng(0)
    member, other = rng.normal(size=300), rng.normal(size=300)
    member[:30] = 9.0
    found = attacked(member, other)
    assert found.found.count >= 30
    assert found.tells
    assert attacked(member[30:], other[30:]).low < 0.5


def test_the_interval_of_the_share_found_knows_that_others_set_the_threshold():
    """Of normal scores one apart 9.2 % are found at 1 %: Wilson's interval has that 6 times in 10."""
    truth = norm.sf(norm.isf(0.01) - 1)
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found.append(attacked(rng.normal(1, 1, 400), rng.normal(0, 1, 400)).found)
    assert sum(each.low <= truth <= each.high for each in found) >= 92
    assert sum(Share.of(each.count, 400).low > truth for each in found) > 15
    assert sum(each.low > truth for each in found) <= 6


def test_of_members_far_from_all_others_wilsons_interval_is_left():
    member = np.concatenate([np.full(80, 9.0), np.full(320, -9.0)])
    found = attacked(member, np.random.default_rng(0).normal(size=400)).found
    assert (found.low, found.value, found.high) == pytest.approx(
        (Share.of(80, 400).low, 0.2, Share.of(80, 400).high)
    )


def test_the_share_found_is_above_all_but_one_in_a_hundred_others():
    other = np.arange(200.0)  # two may be named: the third highest is 197
    member = np.concatenate([np.full(7, 197.5), np.full(5, 197.0), np.full(188, -1.0)])
    found = attacked(member, other)
    assert (found.found.count, found.found.n) == (7, 200)
    assert found.curve[0] == 0.0
    assert found.curve[1] == 7 / 200
    assert found.curve[100] == 1.0
    assert list(found.curve) == sorted(found.curve)
    assert found.advantage == pytest.approx(max(7 / 200 - 2 / 200, 12 / 200 - 3 / 200))


def test_chance_exceeds_what_is_called_so_in_at_most_one_case_of_forty():
    n = 200
    limit = round(attacked(drawn(n, 0)[:, 0], drawn(n, 1)[:, 0]).found_by_chance * n)
    exceeded = hypergeom.sf(limit, 2 * n, n, limit + 1 + 2)
    reached = hypergeom.sf(limit - 1, 2 * n, n, limit + 2)
    assert exceeded <= 0.025 < reached
    counts = [
        attacked(drawn(n, 2 * s + 5)[:, 0], drawn(n, 2 * s + 6)[:, 0]).found.count
        for s in range(200)
    ]
    assert np.mean(np.array(counts) > limit) <= 0.05


def test_as_many_of_each_are_asked_about():
    assert membership(drawn(130, 1), drawn(110, 2), drawn(40, 3)).n == 110


@pytest.mark.parametrize(
    ("members", "others", "error", "words"),
    [
        (drawn(99, 1), drawn(150, 2), TooFewImages, "at least 100 training .* got 99 and 150"),
        (drawn(150, 1), drawn(99, 2), TooFewImages, "100 held-out images, got 150 and 99"),
        (drawn(150, 1), drawn(150, 2, d=5), MetricError, "features of the same dimensions"),
    ],
)
def test_what_cannot_be_attacked_is_refused(members, others, error, words):
    with pytest.raises(error, match=words):
        membership(members, others, drawn(30, 3))
