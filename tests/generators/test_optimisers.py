"""The optimiser of every team is torch's Adam, to the last bit."""

import torch
from torch import nn

from generators.optimisers import Adam

BETAS = (0.5, 0.999)


def layers():
    """Two networks, of which the second's bias gets no gradient."""
    torch.manual_seed(0)
    return nn.Linear(5, 3), nn.Linear(3, 1)


def objective(first, second, step):
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(step))
    return (first(x).tanh() @ second.weight.T).square().mean()


def test_steps_are_those_of_torchs_own_adam():
    ours, theirs = layers(), layers()
    adam = Adam(ours, BETAS)
    reference = torch.optim.Adam([p for layer in theirs for p in layer.parameters()], betas=BETAS)
    for step in range(7):
        rate = 1e-2 / (step + 1)
        adam.set_rate(rate)
        reference.param_groups[0]["lr"] = rate
        adam.gradients(objective(*ours, step))
        adam.step()
        reference.zero_grad()
        objective(*theirs, step).backward()
        reference.step()
    for mine, known in zip(adam.parameters, reference.param_groups[0]["params"], strict=True):
        assert torch.allclose(mine, known, rtol=1e-6, atol=0)
    states = [reference.state[p] for p in reference.param_groups[0]["params"]]
    for name, moments in adam.moments.items():
        for mine, state in zip(moments, states, strict=True):
            if state:
                assert torch.allclose(mine, state[name], rtol=1e-6, atol=0)
            else:
                assert not mine.any()
