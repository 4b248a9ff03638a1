from collections import Counter
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalsite.studies.planning import (
    Circle,
    Layout,
    PoolSize,
    TooFewImages,
    plan,
    require_enough,
    rotation,
    shares,
)

REAL = PoolSize(1, 12)
FAKES = [PoolSize(2, 12), PoolSize(3, 12), PoolSize(4, 12)]
PROTOCOLS = ("unlimited", "limited", "flash", "pair", "select", "name")


def layout(protocol="unlimited", *, practice=0, blocks=(8,), **fields):
    return Layout(protocol, practice, tuple(blocks), **fields)


layouts = st.builds(
    Layout,
    protocol=st.sampled_from(PROTOCOLS),
    practice=st.integers(0, 6),
    blocks=st.lists(st.integers(2, 8), min_size=1, max_size=3).map(tuple),
    grid=st.integers(4, 6),
    against=st.sampled_from(["real", "generators"]),
    catch_trials=st.integers(0, 4),
)
turns, seeds = st.integers(0, 200), st.integers(0, 2**31 - 1)


def pools(size, generators=3):
    return PoolSize(1, size), [PoolSize(key, size) for key in range(2, 2 + generators)]


def images_of(blocks):
    return [image for block in blocks for screen in block for image in screen]


def by_pool(images):
    return Counter(image.pool for image in images)


def shown(turns, layout, fakes=FAKES, seed=5):
    """Every image shown in these turns, over all blocks."""
    return [
        image
        for turn in range(turns)
        for image in images_of(plan(REAL, fakes, layout, turn=turn, seed=seed))
    ]


@given(st.integers(0, 300), st.integers(1, 12), st.integers(0, 50))
def test_shares_add_up_and_differ_by_one_at_most(total, parts, turn):
    found = shares(total, parts, turn=turn)
    assert found.sum() == total
    assert found.max() - found.min() <= 1


@given(st.integers(0, 40), st.integers(1, 8))
def test_shares_are_equal_after_as_many_turns_as_parts(total, parts):
    assert shares(total, parts, turn=np.arange(parts)).sum(axis=0).tolist() == [total] * parts


