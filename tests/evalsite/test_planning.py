from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsite.studies.planning import PoolSize, TooFewImages, plan, rotation, shares

REAL = PoolSize(1, 12)
FAKES = [PoolSize(2, 12), PoolSize(3, 12), PoolSize(4, 12)]

designs = st.fixed_dictionaries(
    {
        "blocks": st.lists(st.integers(0, 12), min_size=1, max_size=4),
        "turn": st.integers(0, 200),
        "seed": st.integers(0, 2**31 - 1),
        "mixed": st.booleans(),
    }
)


def by_pool(images):
    return Counter(image.pool for image in images)


def seen(turns, fakes, **design):
    """Every image shown in these turns, over all blocks."""
    design = {"blocks": [3, 8], "seed": 5, **design}
    return [
        image
        for turn in range(turns)
        for block in plan(REAL, fakes, turn=turn, **design)
        for image in block
    ]


@given(st.integers(0, 300), st.integers(1, 12), st.integers(0, 50))
def test_shares_add_up_and_differ_by_one_at_most(total, parts, turn):
    found = shares(total, parts, turn=turn)
    assert sum(found) == total
    assert max(found) - min(found) <= 1


@given(st.integers(0, 40), st.integers(1, 8))
def test_shares_are_equal_after_as_many_turns_as_parts(total, parts):
    sums = [
        sum(part)
        for part in zip(*(shares(total, parts, turn=t) for t in range(parts)), strict=True)
    ]
    assert sums == [total] * parts


@settings(max_examples=60)
@given(designs)
def test_half_of_every_block_is_real(design):
    planned = plan(PoolSize(1, 100), [PoolSize(key, 100) for key in (2, 3, 4)], **design)
    assert [len(block) for block in planned] == design["blocks"]
    assert [by_pool(block)[1] for block in planned] == [size // 2 for size in design["blocks"]]


@settings(max_examples=60)
@given(designs)
def test_nobody_sees_an_image_twice(design):
    planned = plan(PoolSize(1, 60), [PoolSize(key, 60) for key in (2, 3, 4)], **design)
    images = [image for block in planned for image in block]
    assert len(set(images)) == len(images)


@settings(max_examples=40)
@given(designs)
def test_the_same_seed_and_turn_give_the_same_plan(design):
    sizes = PoolSize(1, 60), [PoolSize(2, 60), PoolSize(3, 60)]
    assert plan(*sizes, **design) == plan(*sizes, **design)


def test_another_seed_or_turn_gives_another_plan():
    plans = [
        plan(REAL, FAKES, blocks=[12], turn=turn, seed=seed)
        for turn, seed in ((0, 0), (0, 1), (1, 0))
    ]
    assert plans[0] != plans[1]
    assert plans[0] != plans[2]


def test_fakes_are_balanced_over_generators_within_a_block():
    (block,) = plan(REAL, FAKES, blocks=[14], turn=0, seed=0)
    counts = by_pool(block)
    assert sorted(counts[pool.key] for pool in FAKES) == [2, 2, 3]


def test_fakes_are_balanced_over_generators_across_observers():
    counts = by_pool(seen(3, FAKES))
    assert {counts[pool.key] for pool in FAKES} == {2 + 4}


def test_an_unmixed_observer_judges_one_generator_and_the_next_observer_the_next():
    judged = [
        set(
            by_pool(
                image
                for block in plan(REAL, FAKES, blocks=[2, 8], turn=turn, seed=0, mixed=False)
                for image in block
            )
        )
        for turn in range(4)
    ]
    assert judged == [{1, 2}, {1, 3}, {1, 4}, {1, 2}]


@settings(max_examples=60)
@given(
    st.integers(1, 4),
    st.integers(6, 15),
    st.integers(1, 40),
    st.lists(st.integers(0, 5), min_size=1, max_size=3),
    st.booleans(),
)
def test_all_images_of_a_pool_come_up_equally_often(generators, size, turns, blocks, mixed):
    fakes = [PoolSize(key, size) for key in range(2, 2 + generators)]
    try:
        shown = Counter(seen(turns, fakes, blocks=blocks, mixed=mixed))
    except TooFewImages:
        return
    for pool in (REAL, *fakes):
        times = [shown[image] for image in shown if image.pool == pool.key]
        times += [0] * (pool.size - len(times))
        assert max(times) - min(times) <= 1


def test_real_and_forged_images_are_shuffled_together():
    (block,) = plan(REAL, FAKES, blocks=[24], turn=0, seed=0)
    kinds = [image.pool == 1 for image in block]
    assert kinds != sorted(kinds)
    assert kinds != sorted(kinds, reverse=True)


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (4, 12, "need 5 different images of a pool that has 4"),
        (12, 4, "need 5 different images of a pool that has 4"),
    ],
)
def test_a_pool_too_small_is_refused_in_words(real, fake, words):
    with pytest.raises(TooFewImages, match=words):
        plan(PoolSize(1, real), [PoolSize(2, fake)], blocks=[10], turn=0, seed=0)


def test_a_pool_just_large_enough_is_used_up():
    assert sorted(rotation(PoolSize(1, 5), 5, start=3, seed=0)) == [0, 1, 2, 3, 4]
