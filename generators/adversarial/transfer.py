"""Images made on one classifier and tried on others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers.measuring import predictions
from classifiers.shares import Share
from classifiers.victim import Victim
from generators.adversarial.campaign import Campaign
from generators.adversarial.errors import AttackError
from generators.adversarial.forged import Labels, Mask
from generators.adversarial.plan import Plan
from generators.data import Images

Progress = Callable[[int, int], object]
"""Called with images forged, and of all that will be."""


@dataclass(frozen=True)
class Transfer:
    """`counts` (M, M) of `of` (M, M) images made on the row's classifier fool the column's.

    Only images that both get right when clean are in `of`. A row of zeros in `attacked` (M,) is a
    black box that the attack cannot be made on.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    of: NDArray[np.int64]
    attacked: Mask

    def share(self, row: int, column: int) -> Share | None:
        """With Wilson's interval; None where there is no image to tell by."""
        of = int(self.of[row, column])
        if not (of and self.attacked[row]):
            return None
        return Share.of(int(self.counts[row, column]), of)


def transfer(
    victims: Sequence[Victim],
    images: Images,
    truths: Sequence[Labels],
    plan: Plan,
    *,
    progress: Progress | None = None,
) -> Transfer:
    """A plan's first rung on every classifier, tried on all (Papernot, McDaniel, Goodfellow 2016).

    `images` are uint8 (n, H, W, C), `truths` their labels (n,) as each classifier numbers its
    classes. Raises AttackError for a plan with a target and what `Campaign` refuses.
    """
    if plan.target is not None or len(victims) < 2:
        raise AttackError(
            f"transfer needs at least 2 classifiers and no target, got {len(victims)} and "
            f"target {plan.target}"
        )
    size, n = len(victims), len(images)
    attacked = np.array([_can_be_attacked(victim, plan) for victim in victims])
    campaigns = {
        row: Campaign(victims[row], images, truths[row], plan)
        for row in range(size)
        if attacked[row]
    }
    right = [
        predictions(victim, images) == truth for victim, truth in zip(victims, truths, strict=True)
    ]
    of = np.array([[int((one & other).sum()) for other in right] for one in right])
    counts = np.zeros((size, size), np.int64)
    for turn, (row, campaign) in enumerate(campaigns.items()):

        def told(done: int, _: int, turn: int = turn) -> None:
            if progress:
                progress(turn * n + done, len(campaigns) * n)

        made = campaign.forge(plan.rungs()[0], progress=told).images
        for column, (victim, truth) in enumerate(zip(victims, truths, strict=True)):
            fooled = predictions(victim, made) != truth
            counts[row, column] = (fooled & right[row] & right[column]).sum()
    return Transfer(tuple(victim.name for victim in victims), counts, of, attacked)


def _can_be_attacked(victim: Victim, plan: Plan) -> bool:
    return victim.knows_gradient or plan.about.needs != "gradient"
