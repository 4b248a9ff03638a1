"""A plan carried out: every image forged, flipped or left alone, and what the classifier says of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from classifiers.errors import ClassifierError
from classifiers.measuring import predictions
from classifiers.training import as_input
from classifiers.victim import Victim
from generators.adversarial import forging
from generators.adversarial.codes import Codes
from generators.adversarial.errors import AttackError
from generators.adversarial.forged import Forged, Labels, as_levels, joined, kept_within, mirrored
from generators.adversarial.goal import Goal
from generators.adversarial.makers import FORGING_RATE, MAKERS, Order
from generators.adversarial.norms import Ball, norm_called
from generators.adversarial.plan import ATTACKS, Plan, Rung
from generators.adversarial.substitute import MOST_ASKED_FIRST, Substitute, taught
from generators.data import Images
from generators.noise import BLOCK_IMAGES
from generators.sampling import TrainedGenerator

Progress = Callable[[int, int], object]
"""Called with images done, and of all; what it raises ends the work."""


def forge(
    victim: Victim,
    images: Images | None,
    labels: Labels | None,
    plan: Plan,
    rung: Rung,
    *,
    rows: range | None = None,
    generator: TrainedGenerator | None = None,
    progress: Progress | None = None,
) -> Forged:
    """One rung of a plan, of all images or of some rows, as `Campaign` does it."""
    campaign = Campaign(victim, images, labels, plan, generator)
    return campaign.forge(rung, rows=rows, progress=progress)


@dataclass(frozen=True)
class Campaign:
    """A plan against a classifier, with the images uint8 (n, H, W, C) and labels (n,) it is about.

    Attacks that make their images need none: from noise, and from the codes of a `generator`, they
    make `plan.images`. Labels are as the classifier numbers its classes, and may be None with a
    target. Image i is a function of the plan, the images and i alone, however the work is cut. Raises
    AttackError for what does not fit together.
    """

    victim: Victim
    images: Images | None
    labels: Labels | None
    plan: Plan
    generator: TrainedGenerator | None = None

    def __post_init__(self) -> None:
        _require_means(self.victim, self.plan, self.generator)
        _require_images(self.originals, self.victim)
        _require_classes(self.goal, len(self), self.victim)
        if self.plan.norm and self.plan.epsilons:
            Ball(as_input(self.originals[:1]), max(self.plan.epsilons), norm_called(self.plan.norm))

    def __len__(self) -> int:
        return len(self.originals)

    @cached_property
    def originals(self) -> Images:
        """What the images were before, uint8 (n, H, W, C)."""
        if self.plan.about.starts_from == "noise":
            side, channels = self.victim.resolution_px, self.victim.channels
            random = np.random.default_rng(self.plan.seed)
            return random.integers(0, 256, (self.plan.images, side, side, channels), np.uint8)
        if self._codes is not None:
            return self._codes.images()
        if self.images is None:
            raise AttackError(f"{self.plan.attack} needs images to change, got none")
        return self.images

    @cached_property
    def truth(self) -> Labels | None:
        """What the originals show, (n,); None where nobody knows."""
        if self.plan.about.starts_from == "noise":
            return None
        return self.labels if self._codes is None else self._codes.labels()

    @cached_property
    def goal(self) -> Goal:
        """The target, or the truth to get away from, of every image."""
        if self.plan.target is not None:
            return Goal(torch.full((len(self),), self.plan.target), targeted=True)
        if self.truth is None:
            raise AttackError(
                "images without labels need a target: what each shows decides whether it fools"
            )
        return Goal(torch.from_numpy(self.truth.astype(np.int64)))

    def forge(
        self,
        rung: Rung,
        *,
        rows: range | None = None,
        forged: Images | None = None,
        progress: Progress | None = None,
    ) -> Forged:
        """The images of a rung in these rows, by default in all.

        `forged` are all images of the forged rung of this ε, where they are at hand: the flipped ones
        are then made of them, and need not be forged again.
        """
        wanted = range(len(self)) if rows is None else rows
        parts: list[Forged] = []
        for first in range(wanted.start - wanted.start % BLOCK_IMAGES, wanted.stop, BLOCK_IMAGES):
            block = self._block(rung, slice(first, first + BLOCK_IMAGES), forged)
            parts.append(block.rows(slice(max(wanted.start - first, 0), wanted.stop - first)))
            if progress:
                progress(sum(map(len, parts)), len(wanted))
        return joined(parts)

    def moments(self, count: int) -> list[forging.Moment]:
        """The first images while they are optimised; AttackError unless a class is forged."""
        if not self.plan.about.targeted_only:
            raise AttackError(f"{self.plan.attack} forges no class that could be watched to appear")
        return list(
            forging.forge(
                self.victim, as_input(self.originals[:count]), self.goal.classes[:count],
                closeness=self.plan.closeness or 0.0, steps=self.plan.steps or 1, rate=FORGING_RATE,
            )
        )  # fmt: skip

    def _block(self, rung: Rung, block: slice, forged: Images | None) -> Forged:
        originals = self.originals[block]
        unasked = np.zeros(len(originals), np.int64)
        if rung.kind == "clean":
            return self._judged(block, originals, unasked)
        if rung.kind == "flipped":
            made = self._made(block, rung)[0] if forged is None else forged[block]
            return self._judged(block, mirrored(originals, made), unasked)
        made, queries = self._made(block, rung)
        if self.plan.attack != "substitute":
            return self._judged(block, made, queries)
        return replace(self._judged(block, made, unasked), shared_queries=self._substitute.queries)

    def _made(self, block: slice, rung: Rung) -> tuple[Images, Labels]:
        """The images of a block, and how often the attacked network was asked about each."""
        goal = self._goal(block)
        if self._codes is not None:
            steps = self.plan.steps or 1
            attempt = self._codes.search(self.victim, block.start, goal, steps=steps)
        else:
            attacked = self._substitute.network if self.plan.attack == "substitute" else self.victim
            images, random = as_input(self.originals[block]), self._random(block.start)
            order = Order(attacked, images, goal, self.plan, rung.epsilon, random)
            attempt = MAKERS[self.plan.attack](order)
        made, queries = as_levels(attempt.images), attempt.queries.cpu().numpy()
        if rung.epsilon and self.plan.norm == "linf":
            made = kept_within(self.originals[block], made, rung.epsilon)
        return made, queries

    def _judged(self, block: slice, made: Images, queries: Labels) -> Forged:
        originals, goal = self.originals[block], self._goal(block)
        said, clean = predictions(self.victim, made), predictions(self.victim, originals)
        classes = goal.classes.numpy()
        fooled = said == classes if goal.targeted else said != classes
        counted = clean != classes if goal.targeted else clean == classes
        return Forged(originals, made, said, clean, fooled, counted, queries)

    def _goal(self, block: slice) -> Goal:
        return Goal(self.goal.classes[block], self.goal.targeted)

    def _random(self, first: int) -> torch.Generator:
        drawn = np.random.SeedSequence([self.plan.seed, first]).generate_state(1)
        return torch.Generator().manual_seed(int(drawn[0]))

    @cached_property
    def _codes(self) -> Codes | None:
        if self.generator is None:
            return None
        return Codes(self.generator, self.plan.seed, self.plan.images)

    @cached_property
    def _substitute(self) -> Substitute:
        first, classes = as_input(self.originals[:MOST_ASKED_FIRST]), len(self.victim.class_names)
        return taught(self.victim, first, classes, seed=self.plan.seed)


def _require_means(victim: Victim, plan: Plan, generator: TrainedGenerator | None) -> None:
    if plan.about.needs == "gradient" and not victim.knows_gradient:
        others = [attack.name for attack in ATTACKS.values() if attack.needs != "gradient"]
        raise AttackError(
            f"{plan.attack} needs the classifier's gradient, and {victim.name} is a black box: "
            f"choose {', '.join(others)}"
        )
    if (plan.about.starts_from == "codes") != (generator is not None):
        word = "needs a" if generator is None else "takes no"
        raise AttackError(f"{plan.attack} {word} generator")


def _require_images(images: Images, victim: Victim) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise AttackError(
            f"at least 1 image uint8 (n, H, W, C) is needed, got {images.dtype} {images.shape}"
        )
    try:
        victim.require((images.shape[3], *images.shape[1:3]))
    except ClassifierError as error:
        raise AttackError(str(error)) from error


def _require_classes(goal: Goal, count: int, victim: Victim) -> None:
    found, most = goal.classes, len(victim.class_names) - 1
    what = "target" if goal.targeted else "labels"
    if found.shape != (count,):
        raise AttackError(
            f"{what} must be ({count},), one for each image, got {tuple(found.shape)}"
        )
    for number in (int(found.min()), int(found.max())):
        if not 0 <= number <= most:
            raise AttackError(
                f"{what} must be from 0 to {most}, the classes of {victim.name}, got {number}"
            )
