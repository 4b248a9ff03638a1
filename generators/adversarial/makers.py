"""What each attack of a plan does with one block of images."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor

from generators.adversarial.black_box import (
    Estimator,
    descend_estimated,
    finite_differences,
    natural_evolution,
)
from generators.adversarial.carlini_wagner import carlini_wagner
from generators.adversarial.forging import forge
from generators.adversarial.goal import Attempt, Classifier, Goal
from generators.adversarial.gradient import fgsm, pgd
from generators.adversarial.plan import Plan
from generators.adversarial.square import square

CONFIDENCE = 0.3
"""κ, in logits: what only just fools is lost when pixels are rounded to 8 bits."""
CARLINI_WAGNER_RATE = 0.1
FORGING_RATE = 0.02


@dataclass(frozen=True)
class Order:
    """Images (N, C, H, W) in [0, 1] for a plan's attack, with an ε where it has one."""

    classifier: Classifier
    images: Tensor
    goal: Goal
    plan: Plan
    epsilon: float | None
    random: torch.Generator

    @property
    def size(self) -> float:
        """ε of an attack that has one."""
        return cast(float, self.epsilon)

    @property
    def steps(self) -> int:
        """A plan has filled them in."""
        return cast(int, self.plan.steps)

    @property
    def norm(self) -> str:
        """That of an attack that has one."""
        return cast(str, self.plan.norm)


Maker = Callable[[Order], Attempt]


def _fgsm(order: Order) -> Attempt:
    return fgsm(order.classifier, order.images, order.goal, epsilon=order.size, norm=order.norm)


def _pgd(order: Order, *, anywhere: bool) -> Attempt:
    return pgd(
        order.classifier, order.images, order.goal, epsilon=order.size, steps=order.steps,
        norm=order.norm, random=order.random if anywhere else None,
    )  # fmt: skip


def _carlini_wagner(order: Order) -> Attempt:
    return carlini_wagner(
        order.classifier, order.images, order.goal,
        steps=order.steps, rate=CARLINI_WAGNER_RATE, confidence=CONFIDENCE,
    )  # fmt: skip


def _estimated(order: Order, estimate: Estimator) -> Attempt:
    return descend_estimated(
        order.classifier, order.images, order.goal, estimate,
        epsilon=order.size, steps=order.steps, norm=order.norm,
    )  # fmt: skip


def _nes(order: Order) -> Attempt:
    return _estimated(order, partial(natural_evolution, random=order.random))


def _square(order: Order) -> Attempt:
    return square(
        order.classifier, order.images, order.goal,
        epsilon=order.size, queries=order.steps, random=order.random,
    )  # fmt: skip


def _forge(order: Order) -> Attempt:
    *_, last = forge(
        order.classifier, order.images, order.goal.classes,
        closeness=order.plan.closeness or 0.0, steps=order.steps, rate=FORGING_RATE, moments=1,
    )  # fmt: skip
    queries = torch.full((len(order.images),), order.steps + 1)
    with torch.no_grad():
        return Attempt(last.images, order.goal.reached(order.classifier(last.images)), queries)


MAKERS: dict[str, Maker] = {
    "fgsm": _fgsm,
    "iterative-fgsm": partial(_pgd, anywhere=False),
    "pgd": partial(_pgd, anywhere=True),
    "carlini-wagner": _carlini_wagner,
    "finite-differences": partial(_estimated, estimate=finite_differences),
    "nes": _nes,
    "square": _square,
    "substitute": partial(_pgd, anywhere=True),
    "forge-from-noise": _forge,
    "forge-from-image": _forge,
}
"""By the name of the attack; the latent search, which changes no pixels, is not among them."""
