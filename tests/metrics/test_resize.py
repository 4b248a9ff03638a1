import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from metrics.extractors.resize import bicubic, bilinear, bilinear_tf1, resize

SIZE = 299
CLOSE = 255 * 6e-5
SOURCES = [(32, 32), (28, 64), (1, 1), (2, 700), (299, 298), (300, 1), (1200, 640)]


def picture(height, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)


def ours(pixels, kernel, size=SIZE):
    return resize(torch.from_numpy(pixels)[None, None], size, kernel)[0, 0].numpy()


def tf1_by_hand(pixels, size):
    """TensorFlow 1's kernel, one output pixel at a time, in float64."""
    height, width = pixels.shape
    out = np.zeros((size, size))
    for y in range(size):
        for x in range(size):
            down, across = y * height / size, x * width / size
            top, left = int(down), int(across)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            dy, dx = down - top, across - left
            upper = pixels[top, left] * (1 - dx) + pixels[top, right] * dx
            lower = pixels[bottom, left] * (1 - dx) + pixels[bottom, right] * dx
            out[y, x] = upper * (1 - dy) + lower * dy
    return out


@pytest.mark.parametrize("source", SOURCES)
def test_bicubic_is_pillows_on_floats(source):
    pixels = picture(*source)
    theirs = Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(ours(pixels, bicubic), np.asarray(theirs).clip(0, 255), atol=CLOSE)


@pytest.mark.parametrize("source", SOURCES)
def test_bilinear_is_torchs_without_antialias(source):
    pixels = picture(*source)
    theirs = functional.interpolate(
        torch.from_numpy(pixels)[None, None], (SIZE, SIZE), mode="bilinear", align_corners=False
    )[0, 0]
    np.testing.assert_allclose(ours(pixels, bilinear), theirs, atol=CLOSE)


@pytest.mark.parametrize("source", [(7, 5), (40, 90), (1, 1), (13, 26)])
def test_bilinear_tf1_is_tensorflow_ones(source):
    pixels = picture(*source)
    np.testing.assert_allclose(ours(pixels, bilinear_tf1, 26), tf1_by_hand(pixels, 26), atol=CLOSE)


@pytest.mark.parametrize("kernel", [bicubic, bilinear, bilinear_tf1])
def test_an_image_of_the_right_size_comes_back_as_it_is(kernel):
    pixels = picture(SIZE, SIZE)
    np.testing.assert_array_equal(ours(pixels, kernel), pixels)


@pytest.mark.parametrize("kernel", [bicubic, bilinear, bilinear_tf1])
@pytest.mark.parametrize("source", [3, 299, 2000])
def test_one_colour_stays_that_colour(kernel, source):
    pixels = np.full((source, 5), 200.0, np.float32)
    np.testing.assert_allclose(ours(pixels, kernel), 200.0, rtol=1e-6)


def test_overshoot_is_clipped():
    edge = np.repeat(np.array([[0.0, 255.0]], np.float32), 8, axis=1)
    np.testing.assert_equal([ours(edge, bicubic).min(), ours(edge, bicubic).max()], [0.0, 255.0])


def test_channels_and_images_do_not_mix():
    pixels = np.stack([picture(20, 30, seed) for seed in range(6)]).reshape(2, 3, 20, 30)
    together = resize(torch.from_numpy(pixels), SIZE, bicubic)
    apart = [ours(each, bicubic) for each in pixels.reshape(6, 20, 30)]
    np.testing.assert_allclose(together.reshape(6, SIZE, SIZE), np.stack(apart), atol=CLOSE)
