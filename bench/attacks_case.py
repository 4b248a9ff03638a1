"""What is attacked: a small network and the settings of each attack; torch alone, for every side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CLASSES = 10


@dataclass(frozen=True)
class Case:
    """One attack on every side: `epsilon` of its norm, or for the smallest change the weight of fooling.

    `step` is what one of the `steps` moves, in the norm or, for the smallest change, Adam's rate.
    """

    name: str
    epsilon: float
    steps: int
    step: float


CASES = (
    Case("fgsm", 0.1, 1, 0.1),
    Case("pgd", 0.1, 20, 0.0125),
    Case("pgd-l2", 1.0, 20, 0.125),
    Case("carlini-wagner", 10.0, 20, 0.1),
)


def network() -> nn.Module:
    """Images float32 (n, 1, 28, 28) in [0, 1] to logits (n, 10): 5e5 multiplications an image."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, CLASSES),
    )


def loaded(weights: str) -> nn.Module:
    """The trained one, frozen, so that nobody computes what nobody asks for."""
    made = network()
    made.load_state_dict(torch.load(weights, weights_only=True))
    return made.eval().requires_grad_(False)


def fooled(made: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share that is not taken for its label."""
    with torch.no_grad():
        return float((made(images).argmax(1) != labels).float().mean())
