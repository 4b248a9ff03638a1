from math import exp, log

import pytest
import torch

from generators.config import LOSSES
from generators.config import PENALTIES as PENALTY_NAMES
from generators.losses import (
    GENERATOR_LOSSES,
    PENALTIES,
    discriminator_loss,
    minimax_generator_loss,
    non_saturating_generator_loss,
    r1_penalty,
)

REAL, FAKE = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 3.0])


def sigmoid(logit):
    return 1 / (1 + exp(-logit))


def test_discriminator_loss_by_hand():
    expected = -(log(sigmoid(2)) + log(0.5)) / 2 - (log(1 - sigmoid(-1)) + log(1 - sigmoid(3))) / 2
    assert discriminator_loss(REAL, FAKE).item() == pytest.approx(expected, abs=1e-6)


def test_minimax_loss_by_hand():
    expected = (log(1 - sigmoid(-1)) + log(1 - sigmoid(3))) / 2
    assert minimax_generator_loss(FAKE).item() == pytest.approx(expected, abs=1e-6)


def test_non_saturating_loss_by_hand():
    expected = -(log(sigmoid(-1)) + log(sigmoid(3))) / 2
    assert non_saturating_generator_loss(FAKE).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "slope"),
    [(minimax_generator_loss, -sigmoid(-9)), (non_saturating_generator_loss, -sigmoid(9))],
)
def test_against_a_sure_discriminator_only_the_minimax_gradient_vanishes(loss, slope):
    logit = torch.tensor([-9.0], requires_grad=True)
    loss(logit).backward()
    assert logit.grad.item() == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_no_loss_overflows(logit):
    logits = torch.tensor([logit])
    for loss in (
        discriminator_loss(logits, logits),
        *(f(logits) for f in GENERATOR_LOSSES.values()),
    ):
        assert torch.isfinite(loss)


def test_r1_of_a_quadratic_by_hand():
    real = torch.tensor([[1.0, 2.0], [3.0, 0.0]], requires_grad=True)
    logits = real.square().sum(1)  # gradient 2x, so its squared norm is 4 · 5 and 4 · 9
    assert r1_penalty(real, logits).item() == pytest.approx(0.5 * (20 + 36) / 2)


def test_r1_teaches_the_discriminator_to_flatten():
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    real = torch.ones(5, 2, requires_grad=True)
    r1_penalty(real, real @ weight).backward()
    assert weight.grad.tolist() == pytest.approx([3.0, 4.0])  # d(½‖w‖²)/dw


def test_every_name_a_config_may_choose_has_its_equation():
    assert set(GENERATOR_LOSSES) == set(LOSSES)
    assert set(PENALTIES) | {"none"} == set(PENALTY_NAMES)
