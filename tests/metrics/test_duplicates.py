import io
import time

import numpy as np
import pytest
from PIL import Image

from metrics.duplicates import Shared, between, duplicates, prints
from metrics.errors import ImageMismatch, TooFewImages
from pools.sources import load


def batches(images, size=64):
    return (images[start : start + size] for start in range(0, len(images), size))


def recoded(images, quality):
    """The images after a round trip through JPEG."""

    def one(image):
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file)).reshape(image.shape)

    return np.stack([one(image) for image in images])


def brighter(images, levels):
    return (images.astype(np.int16) + levels).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clothes():
    return load("fashion-mnist", limit=300).images


@pytest.fixture(scope="module")
def coloured():
    """Seeded patches of smooth colour, 64 px."""
    small = np.random.default_rng(0).integers(0, 256, (40, 5, 5, 3), dtype=np.uint8)
    grown = [Image.fromarray(each).resize((64, 64), Image.Resampling.BICUBIC) for each in small]
    return np.stack([np.asarray(each) for each in grown])


def pairs_found(images, changed):
    """Which share of the images are in a group with their changed version, and with no other."""
    n = len(images)
    near = duplicates(batches(np.concatenate([images, changed]))).near
    return sum(group == (group[0], group[0] + n) for group in near) / n


def test_equal_pixels_are_exact_duplicates_and_no_near_ones(clothes):
    again = np.concatenate([clothes[:100], clothes[7:8], clothes[3:4], clothes[7:8]])
    found = duplicates(batches(again))
    assert found.exact == ((3, 101), (7, 100, 102))
    assert found.near == ()
    assert (found.images_in_exact, found.images_in_near) == (5, 0)


def test_exact_copies_of_near_duplicates_are_in_their_group(clothes):
    mixed = np.concatenate([clothes[:3], brighter(clothes[1:2], 2), clothes[1:2]])
    found = duplicates([mixed])
    assert (found.exact, found.near) == (((1, 4),), ((1, 3, 4),))
    assert (found.images_in_exact, found.images_in_near) == (2, 3)


@pytest.mark.parametrize(
    ("changed", "share"),
    [
        (lambda x: brighter(x, 2), 1.0),
        (lambda x: brighter(x, 10), 0.99),
        (lambda x: recoded(x, 95), 0.99),
        (lambda x: recoded(x, 75), 0.98),
    ],
    ids=["2 levels brighter", "10 levels brighter", "JPEG 95", "JPEG 75"],
)
def test_an_image_hardly_changed_is_a_near_duplicate(clothes, coloured, changed, share):
    assert pairs_found(clothes, changed(clothes)) >= share
    assert pairs_found(coloured, changed(coloured)) >= share


@pytest.mark.parametrize(
    "changed",
    [lambda x: x[:, :, ::-1], lambda x: np.roll(x, 1, axis=2), lambda x: brighter(x, 40)],
    ids=["mirrored", "moved by 1 of 28 px", "40 levels brighter"],
)
def test_an_image_plainly_changed_is_none(clothes, changed):
    assert pairs_found(clothes, changed(clothes)) <= 0.01


def test_a_shift_by_one_pixel_is_near_where_pixels_are_small(coloured):
    large = np.kron(coloured[:5], np.ones((1, 4, 4, 1), np.uint8))
    assert pairs_found(large, large[:, :, [0, *range(255)]]) == 1


def test_colours_that_look_alike_in_grey_are_told_apart():
    red, green = np.zeros((2, 1, 32, 32, 3), np.uint8)
    red[..., 8:24, 8:24, 0] = 200
    green[..., 8:24, 8:24, 1] = round(200 * 0.299 / 0.587)
    assert duplicates([red, green]).near == ()


def test_flat_images_are_near_by_their_level_alone():
    flat = np.stack([np.full((9, 9, 1), level, np.uint8) for level in (0, 10, 90, 100, 255)])
    assert duplicates([flat]).near == ((0, 1), (2, 3))


def test_digits_and_clothes_are_seldom_near_duplicates():
    digits = duplicates(batches(load("mnist").images))
    clothes = duplicates(batches(load("fashion-mnist").images))
    assert digits.exact == clothes.exact == ()
    assert digits.images_in_near < 10
    assert clothes.images_in_near < 5


