"""Nothing in the bytes that reach a browser tells a real image from a generated one."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from pools.stimulus import encode, encode_grid, grid

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))


def opened(data):
    return Image.open(io.BytesIO(data))


@settings(deadline=None, max_examples=60)
@given(st.data(), SHAPES)
def test_the_length_of_a_stimulus_depends_on_its_shape_alone(data, shape):
    image = data.draw(arrays.arrays(np.uint8, shape))
    assert len(encode(image)) == len(encode(np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (256, 256, 3), (300, 200, 1)])
def test_flat_striped_and_noisy_images_are_equally_long(shape, pixels):
    images = [np.zeros(shape), np.full(shape, 255), pixels(*shape), np.sort(pixels(*shape), axis=0)]
    assert len({len(encode(image.astype(np.uint8))) for image in images}) == 1


@settings(deadline=None, max_examples=60)
@given(st.data(), SHAPES)
def test_a_stimulus_decodes_to_the_very_pixels(data, shape):
    image = data.draw(arrays.arrays(np.uint8, shape))
    np.testing.assert_array_equal(np.array(opened(encode(image))).reshape(shape), image)


def test_grey_stays_grey_and_colour_stays_colour(pixels):
    assert opened(encode(pixels(8, 8, 1))).mode == "L"
    assert opened(encode(pixels(8, 8, 3))).mode == "RGB"


def test_nothing_but_pixels_is_written(pixels):
    data, kinds = encode(pixels(8, 8, 3)), []
    at = 8
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]


def test_the_layout_of_memory_does_not_show(pixels):
    image = pixels(16, 8, 3)
    assert encode(image.transpose(1, 0, 2)) == encode(image.transpose(1, 0, 2).copy())


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8, 1)), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8)]
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match=r"an image is uint8 \(H, W, 1 or 3\), got"):
        encode(image)


def test_a_grid_lays_images_out_in_rows(pixels):
    images = pixels(5, 4, 6, 3)
    sheet = grid(images, 3)
    assert sheet.shape == (4 + 1 + 4, 6 + 1 + 6 + 1 + 6, 3)
    np.testing.assert_array_equal(sheet[:4, 7:13], images[1])
    np.testing.assert_array_equal(sheet[5:, :6], images[3])
    assert not sheet[4].any()
    assert not sheet[:, 6].any()
    assert not sheet[5:, 14:].any()


def test_an_encoded_grid_is_the_grid(pixels):
    images = pixels(4, 8, 8, 1)
    np.testing.assert_array_equal(np.array(opened(encode_grid(images, 2))), grid(images, 2)[..., 0])


@pytest.mark.parametrize(("count", "columns"), [(0, 1), (1, 0)])
def test_a_grid_of_nothing_is_refused(count, columns):
    with pytest.raises(ValueError, match="at least 1 image and 1 column"):
        grid(np.zeros((count, 8, 8, 1), np.uint8), columns)
