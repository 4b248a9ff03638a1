"""The smallest l2 change that fools, by gradient descent on a cost of size and margin."""

import torch
from torch import Tensor

from generators.adversarial.goal import Attempt, Classifier, Goal, check, joined, parts_of

ALMOST_ONE = 0.999
"""Black and white start a little inside: where tanh is flat there is no gradient to follow."""


def carlini_wagner(
    classifier: Classifier,
    images: Tensor,
    goal: Goal,
    *,
    confidence: float = 0.0,
    searches: int = 6,
    steps: int = 100,
    rate: float = 0.01,
    first_weight: float = 1.0,
) -> Attempt:
    """min ‖x′ − x‖² + c · max(margin(x′), −κ) with x′ = (tanh w + 1)/2, Carlini and Wagner 2017.

    `searches` halve the interval in which each image's weight c is sought; the nearest image that
    fools is kept, and an image that was never fooled comes back as it was.
    """
    check(images, goal, classifier)
    return joined(
        [
            _search(
                classifier, images[rows], goal.of(rows), confidence, searches, steps, rate,
                first_weight,
            )
            for rows in parts_of(images)
        ]
    )  # fmt: skip


def _search(
    classifier: Classifier,
    images: Tensor,
    goal: Goal,
    confidence: float,
    searches: int,
    steps: int,
    rate: float,
    first_weight: float,
) -> Attempt:
    """Some of the images at a time."""
    nearest = _Nearest(images)
    low = torch.zeros(len(images), device=images.device)
    high = torch.full_like(low, torch.inf)
    weight = torch.full_like(low, first_weight)
    for _ in range(searches):
        fooled = _descend(classifier, images, goal, weight, confidence, steps, rate, nearest)
        high = torch.where(fooled, torch.minimum(high, weight), high)
        low = torch.where(fooled, low, torch.maximum(low, weight))
        weight = torch.where(high.isinf(), 10 * weight, (low + high) / 2)
    queries = torch.full((len(images),), searches * steps, device=images.device)
    return Attempt(nearest.images, nearest.found, queries)


class _Nearest:
    """The nearest image so far that fools, for each."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.clone()
        self.found = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        self._distance = torch.full((len(images),), torch.inf, device=images.device)

    def keep(self, images: Tensor, distance: Tensor, fooled: Tensor) -> None:
        better = fooled & (distance < self._distance)
        self.images[better] = images[better]
        self._distance[better] = distance[better]
        self.found |= better


def _descend(
    classifier: Classifier,
    images: Tensor,
    goal: Goal,
    weight: Tensor,
    confidence: float,
    steps: int,
    rate: float,
    nearest: _Nearest,
) -> Tensor:
    """One descent with a fixed weight for each image; which images were ever fooled."""
    w = torch.atanh((2 * images - 1) * ALMOST_ONE).requires_grad_()
    adam = torch.optim.Adam([w], lr=rate, fused=True)
    ever = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    for _ in range(steps):
        made = (torch.tanh(w) + 1) / 2
        distance = (made - images).square().flatten(1).sum(1)
        margin = goal.margin(classifier(made))
        fooled = (margin.detach() < -confidence) if confidence else (margin.detach() < 0)
        nearest.keep(made.detach(), distance.detach(), fooled)
        ever |= fooled
        cost = distance + weight * margin.clamp(min=-confidence)
        adam.zero_grad(set_to_none=True)
        cost.sum().backward(inputs=[w])  # type: ignore[no-untyped-call]
        adam.step()
    return ever
