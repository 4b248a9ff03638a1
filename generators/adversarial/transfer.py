"""Attacks made on one classifier and tried on another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from generators.adversarial.goal import Attempt, Classifier, Goal

Attack = Callable[[Classifier, Tensor, Goal], Attempt]


@dataclass(frozen=True)
class Transfer:
    """`rates` (M, M): the share of images made on the row's classifier that fool the column's.

    Among images that both get right when clean; NaN where there are none.
    """

    names: tuple[str, ...]
    rates: NDArray[np.float64]


def transferability(
    classifiers: Mapping[str, Classifier], images: Tensor, labels: Tensor, attack: Attack
) -> Transfer:
    """Every attack on every classifier (Papernot, McDaniel, Goodfellow 2016), non-targeted."""
    goal = Goal(labels)
    with torch.no_grad():
        right = {name: ~goal.reached(each(images)) for name, each in classifiers.items()}
    rates = np.full((len(classifiers), len(classifiers)), np.nan)
    for row, (source, made_on) in enumerate(classifiers.items()):
        made = attack(made_on, images, goal).images
        for column, (target, tried_on) in enumerate(classifiers.items()):
            both = right[source] & right[target]
            if both.any():
                with torch.no_grad():
                    fooled = goal.reached(tried_on(made))
                rates[row, column] = float(fooled[both].float().mean())
    return Transfer(tuple(classifiers), rates)


def train_substitute(
    victim: Classifier,
    substitute: nn.Module,
    images: Tensor,
    *,
    rounds: int = 4,
    steps: int = 100,
    batch: int = 64,
    rate: float = 1e-3,
    spread: float = 0.1,
    random: torch.Generator,
) -> int:
    """Teaches `substitute` the victim's answers, and asks about images moved to where it is unsure.

    Jacobian-based augmentation, Papernot et al. 2017, algorithm 1: each round doubles the images by
    x + λ sign(∇ₓ of the score of the victim's answer). Returns the number of queries to the victim.
    """
    known, answers = images, _answers(victim, images)
    adam = torch.optim.Adam(substitute.parameters(), lr=rate)
    for turn in range(rounds):
        for _ in range(steps):
            rows = torch.randint(len(known), (batch,), generator=random).to(known.device)
            adam.zero_grad(set_to_none=True)
            cross_entropy(substitute(known[rows]), answers[rows]).backward()  # type: ignore[no-untyped-call]
            adam.step()
        if turn < rounds - 1:
            moved = _moved(substitute, known, answers, spread)
            known = torch.cat([known, moved])
            answers = torch.cat([answers, _answers(victim, moved)])
    return len(known)


@torch.no_grad()
def _answers(victim: Classifier, images: Tensor) -> Tensor:
    return victim(images).argmax(1)


def _moved(substitute: nn.Module, images: Tensor, answers: Tensor, spread: float) -> Tensor:
    images = images.detach().requires_grad_()
    scores = substitute(images).gather(1, answers[:, None])
    (gradient,) = torch.autograd.grad(scores.sum(), images)
    return (images + spread * gradient.sign()).clamp(0, 1).detach()
