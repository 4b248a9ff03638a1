import inspect
from math import exp, log

import pytest
import torch

from generators import losses
from generators.config import LOSSES as NAMES
from generators.health import CALLS, is_told
from generators.losses import (
    LOSSES,
    began,
    began_balance,
    began_convergence,
    began_generator,
    code_divergence,
    cross_entropy,
    hinge,
    least_squares,
    least_squares_generator,
    minimax_generator,
    non_saturating_generator,
    reconstruction,
    relativistic,
    relativistic_generator,
    wasserstein,
    wasserstein_generator,
)

REAL, FAKE = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 3.0])


def sigmoid(logit):
    return 1 / (1 + exp(-logit))


def log_sigmoid(logit):
    return log(sigmoid(logit))


LOG = {x: log_sigmoid(x) for x in (-3, -2, -1, 0, 1, 2, 3)}
BY_HAND = {
    "cross entropy": (cross_entropy(REAL, FAKE), [-(LOG[2] + LOG[0]) / 2, -(LOG[1] + LOG[-3]) / 2]),
    "cross entropy, smoothed": (
        cross_entropy(REAL, FAKE, 0.1),
        [-(0.9 * LOG[2] + 0.1 * LOG[-2] + LOG[0]) / 2, -(LOG[1] + LOG[-3]) / 2],
    ),
    "least squares": (least_squares(REAL, FAKE), [(1 + 1) / 4, (1 + 9) / 4]),
    "least squares, smoothed": (
        least_squares(REAL, FAKE, 0.1),
        [(1.1**2 + 0.9**2) / 4, (1 + 9) / 4],
    ),
    "wasserstein": (wasserstein(REAL, FAKE), [-1, 1]),
    "hinge": (hinge(REAL, FAKE), [(0 + 1) / 2, (0 + 4) / 2]),
    "relativistic": (  # the other kind's mean is 1 for both
        relativistic(REAL, FAKE),
        [-(LOG[1] + LOG[-1]) / 2, -(log_sigmoid(2) + log_sigmoid(-2)) / 2],
    ),
    "began": (began(REAL, FAKE, torch.tensor(0.25)), [1, -0.25]),
    "minimax generator": ([minimax_generator(None, FAKE)], [(LOG[1] + LOG[-3]) / 2]),
    "non-saturating generator": ([non_saturating_generator(None, FAKE)], [-(LOG[-1] + LOG[3]) / 2]),
    "least squares generator": ([least_squares_generator(None, FAKE)], [(4 + 4) / 4]),
    "wasserstein generator": ([wasserstein_generator(None, FAKE)], [-1]),
    "relativistic generator": (
        [relativistic_generator(REAL, FAKE)],
        [-(log_sigmoid(-2) + log_sigmoid(2)) / 2 - (LOG[-1] + LOG[1]) / 2],
    ),
    "began generator": ([began_generator(None, FAKE)], [1]),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_loss_is_what_its_equation_gives_by_hand(name):
    found, expected = BY_HAND[name]
    assert [value.item() for value in found] == pytest.approx(expected, abs=1e-6)


def slope(loss, *logits):
    leaves = [torch.tensor([value], requires_grad=True) for value in logits]
    result = loss(*leaves)
    (result[0] + result[1] if isinstance(result, tuple) else result).backward()
    return [leaf.grad.item() for leaf in leaves]


@pytest.mark.parametrize(
    ("loss", "logits", "expected"),
    [
        (cross_entropy, (2.0, -1.0), [-sigmoid(-2), sigmoid(-1)]),
        (least_squares, (2.0, -1.0), [1.0, -1.0]),
        (wasserstein, (2.0, -1.0), [-1.0, 1.0]),
        (hinge, (0.5, -0.5), [-1.0, 1.0]),
        (hinge, (1.5, -1.5), [0.0, 0.0]),
        (relativistic, (2.0, -1.0), [-2 * sigmoid(-3), 2 * sigmoid(-3)]),
        (relativistic_generator, (2.0, -1.0), [2 * sigmoid(3), -2 * sigmoid(3)]),
    ],
)
def test_gradients_by_hand(loss, logits, expected):
    assert slope(loss, *logits) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (minimax_generator, -sigmoid(-9)),
        (non_saturating_generator, -sigmoid(9)),
        (wasserstein_generator, -1),
    ],
)
def test_against_a_sure_discriminator_only_the_minimax_gradient_vanishes(loss, expected):
    assert slope(lambda fake: loss(None, fake), -9.0) == pytest.approx([expected], rel=1e-4)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
