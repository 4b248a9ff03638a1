import numpy as np
import pytest

from metrics.thumbnails import averages, coarse_pixels


def test_fields_average_whatever_lies_in_them_in_parts_too():
    assert averages(4, 2).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    assert averages(2, 4).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    for sizes in ((28, 12), (7, 12), (1, 12), (100, 12)):
        assert averages(*sizes).sum(axis=1) == pytest.approx(np.ones(12))


def test_neither_brightness_contrast_colour_nor_size_moves_coarse_pixels(images):
    image = images(5, size=24)
    expected = coarse_pixels(image)
    fainter = (image // 2 + 40).astype(np.uint8)
    assert coarse_pixels(fainter) == pytest.approx(expected, abs=0.05)
    assert coarse_pixels(image.repeat(3, axis=3)) == pytest.approx(expected, abs=1e-5)
    assert coarse_pixels(image.repeat(2, axis=1).repeat(2, axis=2)) == pytest.approx(expected)


def test_coarse_pixels_have_mean_0_and_contrast_1_whatever_the_shape(images):
    coarse = coarse_pixels(images(6, size=40)[:, :30])
    assert coarse.shape == (6, 144)
    assert coarse.dtype == np.float32
    assert coarse.mean(axis=1) == pytest.approx(np.zeros(6), abs=1e-6)
    assert coarse.std(axis=1) == pytest.approx(np.ones(6), abs=0.01)


def test_flat_images_are_0_and_one_grey_level_is_not_stretched_to_full_contrast():
    flat = np.full((1, 12, 12, 1), 77, np.uint8)
    assert not coarse_pixels(flat).any()
    flat[0, 0, 0] += 1
    assert abs(coarse_pixels(flat)).max() < 1
