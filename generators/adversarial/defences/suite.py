"""The attacks that a defence is measured under, each there to be compared with another."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generators.adversarial.black_box import descend_estimated
from generators.adversarial.defences.detector import pgd_past_both
from generators.adversarial.defences.fitting import Progress
from generators.adversarial.goal import Attack, Attempt, Classifier, Goal, input_gradient
from generators.adversarial.gradient import fgsm, pgd
from generators.adversarial.square import square

STEPS, TIMES_MORE = 10, 10
QUERIES = 300
PART = 50
"""Images attacked between two words about progress."""
EVERYTHING = 1.0
"""The ε within which any image may become any other."""

ONE_STEP = "one step"
MANY_STEPS = "many steps"
MORE_STEPS = "ten times as many"
QUERIES_ALONE = "queries alone"
TRANSFERRED = "made on another"
KNOWS_THE_NET = "knows the net"
UNBOUNDED = "unbounded"


@dataclass(frozen=True)
class Defended:
    """A classifier (N, C, H, W) -> (N, K), and the safety net before it, if any: clean and forged."""

    classifier: nn.Module
    detector: nn.Module | None = None


def attacks_on(
    defended: Defended, other: Classifier, *, epsilon: float, seed: int = 0
) -> Mapping[str, Attack]:
    """The attacks by name, in l∞ within `epsilon`, all but the last as the table has them.

    Athalye, Carlini, Wagner 2018, section 3.1, compare them in pairs: `one step` and `many steps` see
    the gradient, `ten times as many` goes on for longer, `queries alone` asks for scores, `made on
    another` is made on the classifier `other`, and `unbounded` may change all, which is a check and no
    threat. Before a safety net stands one more, which `knows the net`.
    """
    found: dict[str, Attack] = {
        ONE_STEP: lambda asked, images, goal: fgsm(asked, images, goal, epsilon=epsilon),
        MANY_STEPS: Following(epsilon, STEPS),
        MORE_STEPS: Following(epsilon, TIMES_MORE * STEPS),
        QUERIES_ALONE: _Squares(epsilon, seed),
        TRANSFERRED: lambda _, images, goal: pgd(other, images, goal, epsilon=epsilon, steps=STEPS),
    }
    if defended.detector is not None:
        found[KNOWS_THE_NET] = _PastBoth(defended.detector, epsilon)
    return found | {UNBOUNDED: Following(EVERYTHING, STEPS)}


def made_by(
    attack: Attack,
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    progress: Progress | None = None,
) -> Tensor:
    """What the attack makes of images (N, C, H, W) that are to be taken for anything but their labels."""
    made = []
    for start in range(0, len(images), PART):
        rows = slice(start, start + PART)
        made.append(attack(classifier, images[rows], Goal(labels[rows])).images)
        if progress:
            progress(min(start + PART, len(images)), len(images))
    return torch.cat(made)


@dataclass(frozen=True)
class Following:
    """PGD that leaves alone what fools: as strong as any of its steps, and cheap where little holds."""

    epsilon: float
    steps: int

    def __call__(self, classifier: Classifier, images: Tensor, goal: Goal) -> Attempt:
        return descend_estimated(
            classifier, images, goal, _gradient, epsilon=self.epsilon, steps=self.steps
        )


def _gradient(classifier: Classifier, images: Tensor, goal: Goal) -> tuple[Tensor, int]:
    return input_gradient(classifier, images, goal.cost), 1


@dataclass(frozen=True)
class _Squares:
    epsilon: float
    seed: int

    def __call__(self, classifier: Classifier, images: Tensor, goal: Goal) -> Attempt:
        random = torch.Generator().manual_seed(self.seed)
        return square(
            classifier, images, goal, epsilon=self.epsilon, queries=QUERIES, random=random
        )


@dataclass(frozen=True)
class _PastBoth:
    detector: nn.Module
    epsilon: float

    def __call__(self, classifier: Classifier, images: Tensor, goal: Goal) -> Attempt:
        steps = TIMES_MORE * STEPS
        return pgd_past_both(
            classifier, self.detector, images, goal, epsilon=self.epsilon, steps=steps
        )
