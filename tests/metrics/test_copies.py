import numpy as np
import pytest

from metrics.copies import Copies, Space


def first(count, n):
    return np.arange(n) < count


def test_the_interval_is_that_of_newcombe_s_first_example():
    """56 of 70 against 48 of 80 (Newcombe 1998, example a, method 10): 0.0524 to 0.3339."""
    found = Copies.counted(first(56, 70), first(48, 80), "near")
    assert found.value / 70 == pytest.approx(0.2)
    assert (found.low / 70, found.high / 70) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert (found.within, found.expected, found.n) == (56, 42, 70)


@pytest.mark.parametrize(
    ("within", "chance", "outnumber"),
    [((20, 400), (0, 1000), True), ((3, 400), (0, 1000), False), ((40, 400), (60, 1000), False)],
    ids=["many and none by chance", "a few", "fewer than twice of chance"],
)
def test_copies_outnumber_chance_beyond_doubt(within, chance, outnumber):
    assert Copies.counted(first(*within), first(*chance), "near").outnumber_chance == outnumber


def test_images_that_both_parts_hold_raise_chance():
    rng = np.random.default_rng(0)
    train, new, fake = (rng.normal(size=(n, 4)) for n in (900, 80, 100))
    held_out = np.concatenate([new, train[:20]])
    assert Space.of("features", train, held_out, fake).copies.expected == pytest.approx(20, abs=2)
    assert Space.of("features", train, new, fake).copies.expected < 3


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [(0.0, 8.2, (0, 9)), (0.6, 3.0, (0, 3)), (196.2, 200.00000000000003, (196, 200))],
)
def test_an_interval_in_whole_images_is_no_narrower(low, high, bounds):
    copies = Copies(low, low, high, n=200, within=200, expected=0.0, seen="near")
    assert copies.bounds == bounds
