"""Attacks that may only ask: gradients by finite differences, by natural evolution, and random squares."""

from collections.abc import Callable

import torch
from torch import Tensor

from generators.adversarial.goal import Attempt, Classifier, Goal, check, finish
from generators.adversarial.norms import Ball, norm_called

Estimator = Callable[[Classifier, Tensor, Goal], tuple[Tensor, int]]
"""Images -> estimated ∇ₓ cost, and how many queries it took for each image."""
MOST_AT_ONCE = 512


def finite_differences(
    classifier: Classifier, images: Tensor, goal: Goal, *, distance: float = 1e-2
) -> tuple[Tensor, int]:
    """∂J/∂xᵢ ≈ (J(x + h eᵢ) − J(x − h eᵢ)) / 2h for every value i of each image (Chen et al. 2017, equation 6).

    Returns the gradient (N, C, H, W) and 2·C·H·W, the queries it took for each image.
    """
    size = images[0].numel()
    gradient = torch.empty(len(images), size, dtype=images.dtype, device=images.device)
    unit = torch.eye(size, dtype=images.dtype, device=images.device).view(-1, *images.shape[1:])
    for row, image in enumerate(images):
        one = goal.of(torch.tensor([row], device=images.device))
        for start in range(0, size, MOST_AT_ONCE):
            part = slice(start, start + MOST_AT_ONCE)
            ahead = _costs(classifier, image + distance * unit[part], one)
            behind = _costs(classifier, image - distance * unit[part], one)
            gradient[row, part] = (ahead - behind) / (2 * distance)
    return gradient.view_as(images), 2 * size


def natural_evolution(
    classifier: Classifier,
    images: Tensor,
    goal: Goal,
    *,
    random: torch.Generator,
    samples: int = 50,
    deviation: float = 1e-2,
) -> tuple[Tensor, int]:
    """NES: Σ uᵢ (J(x + σuᵢ) − J(x − σuᵢ)) / 2nσ over normal directions u (Ilyas et al. 2018, section 2.1.1).

    Returns the gradient (N, C, H, W) and 2 · `samples`, the queries it took for each image.
    """
    gradient = torch.zeros_like(images)
    for _ in range(samples):
        drawn = torch.randn(images.shape, generator=random, dtype=images.dtype)
        direction = drawn.to(images.device)
        with torch.no_grad():
            ahead = goal.cost(classifier(images + deviation * direction))
            behind = goal.cost(classifier(images - deviation * direction))
        gradient += (ahead - behind).view(-1, 1, 1, 1) * direction
    return gradient / (2 * samples * deviation), 2 * samples


def _costs(classifier: Classifier, images: Tensor, goal: Goal) -> Tensor:
    """The costs of many neighbours of one image."""
    with torch.no_grad():
        return Goal(goal.classes.expand(len(images)), goal.targeted).cost(classifier(images))


def descend_estimated(
    classifier: Classifier,
    images: Tensor,
    goal: Goal,
    estimate: Estimator,
    *,
    epsilon: float,
    steps: int,
    step: float | None = None,
    norm: str = "linf",
) -> Attempt:
    """PGD with an estimated gradient; images that fool are left alone, and ask no more."""
    check(images, goal, classifier)
    ball = Ball(images, epsilon, norm_called(norm))
    length = 2.5 * epsilon / steps if step is None else step
    found = images.clone()
    queries = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    for _ in range(steps):
        with torch.no_grad():
            open_rows = torch.nonzero(~goal.reached(classifier(found)))[:, 0]
        queries += 1
        if not len(open_rows):
            break
        gradient, asked = estimate(classifier, found[open_rows], goal.of(open_rows))
        queries[open_rows] += asked
        moved = found.clone()
        moved[open_rows] -= length * ball.norm.steepest(gradient)
        found = ball.nearest(moved)
    return finish(classifier, found, goal, queries)
