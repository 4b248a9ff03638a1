"""Catch images and masks: what they keep of their images, and that nothing else is left."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pools.scramble import phase_scrambled, shuffled_pixels
from pools.sources import load

SHAPES = [(32, 32, 1), (32, 32, 3), (31, 27, 3), (28, 33, 1)]


def blobs(rng, shape, contrast=10, mean=120):
    """Two smooth random images; at little contrast nothing of their masks is clipped."""
    noise = gaussian_filter(rng.normal(size=(2, *shape)), (0, 2, 2, 0))
    return np.rint(np.clip(mean + contrast * noise / noise.std(), 0, 255)).astype(np.uint8)


def amplitudes(images):
    return np.abs(np.fft.fft2(images.astype(float), axes=(1, 2)))


@pytest.mark.parametrize("shape", SHAPES)
def test_shuffling_keeps_every_pixel_and_few_in_their_place(shape, pixels):
    image = pixels(*shape)
    shuffled = shuffled_pixels(image, seed=5)
    assert shuffled.shape == image.shape
    assert shuffled.dtype == np.uint8
    colours = [sorted(map(tuple, each.reshape(-1, shape[2]))) for each in (image, shuffled)]
    assert colours[0] == colours[1]
    assert (shuffled == image).all(axis=2).mean() < 0.05


def test_a_shuffled_digit_has_no_shape_left():
    digit = load("mnist", limit=1).images[0]
    neighbours = [
        np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1]
        for image in (digit, shuffled_pixels(digit, seed=1))
    ]
    assert neighbours[0] > 0.5
    assert abs(neighbours[1]) < 0.15


def test_shuffling_leaves_its_argument_alone(pixels):
    image = pixels(8, 8, 3)
    before = image.copy()
    shuffled_pixels(image, seed=1)
    phase_scrambled(image[None], count=1, seed=1)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mask_has_the_mean_amplitude_at_every_spatial_frequency(shape, rng):
    images = blobs(rng, shape)
    wanted = amplitudes(images).mean(axis=0)
    rounding = np.sqrt(shape[0] * shape[1] / 12)  # of noise that is even within ±½ a grey level
    for got in amplitudes(phase_scrambled(images, count=4, seed=1)):
        np.testing.assert_allclose(got, wanted, atol=5 * rounding)
        assert np.corrcoef(got.ravel(), wanted.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mask_keeps_mean_and_contrast_where_nothing_is_clipped(shape, rng):
    images = blobs(rng, shape)
    power = (amplitudes(images).mean(axis=0) ** 2).sum(axis=(0, 1)) / (shape[0] * shape[1]) ** 2
    mean = images.mean(axis=(0, 1, 2))
    for mask in phase_scrambled(images, count=4, seed=1):
        np.testing.assert_allclose(mask.mean(axis=(0, 1)), mean, atol=0.15)
        np.testing.assert_allclose(mask.std(axis=(0, 1)), np.sqrt(power - mean**2), rtol=0.02)


@pytest.mark.parametrize(("mean", "contrast"), [(20, 60), (235, 60), (128, 200)])
def test_a_mask_keeps_its_mean_where_much_is_clipped(mean, contrast, rng):
    images = blobs(rng, (64, 64, 3), contrast, mean)
    masks = phase_scrambled(images, count=4, seed=2)
    assert ((masks == 0) | (masks == 255)).mean() > 0.05
    for mask in masks:
        np.testing.assert_allclose(mask.mean(axis=(0, 1)), images.mean(axis=(0, 1, 2)), atol=0.3)


def test_digits_give_masks_of_more_than_half_their_contrast():
    digits = load("mnist", limit=2).images
    masks = phase_scrambled(digits, count=4, seed=3)
    assert masks.std(axis=(1, 2, 3)).min() > digits.std() / 2


def test_colours_go_together_in_a_mask_as_they_do_in_the_images(rng):
    grey = blobs(rng, (64, 64, 1), contrast=20).astype(int)
    opposed = np.concatenate([grey, 240 - grey, grey], axis=3).astype(np.uint8)
    for mask in phase_scrambled(opposed, count=3, seed=4):
        red, green, blue = mask.reshape(-1, 3).T.astype(float)
        assert np.corrcoef(red, green)[0, 1] < -0.99
        assert np.corrcoef(red, blue)[0, 1] > 0.99


def test_grey_in_three_channels_gives_grey_masks(rng):
    masks = phase_scrambled(blobs(rng, (32, 32, 1)).repeat(3, axis=3), count=2, seed=4)
    assert np.ptp(masks.astype(int), axis=3).max() <= 1


def test_no_mask_resembles_its_images_or_another_mask():
    digits = load("mnist", limit=2).images
    every = np.concatenate([digits, phase_scrambled(digits, count=30, seed=6)])
    alike = np.corrcoef(every.reshape(len(every), -1).astype(float))[2:]
    alike[:, 2:][np.eye(30, dtype=bool)] = 0
    assert np.abs(alike).max() < 0.6
    assert abs(alike.mean()) < 0.05


def test_phases_are_even_on_the_circle(rng):
    images = blobs(rng, (32, 32, 1))
    spectra = np.fft.rfft2(phase_scrambled(images, count=200, seed=7)[..., 0].astype(float))
    phases = np.angle(spectra[:, 1:6, 1:6]).ravel()
    counts, _ = np.histogram(phases, bins=8, range=(-np.pi, np.pi))
    np.testing.assert_allclose(counts / counts.sum(), 1 / 8, atol=0.03)
    assert abs(np.exp(1j * phases).mean()) < 0.05


def test_a_seed_gives_its_masks_and_no_other_seed_does(pixels):
    images, image = pixels(2, 16, 16, 3), pixels(16, 16, 3)
    for make in (
        lambda seed: phase_scrambled(images, 2, seed),
        lambda s: shuffled_pixels(image, s),
    ):
        np.testing.assert_array_equal(make(8), make(8))
        assert (make(8) != make(9)).mean() > 0.5


@pytest.mark.parametrize("shade", [0, 90, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (9, 9)])
def test_flat_images_give_flat_masks(shade, size):
    masks = phase_scrambled(np.full((2, *size, 3), shade, np.uint8), count=3, seed=1)
    assert masks.shape == (3, *size, 3)
    assert (masks == shade).all()


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 8, 3)),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
        np.zeros((2, 8, 0, 3), np.uint8),
    ],
)
def test_what_is_no_stack_of_images_is_refused_by_its_type_and_shape(images):
    with pytest.raises(ValueError, match=r"uint8 \(N, H, W, C\).*got .* of shape"):
        phase_scrambled(images, count=1, seed=1)


@pytest.mark.parametrize("image", [np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8)])
def test_what_is_no_image_is_refused_by_its_type_and_shape(image):
    with pytest.raises(ValueError, match=r"an image must be uint8 \(H, W, C\).*got .* of shape"):
        shuffled_pixels(image, seed=1)


def test_no_masks_are_refused(pixels):
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        phase_scrambled(pixels(1, 8, 8, 1), count=0, seed=1)
