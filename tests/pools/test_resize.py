"""Any image to a data set's size and channels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pools.resize import fit, with_channels


@pytest.mark.parametrize("channels", [1, 3])
def test_a_fitting_image_is_untouched(channels, pixels):
    image = pixels(28, 28, channels)
    np.testing.assert_array_equal(fit(image, resolution_px=28, channels=channels), image)


def test_a_longer_side_is_cropped_around_the_middle_bit_for_bit(pixels):
    image = pixels(28, 41, 3)
    np.testing.assert_array_equal(fit(image, resolution_px=28, channels=3), image[:, 6:34])
    np.testing.assert_array_equal(
        fit(image.transpose(1, 0, 2), resolution_px=28, channels=3),
        image[:, 6:34].transpose(1, 0, 2),
    )


def test_reduction_averages_instead_of_skipping():
    stripes = np.zeros((256, 256, 1), np.uint8)
    stripes[:, ::2] = 255
    small = fit(stripes, resolution_px=32, channels=1)
    assert np.abs(small.astype(int) - 127).max() <= 6


def test_a_checkerboard_does_not_alias():
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]
    assert fit(board, resolution_px=24, channels=1).std() < 12


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from([1, 3]),
    st.integers(1, 70),
    st.sampled_from([1, 3]),
    st.integers(0, 255),
)
def test_a_flat_image_stays_flat_at_any_size(height, width, channels, resolution_px, wanted, shade):
    image = np.full((height, width, channels), shade, np.uint8)
    fitted = fit(image, resolution_px=resolution_px, channels=wanted)
    assert fitted.shape == (resolution_px, resolution_px, wanted)
    assert (fitted == shade).all()


def test_grey_is_repeated_and_colour_becomes_luma(pixels):
    grey = pixels(4, 4, 1)
    np.testing.assert_array_equal(with_channels(grey, 3), grey.repeat(3, axis=2))
    colour = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert with_channels(colour, 1).squeeze().tolist() == [76, 150, 29]
