"""What a defence is worth: clean and under every attack, and whether it only hides its gradient."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from generators.adversarial.defences.detector import auc, suspicion
from generators.adversarial.defences.fitting import Progress
from generators.adversarial.defences.suite import (
    KNOWS_THE_NET,
    MANY_STEPS,
    MORE_STEPS,
    ONE_STEP,
    QUERIES_ALONE,
    TRANSFERRED,
    UNBOUNDED,
    Defended,
    made_by,
)
from generators.adversarial.errors import AttackError
from generators.adversarial.goal import Attack

MARGIN, FEWEST = 0.02, 5
"""Differences below two points of accuracy, or five images (p = 0.03 in a sign test), prove nothing."""


@dataclass(frozen=True)
class Share:
    """`count` of `n` images."""

    count: int
    n: int

    @property
    def value(self) -> float:
        return self.count / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of Wilson 1927, over images.

        >>> [round(end, 3) for end in Share(9, 10).interval]
        [0.596, 0.982]
        """
        from scipy.stats import (
            binomtest,
        )  # a second to read

        low, high = binomtest(self.count, self.n).proportion_ci(0.95, method="wilson")
        return float(low), float(high)


@dataclass(frozen=True)
class UnderAttack:
    """How many images the defence still holds, and how long the attack took.

    `held` are taken for what they are or, before a safety net, caught; `right` are those the
    classifier alone takes for what they are. `auc` is how well the net tells the forged images from
    the clean ones, None without a net.
    """

    held: Share
    right: Share
    seconds: float
    auc: float | None = None


def under_attack(
    defended: Defended,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    progress: Progress | None = None,
) -> UnderAttack:
    """Attacks images (N, C, H, W) in [0, 1] with labels (N,), and looks at what holds."""
    require_labelled(images, labels)
    started = time.process_time()
    forged = made_by(attack, defended.classifier, images, labels, progress)
    seconds = time.process_time() - started
    right = _right(defended, forged, labels)
    if defended.detector is None:
        return UnderAttack(_share(right), _share(right), seconds)
    suspect = suspicion(defended.detector, forged)
    told_apart = auc(suspicion(defended.detector, images), suspect)
    return UnderAttack(_share(right | (suspect > 0)), _share(right), seconds, told_apart)


def clean(defended: Defended, images: Tensor, labels: Tensor) -> Share:
    """How many clean images are taken for what they are, and by no net for forged."""
    require_labelled(images, labels)
    right = _right(defended, images, labels)
    if defended.detector is not None:
        right &= suspicion(defended.detector, images) <= 0
    return _share(right)


def require_labelled(images: Tensor, labels: Tensor) -> None:
    """Raises AttackError unless there are images, and as many labels."""
    if len(images) == 0 or labels.shape != (len(images),):
        raise AttackError(
            f"a defence is measured on at least 1 image with a label each, got {len(images)} "
            f"and labels {tuple(labels.shape)}"
        )


def _right(defended: Defended, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        right: Tensor = defended.classifier(images).argmax(1) == labels
    return right


def _share(rows: Tensor) -> Share:
    return Share(int(rows.sum()), len(rows))


@dataclass(frozen=True)
class Worth:
    """What is known of a defence: on clean images, and under each attack that was tried so far."""

    clean: Share
    under: Mapping[str, UnderAttack] = field(default_factory=dict)

    def also(self, name: str, found: UnderAttack) -> Self:
        """With one attack more."""
        return replace(self, under={**self.under, name: found})

    @property
    def robust(self) -> Share:
        """Under the strongest of the attacks: what the defence may claim."""
        threats = [found.held for name, found in self.under.items() if name != UNBOUNDED]
        return min(threats, key=lambda share: share.value, default=self.clean)

    @property
    def attack_s(self) -> float:
        """How long all the attacks took together."""
        return sum(found.seconds for found in self.under.values())


def doubts(under: Mapping[str, UnderAttack]) -> list[str]:
    """The signs of a masked gradient (Athalye, Carlini, Wagner 2018, section 3.1), of the classifier alone.

    And of a safety net that holds only while nobody knows it.
    """
    right = {name: found.right for name, found in under.items()}
    many = right[MANY_STEPS]
    words = [
        f"{what} fools more than many steps: {right[name].value:.0%} against {many.value:.0%} still right"
        for name, what in (
            (ONE_STEP, "one step"),
            (QUERIES_ALONE, "an attack that sees no gradient"),
            (TRANSFERRED, "what was made on another classifier"),
        )
        if _is_less(right[name], many, MARGIN)
    ]
    if _is_less(right[MORE_STEPS], many, 5 * MARGIN):
        words.append(
            f"more steps go on fooling more: {right[MORE_STEPS].value:.0%} right after {many.value:.0%}"
        )
    if (left := right[UNBOUNDED].value) > MARGIN:
        words.append(f"an attack without bounds leaves {left:.0%} right, and must leave none")
    return words + _doubts_of_the_net(under)


def _doubts_of_the_net(under: Mapping[str, UnderAttack]) -> list[str]:
    if KNOWS_THE_NET not in under:
        return []
    known, many = under[KNOWS_THE_NET].held, under[MANY_STEPS].held
    if not _is_less(known, many, MARGIN):
        return []
    return [
        f"an attack that knows the net gets past it: {known.value:.0%} held, {many.value:.0%} before"
    ]


def _is_less(share: Share, than: Share, margin: float) -> bool:
    """By more than chance."""
    return than.count - share.count >= max(FEWEST, margin * share.n)
