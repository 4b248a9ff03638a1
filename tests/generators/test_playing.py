"""Arithmetic with codes, inputs without torch, neighbours: by hand, and against the torch they stand for."""

import numpy as np
import pytest
import torch

from generators import pairs, playing
from generators.playing import (
    Network,
    codes,
    conditions,
    edges,
    mixed,
    moved,
    nearest,
    reduced,
    shrink,
    signed,
    walked,
)
from pools import sources
from tests.generators import known


def rows(*values):
    return np.array(values, np.float32)


@pytest.fixture(params=["mnist", "fashion-mnist", "colour"])
def images(request):
    """Real images, float32 (N, C, 28, 28); three of them as the channels of one are in colour."""
    grey = sources.load(request.param if request.param != "colour" else "mnist", limit=30).images
    pictures = grey.reshape(-1, 3, 28, 28).transpose(0, 2, 3, 1)
    return signed(pictures if request.param == "colour" else grey)


def test_edges_are_those_that_the_network_was_trained_on(images):
    wanted = pairs.edges(torch.from_numpy(images)).numpy()
    found = edges(images)
    assert found.shape == wanted.shape == (len(images), 1, 28, 28)
    assert found.dtype == np.float32
    assert (wanted > 0).mean() > 0.03
    np.testing.assert_allclose(found, wanted, atol=1 / 255)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_small_images_are_those_that_the_network_was_trained_on(images, factor):
    wanted = pairs.shrink(torch.from_numpy(images), factor).numpy()
    np.testing.assert_allclose(shrink(images, factor), wanted, atol=1 / 255)


def test_grey_levels_survive_the_way_to_the_network_and_back():
    ramp = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    assert (playing.levels(signed(ramp)) == ramp).all()
    assert playing.levels(rows(-9.0, 9.0).reshape(1, 2, 1, 1)).ravel().tolist() == [0, 255]


def test_a_code_is_a_function_of_its_address_alone():
    together = codes([(3, 5), (3, 6), (4, 5)], 8)
    assert together.shape == (3, 8)
    assert (codes([(3, 6)], 8)[0] == together[1]).all()
    assert len(np.unique(together)) == together.size
    assert codes([], 8).shape == (0, 8)


def test_classes_go_round_and_there_may_be_none():
    assert conditions([(9, 0), (9, 4)], 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert conditions([(9, 4)], 0).shape == (1, 0)


def test_arithmetic_is_done_with_means_and_keeps_the_length_of_codes():
    a, b, c = rows([10, 0]), rows([0, 2], [0, 4]), rows([-4, 11])
    assert moved(a, b, c, 0).tolist() == [10, 0]
    assert moved(a, b, c, 1).tolist() == pytest.approx([6, 8])  # 10, 0 − 0, 3 + −4, 11 = 6, 8
    assert moved(a, b, b[:0], -2).tolist() == pytest.approx([10 * 10 / 136**0.5, 60 / 136**0.5])
    assert moved(a, b[:0], b[:0], 1).tolist() == [10, 0]
    assert moved(a, a, b[:0], 1).tolist() == [0, 0]
    both = np.concatenate([a, rows([0, 20])])
    assert moved(both, a[:0], a[:0], 1).tolist() == pytest.approx([15 / 5**0.5, 30 / 5**0.5])


def test_mixed_classes_are_shares():
    one, two, three = np.eye(3, dtype=np.float32)[:, None]
    assert mixed(one, one, three, 1).tolist() == [0, 0, 1]
    assert mixed(np.concatenate([one, two]), one[:0], one[:0], 1).tolist() == [0.5, 0.5, 0]
    assert mixed(one, two, three, 4).tolist() == pytest.approx([0.2, 0, 0.8])
    assert mixed(one, one, three[:0], 1).tolist() == [1, 0, 0]


def test_a_walk_turns_evenly_and_stays_as_long_as_codes_are():
    start, end = codes([(0, 0), (0, 1)], 64)
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    way = walked(start, end, 9)
    np.testing.assert_allclose(way[[0, -1]], [start, end], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(start), rtol=1e-5)
    turns = (way[1:] * way[:-1]).sum(1)
    np.testing.assert_allclose(turns, turns[0], rtol=1e-4)
    middle = np.linalg.norm((start + end) / 2)
    assert middle < 0.9 * np.linalg.norm(way[4])


@pytest.mark.parametrize("end", [[2, 0], [-2, 0], [0, 0]])
def test_where_there_is_no_arc_the_walk_is_a_line(end):
    way = walked(rows([1, 0])[0], rows(end)[0], 3)
    np.testing.assert_allclose(way, [[1, 0], [(1 + end[0]) / 2, 0], end], atol=1e-6)


def test_images_are_averaged_to_sixteen_pixels_at_most():
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[0, :4, :2] = 200
    row = reduced(image)
    assert row.shape == (1, 16 * 16 * 3)
    assert row[0].reshape(16, 16, 3)[0, 0].tolist() == [100] * 3
    assert row[0].sum() == 300


def test_the_nearest_come_first_with_their_distance(monkeypatch):
    monkeypatch.setattr(playing, "CHUNK", 2)
    many = np.array([[0, 0], [255, 255], [10, 0], [3, 40], [250, 250]], np.uint8)
    found = nearest(np.array([255, 255], np.uint8), many, 3)
    assert [each.index for each in found] == [1, 4, 3]
    assert [each.distance for each in found] == pytest.approx(
        [0, 5, np.sqrt((252**2 + 215**2) / 2)]
    )


def test_a_network_is_asked_for_what_it_takes():
    network = Network(known.drawing(known.PX))
    assert (network.z_dim, network.class_count) == (known.Z_DIM, len(known.CLASSES))
    noise, condition = codes([(0, 0), (0, 1)], known.Z_DIM), conditions([(0, 0), (0, 1)], 2)
    flat = noise @ known.weights() + condition @ known.weights(rows=2)
    wanted = playing.levels(flat.reshape(2, 1, known.PX, known.PX))
    assert (network(noise=noise, condition=condition) == wanted).all()
    image = signed(np.full((1, 8, 8, 1), 55, np.uint8))
    assert (Network(known.negative(8))(image=image) == 200).all()
