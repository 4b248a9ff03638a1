"""A short training of a network on any objective: the same weights for the same seed."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from generators.adversarial.defences.objectives import Objective

Progress = Callable[[int, int], object]
"""Called with (done, in all): steps of a training, images of an attack."""
BATCH_IMAGES = 64
RATE = 3e-3
WEIGHT_DECAY = 0.01


def fit(
    network: nn.Module,
    objective: Objective,
    images: Tensor,
    labels: Tensor,
    *,
    steps: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> nn.Module:
    """Trains `network` in place on images (N, C, H, W) in [0, 1] and labels (N,); returns it, ready to be asked.

    AdamW under one cycle of the rate (Smith, Topin 2019), 64 images a step. Torch's global generator
    is left as it was.
    """
    adam = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=steps + 1)
    network.train().requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in range(steps):
            rows = torch.randint(len(images), (BATCH_IMAGES,))
            cost = objective(network, images[rows], labels[rows])
            adam.zero_grad(set_to_none=True)
            cost.backward()  # type: ignore[no-untyped-call]
            adam.step()
            cycle.step()
            if progress:
                progress(step + 1, steps)
    return network.eval().requires_grad_(False)
