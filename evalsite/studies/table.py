"""The trial table of one or several studies: what is exported, and what is scored."""

from collections.abc import Iterable
from typing import Any

from django.db.models import F, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from evalsite.studies.models import Study, Trial
from scoring.table import TrialTable

FIELDS: dict[str, Combinable] = {
    "code": F("observer__study__code"),
    "ordinal": F("observer__ordinal"),
    "in_block": F("block__position"),
    "at": F("position"),
    "of_pool": F("pool_id"),
    "image": F("image_index"),
    "forger": Coalesce("pool__generator__slug", Value("")),
    "answer": F("response__answer"),
    "rt_ms": F("response__rt_ms"),
    "asked_ms": F("exposure_ms"),
    "shown_ms": F("response__shown_ms"),
    "flags": F("response__flags"),
    "answered_at": F("response__answered_at"),
}


def trial_table(studies: Iterable[Study], *, simulated: bool) -> TrialTable:
    """Every answer that counts, of people or of simulated observers, never of both."""
    rows = (
        Trial.objects.that_count()
        .filter(observer__study__in=list(studies), observer__simulated=simulated)
        .order_by("observer_id", "block__position", "position")
        .values_list(*FIELDS.values())
    )
    columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
    for row in rows.iterator():
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    return _as_trial_table(columns, kind="simulated" if simulated else "person")


def _as_trial_table(found: dict[str, list[Any]], *, kind: str) -> TrialTable:
    images = zip(found["forger"], found["of_pool"], found["image"], strict=True)
    observers = zip(found["code"], found["ordinal"], strict=True)
    return TrialTable.from_columns(
        {
            "study": found["code"],
            "observer": [f"{kind}-{code}-{ordinal}" for code, ordinal in observers],
            "block": [str(block) for block in found["in_block"]],
            "position": found["at"],
            "stimulus": [f"{forger or 'real'}/{pool}/{image}" for forger, pool, image in images],
            "generator": found["forger"],
            "truth": ["fake" if forger else "real" for forger in found["forger"]],
            "response": found["answer"],
            "rt_ms": found["rt_ms"],
            "exposure_ms": found["asked_ms"],
            "shown_ms": found["shown_ms"],
            "flags": found["flags"],
            "answered_at": [moment.isoformat() for moment in found["answered_at"]],
        }
    )
