"""What an attack is after, what it costs, and what it came to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from generators.adversarial.errors import AttackError

Classifier = Callable[[Tensor], Tensor]
"""Images float32 (N, C, H, W) in [0, 1] -> logits float32 (N, K)."""


@dataclass(frozen=True)
class Goal:
    """The class that each image must not be taken for or, if `targeted`, must be taken for.

    `classes` is int64 (N,).
    """

    classes: Tensor
    targeted: bool = False

    def cost(self, logits: Tensor) -> Tensor:
        """(N,): the cross-entropy of the target, or the negative one of the true class; less is better."""
        towards = cross_entropy(logits, self.classes, reduction="none")
        return towards if self.targeted else -towards

    def margin(self, logits: Tensor) -> Tensor:
        """(N,): how far the wanted outcome is away, in logits; negative when it is reached.

        Carlini and Wagner 2017, equation f₆: max of the others minus the target, or the reverse.
        """
        own = logits.gather(1, self.classes[:, None])[:, 0]
        others = logits.scatter(1, self.classes[:, None], -torch.inf).amax(1)
        return others - own if self.targeted else own - others

    def reached(self, logits: Tensor) -> Tensor:
        """bool (N,)."""
        hit = logits.argmax(1) == self.classes
        return hit if self.targeted else ~hit

    def of(self, rows: Tensor | slice) -> Self:
        """The goal of some of the images."""
        return type(self)(self.classes[rows], self.targeted)


@dataclass(frozen=True)
class Attempt:
    """What an attack made: images (N, C, H, W) in [0, 1], which of them fool, at what price.

    `queries` int64 (N,) counts how often the classifier was asked about each image or its neighbours.
    """

    images: Tensor
    fooled: Tensor
    queries: Tensor

    @property
    def success_rate(self) -> float:
        """The share of images that fool."""
        return float(self.fooled.float().mean())


Attack = Callable[[Classifier, Tensor, Goal], Attempt]
"""A way to reach goals, all its options settled."""


def finish(classifier: Classifier, images: Tensor, goal: Goal, queries: Tensor | int) -> Attempt:
    """Looks at what was made, once more than `queries`."""
    with torch.no_grad():
        fooled = goal.reached(classifier(images))
    counted = torch.as_tensor(queries, device=images.device).expand(len(images)) + 1
    return Attempt(images.detach(), fooled, counted)


PART = {"cpu": 512}
"""Images taken at a time where the cache then holds what a step makes of them; elsewhere all at once."""


def parts_of(images: Tensor) -> list[slice]:
    """The rows of some images at a time; what is made of an image does not depend on the others."""
    size = PART.get(images.device.type, len(images))
    return [slice(start, start + size) for start in range(0, len(images), size)]


def joined(parts: Sequence[Attempt]) -> Attempt:
    """Attempts on parts of the images as one."""
    return Attempt(
        torch.cat([part.images for part in parts]),
        torch.cat([part.fooled for part in parts]),
        torch.cat([part.queries for part in parts]),
    )


def input_gradient(
    classifier: Classifier, images: Tensor, score: Callable[[Tensor], Tensor]
) -> Tensor:
    """∇ₓ Σ score(logits) for each image, (N, C, H, W); `score` maps (N, K) to (N,).

    Raises AttackError for a classifier whose scores do not depend smoothly on the image.
    """
    images = images.detach().requires_grad_()
    total = score(classifier(images)).sum()
    if not total.requires_grad:
        raise AttackError("the classifier's scores have no gradient: choose an attack by queries")
    (gradient,) = torch.autograd.grad(total, images)
    return gradient


def check(images: Tensor, goal: Goal, classifier: Classifier) -> None:
    """Raises AttackError unless images, classes and classifier fit one another."""
    if images.ndim != 4 or not images.is_floating_point():
        raise AttackError(
            f"images must be float (N, C, H, W), got {images.dtype} {tuple(images.shape)}"
        )
    if len(images) == 0:
        raise AttackError("an attack needs at least 1 image, got 0")
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise AttackError(f"images must be in [0, 1], got {low:.3g} to {high:.3g}")
    if goal.classes.shape != (len(images),):
        raise AttackError(
            f"classes must be ({len(images)},), one for each image, got {tuple(goal.classes.shape)}"
        )
    with torch.no_grad():
        logits = classifier(images[:1])
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise AttackError(
            f"a classifier must give at least 2 class scores for each image, (N, K), got "
            f"{tuple(logits.shape)} for 1 image"
        )
    lowest, highest = int(goal.classes.min()), int(goal.classes.max())
    if lowest < 0 or highest >= logits.shape[1]:
        wrong = lowest if lowest < 0 else highest
        raise AttackError(
            f"class {wrong} is none of the classifier's {logits.shape[1]}: choose 0 to "
            f"{logits.shape[1] - 1}"
        )
