"""Launching a study: its rules are checked, and its design frozen when its last pool is ready."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from evalsite.accounts.models import User
from evalsite.catalog.models import Dataset, Pool
from evalsite.studies.checks import Asked, faults
from evalsite.studies.design import Rules, condition_of
from evalsite.studies.models import Protocol, Study
from evalsite.studies.services.errors import Refused
from evalsite.studies.services.laying_out import (
    MASK_MS,
    MASKS,
    require_enough_images,
    staircase_of,
)
from evalsite.studies.services.naming import require_namable

PLAIN = Rules()
MOST_BLOCKS, FULL_BLOCK = 3, 150  # as HYPE has them; a shorter study has fewer, not shorter ones
SMALLEST_SIDE_PX = {Protocol.SELECT: 128}  # of an image on the screen, if others are beside it
ALONE_SIDE_PX = 280
"""An image is enlarged by the whole number that comes nearest below these."""


@transaction.atomic
def launch_study(
    *,
    owner: User | None,
    name: str,
    dataset: Dataset,
    pools: Sequence[Pool],
    protocol: str,
    trials: int,
    consent_text: str,
    practice_trials: int = 4,
    seed: int = 0,
    rules: Rules = PLAIN,
    blocks: int | None = None,
    completion_code: str = "",
    return_url: str = "",
    screened_out_url: str = "",
) -> Study:
    """Create a study; it opens now, or as soon as its last pool is ready.

    Args:
        trials: screens of each observer, without practice and catch trials.
        blocks: between which there are breaks; None for as many as the protocol is used to.

    Raises:
        Refused: nobody could take part in such a study.
    """
    _check_pools(pools, dataset)
    blocks = _blocks(protocol, trials) if blocks is None else blocks
    asked = Asked(protocol, rules, len(pools), trials, practice_trials, blocks)
    if found := list(faults(asked)):
        raise Refused("; ".join(found))
    study = Study(
        name=name,
        owner=owner,
        dataset=dataset,
        real_pool=dataset.held_out_pool,
        protocol=protocol,
        condition=condition_of(protocol, rules),
        rules_json=rules.as_json(),
        trials_per_observer=trials,
        practice_trials=practice_trials,
        blocks_per_observer=blocks,
        consent_text=consent_text,
        seed=seed,
        display_multiple=_multiple(protocol, dataset),
        completion_code=completion_code,
        return_url=return_url,
        screened_out_url=screened_out_url,
    )
    require_enough_images(study, pools)
    if study.task == "name":
        require_namable(study, pools)
    study.save()
    study.pools.set(pools)
    open_if_ready(study)
    return study


def _check_pools(pools: Sequence[Pool], dataset: Dataset) -> None:
    if not pools:
        raise Refused("a study compares the images of at least 1 generator, got none")
    strangers = [str(pool) for pool in pools if pool.is_real or pool.imitates != dataset]
    if strangers:
        raise Refused(f"these pools do not imitate {dataset}: {', '.join(strangers)}")
    if any(pool.classes != pools[0].classes for pool in pools):
        raise Refused(
            "these pools are of different classes, so that the class of an image would tell which it is "
            f"from: {', '.join(map(str, pools))}; take pools of the same classes"
        )


def _blocks(protocol: str, trials: int) -> int:
    """A staircase needs a long block to settle, so a short study has one."""
    return min(max(trials // FULL_BLOCK, 1), MOST_BLOCKS) if protocol == Protocol.FLASH else 1


def _multiple(protocol: str, dataset: Dataset) -> int:
    side_px = SMALLEST_SIDE_PX.get(Protocol(protocol), ALONE_SIDE_PX)
    return max(1, side_px // dataset.resolution_px)


def open_if_ready(study: Study) -> bool:
    """Open a waiting study whose pools are all ready, and freeze its design."""
    pools = list(study.pools.order_by("pk"))
    if any(not pool.is_ready for pool in pools):
        return False
    design = describe_design(study, pools)
    opened = Study.objects.waiting().filter(pk=study.pk)
    won = opened.update(
        state=Study.State.OPEN,
        opened_at=timezone.now(),
        design=design,
        design_hash=hash_design(design),
    )
    study.refresh_from_db()
    return bool(won)


def open_studies_of(pool: Pool) -> None:
    """Open every study that waited for this pool only."""
    for study in Study.objects.waiting().filter(pools=pool):
        open_if_ready(study)


def open_waiting() -> None:
    """Open every study that can be opened."""
    for study in Study.objects.waiting():
        open_if_ready(study)


SHARE_OF_REAL = {
    Protocol.PAIR: "one image of a pair is real; of a pair of generators, none",
    Protocol.SELECT: "a third to two thirds of each grid, half of all images",
    Protocol.NAME: "as many as of each generator; in practice, all",
}


def describe_design(study: Study, pools: Iterable[Pool]) -> dict[str, Any]:
    """Everything that may sway answers, and what is done with them."""
    rules = study.rules.as_json()
    apart = {name: rules.pop(name) for name in ("criteria", "stopping", "payment")}
    design: dict[str, Any] = {
        "protocol": study.protocol,
        "condition": study.condition,
        "rules": rules,
        **apart,
        "dataset": study.dataset.slug,
        "real": study.real_pool.describe(),
        "generators": [pool.describe() for pool in pools],
        "trials_per_observer": study.trials_per_observer,
        "practice_trials": study.practice_trials,
        "blocks_per_observer": study.blocks_per_observer,
        "share_of_real_images": SHARE_OF_REAL.get(Protocol(study.protocol), "half"),
        "display_multiple": study.display_multiple,
        "seed": study.seed,
        "consent_text": study.consent_text,
        "excluded": (
            "practice and catch trials, who did not qualify or is left out by the criteria, "
            "and the answers of the study's own researcher"
        ),
    }
    if staircase := staircase_of(study):
        design["staircase"] = {**asdict(staircase), "convergence": staircase.convergence}
    if study.task == "name":
        design["class_names"] = list(study.dataset.class_names)
    if study.is_flash:
        design["masks"] = {"count": MASKS, "each_ms": MASK_MS, "of": "phase-scrambled images"}
    return design


def hash_design(design: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(design, sort_keys=True).encode()).hexdigest()
