"""Unrestricted attacks: codes whose pictures, drawn by a generator, the classifier gets wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from generators.adversarial.errors import AttackError
from generators.adversarial.goal import Classifier, Goal

Draw = Callable[[Tensor], Tensor]
"""Codes (N, z) -> images (N, C, H, W) in [0, 1], of the classes that are wanted."""


@dataclass(frozen=True)
class Searched:
    """Codes (N, z), their images, and which of them the classifier gets wrong."""

    codes: Tensor
    images: Tensor
    fooled: Tensor


def search(
    classifier: Classifier,
    draw: Draw,
    start: Tensor,
    goal: Goal,
    *,
    steps: int = 50,
    rate: float = 0.05,
    closeness: float = 0.01,
) -> Searched:
    """Codes near `start` (N, z) for whose images the goal is reached (Song et al. 2018, equation 2).

    Minimises the margin plus λ ‖z − z₀‖², so that the pictures keep what the class asked for; what
    reaches its goal stays where it is. Raises AttackError.
    """
    if start.ndim != 2 or goal.classes.shape != (len(start),):
        raise AttackError(
            f"codes must be (N, z) with a class each, got {tuple(start.shape)} and "
            f"{tuple(goal.classes.shape)}"
        )
    codes = start.clone().requires_grad_()
    adam = torch.optim.Adam([codes], lr=rate)
    for _ in range(steps):
        logits = classifier(draw(codes))
        is_open = (~goal.reached(logits)).float()
        if not is_open.any():
            break
        away = (codes - start).square().sum(1)
        cost = (is_open * (goal.margin(logits) + closeness * away)).sum()
        before = codes.detach().clone()
        adam.zero_grad(set_to_none=True)
        cost.backward(inputs=[codes])  # type: ignore[no-untyped-call]
        adam.step()
        with torch.no_grad():
            codes.copy_(torch.where(is_open[:, None] > 0, codes, before))
    with torch.no_grad():
        images = draw(codes)
        return Searched(codes.detach(), images, goal.reached(classifier(images)))
