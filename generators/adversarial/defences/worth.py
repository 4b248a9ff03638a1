"""What a defence is worth: clean and under every attack, and whether it only hides its gradient."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from generators.adversarial.goal import Classifier, Goal
from generators.adversarial.transfer import Attack


@dataclass(frozen=True)
class UnderAttack:
    """The share of images still taken for what they are, and how long the attack took."""

    attack: str
    robust_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Worth:
    """Accuracy on clean images and under each attack, over n images; doubts in words, if any."""

    clean_accuracy: float
    under: tuple[UnderAttack, ...]
    n: int
    doubts: tuple[str, ...]

    @property
    def robust_accuracy(self) -> float:
        """Under the strongest of the attacks: what the defence may claim."""
        return min((each.robust_accuracy for each in self.under), default=self.clean_accuracy)


@dataclass(frozen=True)
class Suite:
    """The attacks by what they are for: Athalye, Carlini, Wagner 2018, section 3.1, compare them in pairs.

    `one_step` and `many_steps` see the gradient, `more_steps` takes ten times as many, `unbounded` may
    change all, `black_box` asks for scores alone, and `transferred` was made on another classifier.
    """

    one_step: Attack
    many_steps: Attack
    more_steps: Attack
    unbounded: Attack
    black_box: Attack
    transferred: Attack

    def attacks(self) -> Mapping[str, Attack]:
        """By name, for the table; the unbounded one is a check, not a threat."""
        return {
            "one step": self.one_step,
            "many steps": self.many_steps,
            "ten times as many": self.more_steps,
            "queries alone": self.black_box,
            "made on another": self.transferred,
        }


def measure(classifier: Classifier, images: Tensor, labels: Tensor, suite: Suite) -> Worth:
    """Every attack of the suite on images (N, C, H, W) in [0, 1] with labels (N,)."""
    under = {
        name: _under(name, classifier, images, labels, attack)
        for name, attack in suite.attacks().items()
    }
    unbounded = _under("unbounded", classifier, images, labels, suite.unbounded)
    return Worth(
        accuracy(classifier, images, labels),
        tuple(under.values()),
        len(images),
        tuple(_doubts(under, unbounded)),
    )


def accuracy(classifier: Classifier, images: Tensor, labels: Tensor) -> float:
    """The share of images taken for their labels."""
    with torch.no_grad():
        return float((classifier(images).argmax(1) == labels).float().mean())


def _under(
    name: str, classifier: Classifier, images: Tensor, labels: Tensor, attack: Attack
) -> UnderAttack:
    started = time.perf_counter()
    made = attack(classifier, images, Goal(labels)).images
    seconds = time.perf_counter() - started
    return UnderAttack(name, accuracy(classifier, made, labels), seconds)


MARGIN = 0.02
"""Differences below two points of accuracy prove nothing."""


def _doubts(under: Mapping[str, UnderAttack], unbounded: UnderAttack) -> Sequence[str]:
    """The signs of a masked gradient (Athalye, Carlini, Wagner 2018, section 3.1)."""
    rate = {name: each.robust_accuracy for name, each in under.items()}
    many = rate["many steps"]
    checks = (
        (
            rate["one step"] < many - MARGIN,
            f"one step fools more than many ({rate['one step']:.0%} against {many:.0%} still right)",
        ),
        (
            rate["queries alone"] < many - MARGIN,
            f"an attack that sees no gradient fools more ({rate['queries alone']:.0%} against "
            f"{many:.0%} still right)",
        ),
        (
            rate["made on another"] < many - MARGIN,
            f"images made on another classifier fool more ({rate['made on another']:.0%} against "
            f"{many:.0%} still right)",
        ),
        (
            rate["ten times as many"] < many - 5 * MARGIN,
            f"more steps go on fooling more ({rate['ten times as many']:.0%} after {many:.0%})",
        ),
        (
            unbounded.robust_accuracy > MARGIN,
            f"an attack without bounds leaves {unbounded.robust_accuracy:.0%} right: it must leave none",
        ),
    )
    return [words for is_doubtful, words in checks if is_doubtful]
