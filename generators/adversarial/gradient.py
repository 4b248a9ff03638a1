"""Attacks that know the classifier's gradient: one step, and many."""

import torch
from torch import Tensor

from generators.adversarial.goal import (
    Attempt,
    Classifier,
    Goal,
    check,
    finish,
    input_gradient,
    joined,
    parts_of,
)
from generators.adversarial.norms import Ball, norm_called


def fgsm(
    classifier: Classifier, images: Tensor, goal: Goal, *, epsilon: float, norm: str = "linf"
) -> Attempt:
    """x + ε sign(∇ₓ J(x, y)), Goodfellow, Shlens, Szegedy 2015, section 4; for l2 its unit gradient.

    `images` float (N, C, H, W) in [0, 1]. Raises AttackError.
    """
    return pgd(classifier, images, goal, epsilon=epsilon, step=epsilon, steps=1, norm=norm)


def pgd(
    classifier: Classifier,
    images: Tensor,
    goal: Goal,
    *,
    epsilon: float,
    steps: int,
    step: float | None = None,
    norm: str = "linf",
    random: torch.Generator | None = None,
) -> Attempt:
    """Steps along the gradient, put back into the ball after each (Madry et al. 2018, section 2.1).

    Without `random` it starts at the images and is the iterative FGSM of Kurakin, Goodfellow, Bengio
    2017; with it, anywhere in the ball. `step` is 2.5 ε / steps unless given.
    """
    check(images, goal, classifier)
    kind, length = norm_called(norm), 2.5 * epsilon / steps if step is None else step
    start = images if random is None else Ball(images, epsilon, kind).random(random)
    parts = []
    for rows in parts_of(images):
        ball, part = Ball(images[rows], epsilon, kind), goal.of(rows)
        found = descend(classifier, start[rows], ball, part, length=length, steps=steps)
        parts.append(finish(classifier, found, part, steps))
    return joined(parts)


def descend(
    classifier: Classifier, start: Tensor, ball: Ball, goal: Goal, *, length: float, steps: int
) -> Tensor:
    """Where steps of `length` along the gradient lead from `start`, within the ball."""
    found = start
    for _ in range(steps):
        gradient = input_gradient(classifier, found, goal.cost)
        found = ball.nearest(torch.sub(found, ball.norm.steepest(gradient), alpha=length))
    return found
