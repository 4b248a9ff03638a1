"""The lecture's two steps: an image made to be a class, from noise or from another image, as it happens."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from generators.adversarial.goal import Classifier, Goal, check


@dataclass(frozen=True)
class Moment:
    """Images (N, C, H, W) after a number of steps, and the target's probability (N,)."""

    step: int
    images: Tensor
    probability: Tensor


def forge(
    classifier: Classifier,
    start: Tensor,
    target: Tensor,
    *,
    closeness: float = 0.0,
    steps: int = 200,
    rate: float = 0.01,
    moments: int = 20,
) -> Iterator[Moment]:
    """Minimises CE(classifier(x), target) + λ ‖x − x₀‖² by gradient descent on the pixels.

    `start` x₀ (N, C, H, W) in [0, 1] is noise, or images to stay close to with λ = `closeness` > 0
    (Szegedy et al. 2014, section 4.1); `target` is int64 (N,). Yields `moments` evenly spaced, the
    first before any step and the last when done. Raises AttackError.
    """
    goal = Goal(target, targeted=True)
    check(start, goal, classifier)
    images = start.clone().requires_grad_()
    adam = torch.optim.Adam([images], lr=rate)
    told = {round(steps * index / max(moments - 1, 1)) for index in range(moments)} | {steps}
    for step in range(steps + 1):
        logits = classifier(images)
        if step in told:
            yield _moment(step, images, logits, target)
        if step == steps:
            return
        cost = goal.cost(logits).sum() + closeness * (images - start).square().sum()
        adam.zero_grad(set_to_none=True)
        cost.backward(inputs=[images])  # type: ignore[no-untyped-call]
        adam.step()
        with torch.no_grad():
            images.clamp_(0, 1)


def _moment(step: int, images: Tensor, logits: Tensor, target: Tensor) -> Moment:
    probability = logits.detach().softmax(1).gather(1, target[:, None])[:, 0]
    return Moment(step, images.detach().clone(), probability)
