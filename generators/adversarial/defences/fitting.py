"""A short training of a network on any objective: the same weights for the same seed."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from generators.adversarial.defences.objectives import Objective

Progress = Callable[[int, int], object]
"""Called with (steps done, steps in all)."""


def fit(
    network: nn.Module,
    objective: Objective,
    images: Tensor,
    labels: Tensor,
    *,
    steps: int,
    batch: int = 64,
    rate: float = 3e-3,
    seed: int = 0,
    progress: Progress | None = None,
) -> nn.Module:
    """Trains `network` in place on images (N, C, H, W) in [0, 1] and labels (N,); returns it, ready to be asked.

    AdamW under one cycle of the rate. Torch's global generator is left as it was.
    """
    adam = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.01, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, rate, total_steps=steps + 1, pct_start=0.25)
    random = torch.Generator().manual_seed(seed)
    network.train().requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in range(steps):
            rows = torch.randint(len(images), (batch,), generator=random)
            cost = objective(network, images[rows], labels[rows])
            adam.zero_grad(set_to_none=True)
            cost.backward()  # type: ignore[no-untyped-call]
            adam.step()
            cycle.step()
            if progress:
                progress(step + 1, steps)
    return network.eval().requires_grad_(False)