@pytest.mark.parametrize("name", LOSSES)
def test_no_loss_overflows(name, logit):
    logits, loss = torch.tensor([logit]), LOSSES[name]
    for value in (*loss.discriminator(logits, -logits, 0.0), loss.generator(logits, -logits)):
        assert torch.isfinite(value)


def test_every_name_a_config_may_choose_has_its_equation():
    assert {*LOSSES, "began"} == set(NAMES)


@pytest.mark.parametrize("name", LOSSES)
def test_who_is_called_real_is_told_where_the_loss_has_a_middle(name):
    found = LOSSES[name].called_real(torch.tensor([3.0, 3.0]), torch.tensor([-3.0, 5.0]))
    assert is_told("d_real", name) == (LOSSES[name].middle is not None)
    assert [float(found[key]) for key in CALLS] == (
        [1.0, 0.5] if is_told("d_real", name) else [0, 0]
    )


def test_every_loss_names_its_paper_and_shows_a_value():
    functions = inspect.getmembers(losses, inspect.isfunction)
    equations = [function for _, function in functions if function.__module__ == losses.__name__]
    assert {hinge, began_balance} < set(equations)
    for function in equations:
        assert ">>>" in function.__doc__
        assert any(year in function.__doc__ for year in ("2014", "2016", "2017", "2018"))


@pytest.mark.parametrize(
    ("before", "real", "fake", "after"),
    [
        (0.5, 8.0, 2.0, 0.502),  # the generator draws too well: its images count more
        (0.5, 2.0, 8.0, 0.493),
        (0.0, 2.0, 8.0, 0.0),
        (1.0, 8.0, 2.0, 1.0),
    ],
)
def test_the_balance_of_began_follows_the_weaker_side_within_0_and_1(before, real, fake, after):
    state = [torch.tensor(value) for value in (before, real, fake)]
    assert began_balance(*state, 0.5).item() == pytest.approx(after)
    tenfold = began_balance(*state, 0.5, rate=0.01).item()
    assert tenfold == pytest.approx(min(max(before + 10 * (0.5 * real - fake) / 1000, 0), 1))


def test_began_has_converged_when_real_images_are_drawn_well_and_the_balance_is_kept():
    real, fake = torch.tensor(2.0), torch.tensor([1.0, 3.0])
    assert began_convergence(real, fake[0], 0.5).item() == 2
    assert began_convergence(real, fake[1], 0.5).item() == 4


def test_the_divergence_of_a_code_by_hand():
    mean, log_variance = (
        torch.tensor([[0.0, 0.0], [1.0, -2.0]]),
        torch.log(torch.tensor([[1.0, 1.0], [4.0, 0.25]])),
    )
    by_hand = 0.5 * ((1 + 4 - 1 - log(4)) + (4 + 0.25 - 1 + log(4)))
    assert code_divergence(mean, log_variance).tolist() == pytest.approx([0, by_hand])


def test_reconstruction_is_a_log_likelihood_but_for_a_constant():
    x, one, other = (torch.randn(3, 2, 4, 4, dtype=torch.float64) for _ in range(3))
    normal = torch.distributions.Normal
    by_torch = [-normal(mean, 0.5**0.5).log_prob(x).sum((1, 2, 3)) for mean in (one, other)]
    found = [reconstruction(x, mean) for mean in (one, other)]
    torch.testing.assert_close(found[0] - found[1], by_torch[0] - by_torch[1])