def test_groups_link_whatever_pairs_link():
    chain = np.stack([np.full((8, 8, 1), level, np.uint8) for level in (5, 17, 29, 41, 99)])
    assert duplicates([chain]).near == ((0, 1, 2, 3),)


def test_batches_change_nothing(clothes):
    mixed = np.concatenate([clothes, brighter(clothes, 2), clothes[:9]])
    assert duplicates(batches(mixed, 7)) == duplicates([mixed])


def test_every_pair_is_found_that_comparing_all_finds():
    rng = np.random.default_rng(1)
    base = rng.integers(0, 256, (4, 8, 8, 1))
    noise = rng.normal(0, rng.uniform(0, 30, (40, 1, 1, 1)), (40, 8, 8, 1))
    images = (base.repeat(10, axis=0) + noise).clip(0, 255).astype(np.uint8)
    together = {frozenset(group) for group in duplicates([images]).near}
    linked = [{i} for i in range(len(images))]
    for i in range(len(images)):
        for j in range(i):
            if duplicates([images[[i, j]]]).near and linked[i] is not linked[j]:
                linked[i] |= linked[j]
                for k in linked[j]:
                    linked[k] = linked[i]
    assert together == {frozenset(group) for group in linked if len(group) > 1}


def test_a_collapsed_pool_is_one_group(clothes):
    noise = np.random.default_rng(2).integers(0, 4, (5000, 28, 28, 1), dtype=np.uint8)
    collapsed = np.minimum(clothes[5], 250) + noise
    assert duplicates(batches(collapsed)).near == (tuple(range(5000)),)


def test_between_finds_samples_that_are_real_images_again(clothes):
    real = np.concatenate([clothes[:50], clothes[4:5]])
    fake = np.concatenate([clothes[60:70], clothes[4:5], brighter(clothes[8:9], 2)])
    found = between(prints(batches(real)), prints(batches(fake)))
    assert (found.exact, found.near) == (((10, 4),), ((11, 8),))


def test_between_finds_the_first_of_all_that_comparing_all_finds():
    rng = np.random.default_rng(3)
    base = rng.integers(0, 256, (4, 8, 8, 1))
    noise = rng.normal(0, rng.uniform(0, 25, (60, 1, 1, 1)), (60, 8, 8, 1))
    images = (base.repeat(15, axis=0) + noise).clip(0, 255).astype(np.uint8)
    real, fake = np.split(rng.permutation(images), 2)
    alike = [[bool(duplicates([np.stack([a, b])]).near) for b in real] for a in fake]
    first = {i: row.index(True) for i, row in enumerate(alike) if any(row)}
    assert 5 < len(first) < 25
    assert dict(between(prints([real]), prints([fake])).near) == first


def test_between_collapsed_pools_is_no_slower(clothes):
    noise = np.random.default_rng(2).integers(0, 4, (10_000, 28, 28, 1), dtype=np.uint8)
    real, fake = np.split(np.minimum(clothes[5], 250) + noise, 2)
    start = time.process_time()
    found = between(prints(batches(real)), prints(batches(fake)))
    assert time.process_time() - start < 5
    assert found.near == tuple((i, 0) for i in range(5000))


def test_between_sees_a_near_copy_of_another_size(coloured):
    small = coloured.reshape(40, 32, 2, 32, 2, 3).mean(axis=(2, 4)).round().astype(np.uint8)
    assert between(prints([coloured]), prints([small[3:5]])).near == ((0, 3), (1, 4))


def test_grey_images_saved_as_rgb_are_duplicates_of_the_grey_ones(clothes, coloured):
    grey, rgb = clothes[:5], np.repeat(clothes[:5], 3, axis=3)
    assert between(prints([grey]), prints([rgb])).exact == tuple((i, i) for i in range(5))
    brighter = np.minimum(rgb, 250) + 5
    assert between(prints([grey]), prints([brighter])).near == tuple((i, i) for i in range(5))
    assert between(prints([grey]), prints([coloured])) == Shared((), ())


def test_refusals_are_named(clothes):
    with pytest.raises(TooFewImages, match="at least 1 image, got 0"):
        duplicates([])
    with pytest.raises(ImageMismatch, match=r"one shape, got \(28, 28, 1\) and \(27, 28, 1\)"):
        duplicates([clothes[:2], clothes[:2, 1:]])
    with pytest.raises(ImageMismatch, match="uint8"):
        duplicates([clothes[:2].astype(float)])