@settings(max_examples=60)
@given(st.sampled_from(["unlimited", "limited", "flash"]), st.integers(0, 9), turns, seeds)
def test_half_of_every_block_of_single_images_is_real(protocol, practice, turn, seed):
    blocks = plan(
        *pools(100), layout(protocol, practice=practice, blocks=(7, 12)), turn=turn, seed=seed
    )
    assert [len(block) for block in blocks] == [practice, 7, 12]
    assert {len(screen) for block in blocks for screen in block} == {1}
    assert [by_pool(images_of([block]))[1] for block in blocks] == [practice // 2, 3, 6]


@settings(max_examples=80)
@given(layouts, turns, seeds)
def test_nobody_sees_an_image_twice(design, turn, seed):
    images = images_of(plan(*pools(120), design, turn=turn, seed=seed))
    assert len({(image.pool, image.index) for image in images}) == len(images)


@settings(max_examples=40)
@given(layouts, turns, seeds)
def test_the_same_seed_and_turn_give_the_same_plan(design, turn, seed):
    plans = [plan(*pools(120), design, turn=turn, seed=seed) for _ in range(2)]
    assert plans[0] == plans[1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_another_seed_or_turn_gives_another_plan(protocol):
    plans = [
        plan(*pools(60), layout(protocol, grid=4), turn=turn, seed=seed)
        for turn, seed in ((0, 0), (0, 1), (1, 0))
    ]
    assert plans[0] != plans[1]
    assert plans[0] != plans[2]


def test_fakes_are_balanced_over_generators_within_a_block():
    blocks = plan(REAL, FAKES, layout(blocks=(14,)), turn=0, seed=0)
    counts = by_pool(images_of(blocks))
    assert sorted(counts[pool.key] for pool in FAKES) == [2, 2, 3]


def test_fakes_are_balanced_over_generators_across_observers():
    counts = by_pool(shown(3, layout(practice=3, blocks=(8,))))
    assert {counts[pool.key] for pool in FAKES} == {2 + 4}


def test_observers_of_flashes_judge_one_generator_each_in_turn():
    judged = [
        set(by_pool(images_of(plan(REAL, FAKES, layout("flash"), turn=turn, seed=0))))
        for turn in range(4)
    ]
    assert judged == [{1, 2}, {1, 3}, {1, 4}, {1, 2}]


def test_images_on_show_elsewhere_are_never_judged():
    real, fakes = (PoolSize(1, 60, first=48), [PoolSize(2, 60, first=48)])
    for turn in range(9):
        images = images_of(plan(real, fakes, layout("unlimited"), turn=turn, seed=0))
        assert {48 <= image.index < 108 for image in images} == {True}


@settings(max_examples=80)
@given(layouts, st.integers(2, 4), st.integers(1, 25))
def test_all_images_of_a_pool_come_up_equally_often(design, generators, turns):
    real, fakes = pools(60, generators)
    try:
        require_enough(real, fakes, design)
    except TooFewImages:
        return
    counts = Counter(
        (image.pool, image.index)
        for turn in range(turns)
        for image in images_of(plan(real, fakes, design, turn=turn, seed=5))
    )
    for pool in (real, *fakes):
        times = [counts[pool.key, index] for index in range(pool.size)]
        assert max(times) - min(times) <= 1


@settings(max_examples=60)
@given(layouts, turns)
def test_pools_that_are_large_enough_for_all_are_so_at_every_turn(design, turn):
    needed = by_pool(images_of(plan(*pools(200), design, turn=turn, seed=0)))
    for key in (1, 2, 3, 4):
        sizes = [PoolSize(k, needed[k] - (k == key)) for k in (1, 2, 3, 4)]
        if sizes[key - 1].size >= 0:
            with pytest.raises(TooFewImages, match="different images of a pool that has"):
                require_enough(sizes[0], sizes[1:], design)


def test_real_and_forged_images_are_shuffled_together():
    blocks = plan(*pools(60), layout(blocks=(24,)), turn=0, seed=0)
    kinds = [image.pool == 1 for image in images_of(blocks)]
    assert kinds != sorted(kinds)
    assert kinds != sorted(kinds, reverse=True)


def test_a_pair_is_a_fake_beside_a_real_image_on_either_side():
    blocks = plan(*pools(60), layout("pair", practice=4, blocks=(20,)), turn=0, seed=0)
    screens = list(chain(*blocks))
    assert all(sorted(image.pool == 1 for image in screen) == [False, True] for screen in screens)
    sides = Counter(screen[0].pool == 1 for screen in screens)
    assert min(sides[True], sides[False]) >= 6
    counts = by_pool(images_of(blocks[1:]))
    assert sorted(counts[key] for key in (2, 3, 4)) == [6, 7, 7]


def test_any_two_generators_are_paired_as_often_as_any_other_two():
    design = layout("pair", practice=2, blocks=(5, 5), against="generators")
    duels = Counter()
    for turn in range(3):
        practice, *main = plan(*pools(60), design, turn=turn, seed=0)
        assert all(sorted(i.pool == 1 for i in screen) == [False, True] for screen in practice)
        duels.update(frozenset(image.pool for image in screen) for screen in chain(*main))
    assert duels == {frozenset(pair): 10 for pair in ((2, 3), (2, 4), (3, 4))}


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(4, 16), turns, seeds)
def test_grids_hold_a_third_to_two_thirds_of_fakes_and_half_in_all(grids, size, turn, seed):
    blocks = plan(*pools(200), layout("select", blocks=(grids,), grid=size), turn=turn, seed=seed)
    fakes = [sum(image.pool != 1 for image in screen) for screen in blocks[1]]
    assert {len(screen) for screen in blocks[1]} == {size}
    assert all(size <= 3 * count <= 2 * size for count in fakes)
    assert sum(fakes) == grids * size - grids * size // 2


def test_the_number_of_fakes_differs_from_grid_to_grid():
    blocks = plan(*pools(200), layout("select", blocks=(20,), grid=9), turn=0, seed=0)
    fakes = [sum(image.pool != 1 for image in screen) for screen in blocks[1]]
    assert set(fakes) == {3, 4, 5, 6}


@settings(max_examples=80)
@given(layouts, turns, seeds)
def test_catch_images_are_real_ones_spread_over_the_blocks_and_never_in_practice(
    design, turn, seed
):
    assume(design.catch_trials <= min(design.blocks))  # a grid has one at most
    practice, *main = plan(*pools(150), design, turn=turn, seed=seed)
    assert not any(image.is_catch for image in images_of([practice]))
    counts = [sum(image.is_catch for image in images_of([block])) for block in main]
    assert sum(counts) == design.catch_trials
    assert max(counts) - min(counts) <= 1
    assert all(image.pool == 1 for image in images_of(main) if image.is_catch)
    assert all(sum(image.is_catch for image in screen) <= 1 for screen in chain(*main))


def test_catch_screens_come_on_top_but_for_grids():
    for protocol, images in (("unlimited", 10), ("flash", 10), ("pair", 20), ("select", 32)):
        design = layout(protocol, blocks=(8,), grid=4, catch_trials=2)
        blocks = plan(*pools(60), design, turn=0, seed=0)
        assert len(images_of(blocks)) == images
        caught = [screen for screen in blocks[1] if any(image.is_catch for image in screen)]
        assert len(caught) == 2
        if protocol == "pair":
            assert {image.pool for screen in caught for image in screen} == {1}


LEVELS = (5000, 1000, 20_000)


@settings(max_examples=60)
@given(st.sampled_from(["limited", "flash"]), turns, seeds)
def test_exposures_are_balanced_within_each_pool_and_shuffled(protocol, turn, seed):
    design = layout(protocol, practice=6, blocks=(20, 21), exposures_ms=LEVELS, catch_trials=2)
    practice, *main = plan(*pools(100), design, turn=turn, seed=seed)
    for images in (images_of([practice]), images_of(main)):
        for key in by_pool(images):
            own = [i.exposure_ms for i in images if i.pool == key and not i.is_catch]
            counts = Counter(own)
            assert max(counts[ms] for ms in LEVELS) - min(counts[ms] for ms in LEVELS) <= 1
    assert {image.exposure_ms for image in images_of(main) if image.is_catch} == {20_000}
    times = [image.exposure_ms for image in images_of(main)]
    assert any(before > after for before, after in pairwise(times))
    assert any(before < after for before, after in pairwise(times))


def test_exposures_are_balanced_from_turn_to_turn():
    design = layout("limited", blocks=(4,), exposures_ms=LEVELS)
    counts = Counter(image.exposure_ms for image in shown(9, design))
    assert set(counts.values()) == {12}


def test_without_levels_no_exposure_is_planned():
    assert {image.exposure_ms for image in shown(2, layout("flash"))} == {None}


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (4, 12, "need 5 different images of a pool that has 4"),
        (12, 4, "need 5 different images of a pool that has 4"),
    ],
)
def test_a_pool_too_small_is_refused_in_words(real, fake, words):
    for check in (require_enough, lambda *sizes: plan(*sizes, turn=0, seed=0)):
        with pytest.raises(TooFewImages, match=words):
            check(PoolSize(1, real), [PoolSize(2, fake)], layout(blocks=(10,)))


def test_of_chosen_images_no_others_are_shown():
    chosen = PoolSize(1, 4, among=(7, 2, 30, 11))
    shown = [rotation(chosen, 3, start=3 * turn, seed=0, circle=Circle(1)) for turn in range(4)]
    assert sorted(np.concatenate(shown).tolist()) == sorted([2, 7, 11, 30] * 3)


def test_a_pool_just_large_enough_is_used_up():
    assert sorted(rotation(PoolSize(1, 5), 5, start=3, seed=0, circle=Circle(1))) == [0, 1, 2, 3, 4]
