from math import sqrt

import numpy as np
import pytest
import torch

from generators.config import PENALTIES
from generators.feed import Feed, RealImages
from generators.penalties import around, between, gradient, r1, unit_slope


@pytest.fixture
def feed():
    data = RealImages(np.zeros((3, 8, 8, 1), np.uint8), None, torch.device("cpu"))
    return Feed(data, 5, seed=0, step=0)


def quadratic(points):
    return points.square().sum(1)  # its gradient is 2x


def points(*rows):
    return torch.tensor(rows, requires_grad=True)


def test_the_gradient_is_each_image_s_own():
    x = points([1.0, 2.0], [3.0, 0.0])
    assert gradient(x, quadratic(x)).tolist() == [[2, 4], [6, 0]]


def test_r1_of_a_quadratic_by_hand():
    x = points([1.0, 2.0], [3.0, 0.0])
    assert r1(x, quadratic(x)).item() == pytest.approx(0.5 * (20 + 36) / 2)


def test_r1_teaches_the_discriminator_to_flatten():
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    x = torch.ones(5, 2, requires_grad=True)
    r1(x, x @ weight).backward()
    assert weight.grad.tolist() == pytest.approx([3.0, 4.0])  # d(½‖w‖²)/dw


def test_the_penalty_on_slopes_by_hand():
    x = points([1.0, 2.0], [3.0, 0.0])
    expected = ((sqrt(20) - 1) ** 2 + (6 - 1) ** 2) / 2
    assert unit_slope(x, quadratic(x)).item() == pytest.approx(expected)


def test_the_penalty_on_slopes_steepens_and_flattens_towards_1():
    for length, direction in ((0.5, -1), (2.0, 1)):
        weight = torch.tensor([length, 0.0], requires_grad=True)
        x = torch.zeros(3, 2, requires_grad=True)
        unit_slope(x, x @ weight).backward()
        assert weight.grad.tolist() == pytest.approx([2 * (length - 1), 0.0])
        assert weight.grad[0] * direction > 0


def test_a_slope_of_zero_costs_1_and_has_a_gradient():
    weight = torch.zeros(2, requires_grad=True)
    x = torch.ones(3, 2, requires_grad=True)
    cost = unit_slope(x, x @ weight)
    cost.backward()
    assert cost.item() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(weight.grad).all()


def test_points_between_lie_on_the_lines_from_real_to_fake(feed):
    real, fake = torch.zeros(5, 1, 8, 8), torch.ones(5, 1, 8, 8)
    shares = between(real, fake, feed).detach().flatten(1)
    assert torch.equal(shares.amin(1), shares.amax(1))  # one place for a whole image
    assert shares[:, 0].unique().numel() == 5
    assert 0 <= shares.min() < shares.max() < 1


def test_points_around_are_within_half_a_deviation_of_the_real_images(feed):
    real = torch.linspace(-1, 1, 5 * 64).reshape(5, 1, 8, 8)
    away = (around(real, feed) - real).detach()
    assert away.min() >= 0
    assert 0.2 * real.std() < away.max() <= 0.5 * real.std()
    assert away.flatten(1).unique(dim=1).shape == (5, 64)  # each pixel has its own noise


@pytest.mark.parametrize(
    "make",
    [
        lambda f: between(torch.ones(5, 1, 8, 8), -torch.ones(5, 1, 8, 8), f),
        lambda f: around(torch.rand(5, 1, 8, 8), f),
    ],
)
def test_points_can_be_differentiated_at(make, feed):
    assert make(feed).requires_grad


@pytest.mark.parametrize("name", sorted({*PENALTIES} - {"none"}))
def test_a_lazy_penalty_is_as_much_stronger_as_it_is_rarer(name, tiny, data):
    from generators.training import Trainer

    def gradient_norm(**settings):
        config = tiny(**{"penalty.name": name, **settings})
        trainer = Trainer(config, *data, 4, device=torch.device("cpu"))
        values = []
        trainer.advance(images=8, on_progress=values.append)
        return [progress.values["d_gradient"] for progress in values]

    lazy = gradient_norm(**{"penalty.weight": 1.0, "penalty.every": 6})
    strong = gradient_norm(**{"penalty.weight": 6.0, "penalty.every": 1})
    free = gradient_norm(**{"penalty.name": "none"})
    assert lazy[0] == strong[0] != free[0]
    assert lazy[1] != strong[1]
