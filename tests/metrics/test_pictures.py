import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from metrics.errors import ImageMismatch, TooFewImages
from metrics.pictures import ACCENT, PAPER, Comparison, neighbour_sheet


def flat(level, size=28, channels=1):
    return np.full((size, size, channels), level, np.uint8)


def sheet(*arguments):
    return np.asarray(Image.open(io.BytesIO(neighbour_sheet(*arguments))))


def box(picture, colour):
    """The least box (top, bottom, left, right) around all pixels of a colour."""
    rows, columns = np.nonzero((picture == colour).all(axis=2))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def comparison(ratio=0.5, size=28, held_out=True):
    third = flat((9, 9, 200), size, 3) if held_out else None
    return Comparison(flat((200, 9, 9), size, 3), flat((9, 200, 9), size, 3), third, ratio)


def test_a_comparison_is_sample_training_and_held_out_image_from_left_to_right():
    picture = sheet([comparison()], [])
    boxes = [box(picture, colour) for colour in ((200, 9, 9), (9, 200, 9), (9, 9, 200))]
    tops, bottoms, lefts, rights = zip(*boxes, strict=True)
    assert len(set(tops)) == len(set(bottoms)) == 1
    assert rights[0] < lefts[1] < rights[1] < lefts[2]


def test_the_sample_alone_is_framed():
    picture = sheet([comparison()], [])
    top, bottom, left, right = box(picture, (200, 9, 9))
    framed = box(picture, ImageColor.getrgb(ACCENT))
    assert framed == (top - 3, bottom + 3, left - 3, right + 3)


@pytest.mark.parametrize(
    ("size", "shown"), [(28, 112), (32, 96), (100, 100), (160, 160), (256, 160)]
)
def test_images_are_shown_at_a_readable_size(size, shown):
    top, bottom, left, right = box(sheet([comparison(size=size)], []), (200, 9, 9))
    assert (bottom - top, right - left) == (shown, shown)


def test_small_images_grow_without_smoothing():
    sample = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    picture = sheet([Comparison(sample, flat(7), None, 0.1)], [])
    top, _, left, _ = box(picture, ImageColor.getrgb(ACCENT))
    shown = picture[top + 3 : top + 115, left + 3 : left + 115]
    assert (shown == np.kron(sample, np.ones((4, 4, 1), np.uint8))).all()


def test_grey_and_colour_and_sizes_may_differ_side_by_side():
    picture = sheet([Comparison(flat(11), flat((9, 200, 9), 64, 3), flat(13, 300), np.inf)], [])
    assert [box(picture, colour)[0] for colour in ((11,) * 3, (9, 200, 9), (13,) * 3)]


def test_four_comparisons_stand_in_a_row_and_farthest_follow_closest():
    wide, tall = sheet([comparison()] * 4, []), sheet([comparison()] * 5, [])
    assert wide.shape[1] == tall.shape[1]
    both = sheet([comparison()] * 4, [comparison(3.0)] * 4)
    assert both.shape[1] == wide.shape[1]
    assert wide.shape[0] < tall.shape[0] < both.shape[0]


def test_the_ratio_is_written_below():
    one, other = sheet([comparison(0.25)], []), sheet([comparison(0.75)], [])
    differing = np.nonzero((one != other).any(axis=2))[0]
    assert differing.min() >= box(one, (200, 9, 9))[1]


def test_the_ground_is_light_to_the_margin():
    picture = sheet([comparison(held_out=False)], [comparison(np.inf, held_out=False)])
    border = np.concatenate([picture[:40].reshape(-1, 3), picture[-40:].reshape(-1, 3)])
    assert (border == ImageColor.getrgb(PAPER)).all()


def test_refusals_are_named():
    with pytest.raises(TooFewImages, match="at least 1 comparison, got 0"):
        neighbour_sheet([], [])
    with pytest.raises(ImageMismatch, match="uint8"):
        neighbour_sheet([Comparison(flat(1).astype(float), flat(1), None, 1.0)], [])
