"""From a study's rules to what each observer is shown: blocks, images, exposures, masks."""

from collections.abc import Sequence

import numpy as np

from evalsite.catalog.models import Pool
from evalsite.studies import planning
from evalsite.studies.design import Rules
from evalsite.studies.models import Protocol, Study
from evalsite.studies.services.errors import Refused
from scoring.staircase import RULES, UpDown

MASKS, MASK_MS, COUNTDOWN_MS = 4, 30, 500


def staircase_of(study: Study) -> UpDown | None:
    """The rule that sets a flash study's exposures one by one; None where they are planned."""
    rule = RULES[study.rules.staircase] if study.is_flash else None
    return rule if isinstance(rule, UpDown) else None


def layout_of(study: Study) -> planning.Layout:
    rules = study.rules
    blocks = planning.shares(study.trials_per_observer, study.blocks_per_observer, turn=0)
    return planning.Layout(
        protocol=study.protocol,
        practice=study.practice_trials,
        blocks=tuple(blocks.tolist()),
        grid=rules.grid,
        against=rules.against if study.protocol == Protocol.PAIR else "real",
        catch_trials=rules.catch_trials,
        exposures_ms=rules.exposures_ms,
    )


def require_enough_images(study: Study, pools: Sequence[Pool]) -> None:
    """Refuse a study of which some observer would need more images than a pool has."""
    try:
        planning.require_enough(*sizes(study.real_pool, pools, study.rules), layout_of(study))
    except planning.TooFewImages as error:
        raise Refused(f"{error}: ask for fewer trials or sample larger pools") from error


def plan(study: Study, pools: Sequence[Pool], *, turn: int) -> list[list[planning.Screen]]:
    """The screens of one observer's blocks."""
    real, fakes = sizes(study.real_pool, pools, study.rules)
    return planning.plan(real, fakes, layout_of(study), turn=turn, seed=study.seed)


def observers_needed(study: Study, pools: Sequence[Pool]) -> int:
    """How many people it takes until each of the generators' images has its number of answers."""
    _, fakes = sizes(study.real_pool, pools, study.rules)
    return planning.observers_needed(fakes, layout_of(study), study.rules.observers_per_image)


def sizes(
    real: Pool, pools: Sequence[Pool], rules: Rules
) -> tuple[planning.PoolSize, list[planning.PoolSize]]:
    """What may be shown of the real images and of each generator's.

    Beside pools of some classes the real images are of the same ones, or the class would tell.
    """
    classes: list[int] = next((pool.classes for pool in pools), [])
    own = _of_classes(real, classes, rules.images) if classes else _size(real, rules.images)
    return own, [_size(pool, rules.images) for pool in pools]


def _size(pool: Pool, most: int | None) -> planning.PoolSize:
    size = pool.count - pool.on_show
    return planning.PoolSize(pool.pk, size if most is None else min(size, most), pool.on_show)


def _of_classes(pool: Pool, classes: Sequence[int], most: int | None) -> planning.PoolSize:
    labels = pool.open().labels
    if labels is None:
        raise Refused(
            f"{pool} has no labels, so that none of its images are known to be of a class"
        )
    found = np.flatnonzero(np.isin(labels, classes))
    among = tuple(found[found >= pool.on_show].tolist())
    return planning.PoolSize(pool.pk, len(among[:most]), among=among[:most])
