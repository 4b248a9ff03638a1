import numpy as np
import pytest
import torch

from generators.augmentation import augment
from generators.config import AUGMENTATIONS
from generators.feed import Feed, RealImages

COUNT = 200


@pytest.fixture
def feed():
    data = RealImages(np.zeros((3, 8, 8, 1), np.uint8), None, torch.device("cpu"))
    return Feed(data, COUNT, seed=0, step=0)


def images(channels=1, side=16):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, channels, side, side, generator=generator).repeat(COUNT, 1, 1, 1) * 2 - 1


def test_none_leaves_images_alone(feed):
    assert torch.equal(augment(images(), "none", feed), images())


def test_a_translation_shifts_whole_images_by_up_to_an_eighth_and_pads_with_black(feed):
    padded = torch.nn.functional.pad(images()[:1], (2, 2, 2, 2), value=-1.0)
    shifts = {
        (row, column): padded[0, :, row : row + 16, column : column + 16]
        for row in range(5)
        for column in range(5)
    }
    found = {
        next(shift for shift, image in shifts.items() if torch.equal(image, moved))
        for moved in augment(images(), "translation", feed)
    }
    assert found == set(shifts)  # in 200 draws of 25, each turns up


def test_a_cutout_is_a_grey_square_of_half_the_side_that_may_leave_the_image(feed):
    sizes = set()
    for before, after in zip(images(), augment(images(), "cutout", feed), strict=True):
        hole = (after != before)[0]
        rows, columns = hole.any(1).nonzero().flatten(), hole.any(0).nonzero().flatten()
        assert (after[0][hole] == 0).all()
        assert hole.sum() == len(rows) * len(columns)
        sizes |= {len(rows), len(columns)}
    assert max(sizes) == 8
    assert 4 <= min(sizes) < 8


def test_colour_changes_brightness_saturation_and_contrast_within_bounds(feed):
    before, after = images(channels=3), augment(images(channels=3), "colour", feed)
    brighter = after.mean((1, 2, 3)) - before.mean((1, 2, 3))
    assert -0.5 <= brighter.min() < -0.4
    assert 0.4 < brighter.max() <= 0.5
    contrast = after.mean(1).std((1, 2)) / before.mean(1).std((1, 2))
    assert 0.5 <= contrast.min() < 0.6
    assert 1.4 < contrast.max() <= 1.5
    chroma = (after - after.mean(1, keepdim=True)).std((1, 2, 3)) / contrast
    chroma = chroma / (before - before.mean(1, keepdim=True)).std((1, 2, 3))
    assert 0 <= chroma.min() < 0.1
    assert 1.9 < chroma.max() <= 2.0


@pytest.mark.parametrize("policy", AUGMENTATIONS)
def test_gradients_reach_the_generator_through_every_policy(policy, feed):
    drawn = images().requires_grad_()
    augment(drawn, policy, feed).sum().backward()
    touched = (drawn.grad != 0).float().mean()
    assert touched > 0.5  # all but holes and what is shifted out


def test_images_are_augmented_one_by_one(feed):
    changed = augment(images(), "colour-translation-cutout", feed)
    assert len({image.numpy().tobytes() for image in changed}) == COUNT
