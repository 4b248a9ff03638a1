import pytest
import torch

from generators.config import ConfigError, Translation
from generators.pairs import as_picture, edges, input_shape, inputs_of, shrink
from pools.sources import load

TRANSLATIONS = [
    Translation(task="edges"),
    Translation(task="enlarge", factor=2),
    Translation(task="enlarge", factor=4),
    Translation(task="classes"),
]


def step(side_px=8, low=-1.0, high=1.0, channels=1):
    """An image whose right half is brighter."""
    image = torch.full((1, channels, side_px, side_px), low)
    image[..., side_px // 2 :] = high
    return image


@pytest.fixture(scope="module")
def clothes():
    images = load("fashion-mnist", limit=40).images
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_a_step_is_a_stroke_of_two_pixels_and_nothing_else():
    expected = torch.full((1, 1, 8, 8), -1.0)
    expected[..., 3:5] = 1
    torch.testing.assert_close(edges(step()), expected)


def test_a_plain_image_has_no_strokes():
    assert (edges(torch.full((2, 3, 8, 8), 0.7)) == -1).all()


@pytest.mark.parametrize(("height", "strength"), [(0.15, -1.0), (0.28, 0.0), (0.41, 1.0)])
def test_a_stroke_is_as_white_as_the_step_is_high(height, strength):
    # 0.08 of the full step of 2 is no stroke yet, 0.2 of it a whole one: 0.28 lies half-way.
    assert edges(step(low=0.0, high=height))[0, 0, 4, 4].item() == pytest.approx(strength, abs=1e-5)


def test_colours_count_by_their_root_mean_square():
    image = step(channels=3, low=0.0, high=0.0)
    image[:, 0, :, 4:] = 0.28 * 3**0.5
    assert edges(image)[0, 0, 4, 4].item() == pytest.approx(0.0, abs=1e-5)


def test_strokes_turn_with_the_image(clothes):
    turned = edges(clothes.rot90(1, (2, 3)))
    torch.testing.assert_close(turned, edges(clothes).rot90(1, (2, 3)), atol=1e-5, rtol=0)


def test_strokes_of_clothes_are_thin_and_do_not_hang_on_rounding(clothes):
    strokes = edges(clothes)
    white = (strokes > 0).float()
    assert 0.05 < white.mean() < 0.35
    blocks = torch.nn.functional.avg_pool2d(white, 3, stride=1)
    assert (blocks == 1).float().mean() < 0.01  # hardly any stroke is three pixels wide
    moved = edges(clothes + 1e-5)
    assert (moved - strokes).abs().max() < 1e-3


def test_a_small_image_s_pixels_are_means():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert shrink(image, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert shrink(image, 4).item() == 7.5


@pytest.mark.parametrize("translation", TRANSLATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_input_has_the_shape_that_is_foretold(translation, channels):
    images = torch.zeros(2, channels, 8, 8)
    found, side_px = input_shape(translation, channels, 8)
    inputs = inputs_of(translation, images)
    assert inputs.shape == (2, found, side_px, side_px)
    assert as_picture(inputs, images).shape == images.shape


@pytest.mark.parametrize(
    ("side_px", "factor", "choices"),
    [(28, 3, "2 or 4"), (30, 4, "2 or 3"), (29, 2, "another size")],
)
def test_a_factor_that_does_not_divide_the_side_is_refused(side_px, factor, choices):
    translation = Translation(task="enlarge", factor=factor)
    message = f"translation.factor must divide the images' {side_px} px, got {factor}: .*{choices}"
    with pytest.raises(ConfigError, match=message):
        input_shape(translation, 1, side_px)
