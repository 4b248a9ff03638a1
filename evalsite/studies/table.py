"""The trial table of one or several studies: what is exported, and what is scored."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Case, CharField, F, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from evalsite.studies.models import Observer, Protocol, Study, Trial, TrialQuerySet
from scoring.dictionary import NONE
from scoring.exclusions import exclude
from scoring.files import read_trials
from scoring.table import COLUMNS, TrialTable

PERSON, SIMULATED = "person-", "simulated-"  # how observers' names begin
CATCH, TIE = "catch", "tie"
CHUNK_ROWS = 2000
TOGETHER = (Protocol.PAIR, Protocol.SELECT)  # several images on a screen

FIELDS: dict[str, Combinable] = {
    "simulated": F("observer__simulated"),
    "ordinal": F("observer__ordinal"),
    "in_block": F("block__position"),
    "at": F("position"),
    "on_screen": F("screen"),
    "of_pool": F("pool_id"),
    "image": F("image_index"),
    "forger": Case(
        When(is_catch=True, then=Value(CATCH)),
        default=Coalesce("pool__generator__slug", Value("")),
        output_field=CharField(),
    ),
    "catch": F("is_catch"),
    "label": F("label"),
    "answer": F("response__answer"),
    "rt_ms": F("response__rt_ms"),
    "asked_ms": F("exposure_ms"),
    "shown_ms": F("response__shown_ms"),
    "flags": F("response__flags"),
    "answered_at": F("response__answered_at"),
}


def trial_table(studies: Iterable[Study], *, simulated: bool) -> TrialTable:
    """Every answer that counts to studies of one task, of people or of simulated observers, never of both.

    Answers given here and imported ones stand together; those of observers whom a study's criteria
    leave out are flagged.
    """
    listed = list(studies)
    tables = [_table_of(study, simulated=simulated) for study in listed]
    return tables[0] if len(tables) == 1 else TrialTable.joined(tables, task=listed[0].task)


def table_of_observers(study: Study, observers: Iterable[Observer]) -> TrialTable:
    """What `trial_table` has of some observers of a study that is run here."""
    return _answers(study, Trial.objects.filter(observer__in=list(observers)))


def name_of(study: Study, ordinal: int, *, simulated: bool = False) -> str:
    """What an observer of a study that is run here is called in its tables."""
    return f"{SIMULATED if simulated else PERSON}{study.code}-{ordinal}"


def imported_file(key: str) -> Path:
    """Where the imported trials of this key are kept."""
    return Path(settings.DATA_DIR) / "trials" / f"{key}.parquet"


def _table_of(study: Study, *, simulated: bool) -> TrialTable:
    if study.imported_from:
        return _imported(study, simulated=simulated)
    observers = {"observer__study": study, "observer__simulated": simulated}
    return _answers(study, Trial.objects.filter(**observers))


def _imported(study: Study, *, simulated: bool) -> TrialTable:
    """The trials of a file, and who is left out, as the file has it."""
    if not study.trials_key:
        return TrialTable.from_columns({name: [] for name in COLUMNS}, task=study.task)
    table = read_trials(imported_file(study.trials_key), task=study.task)
    kind = [name.startswith(SIMULATED) for name in table.observer]
    return table.where(np.array(kind, dtype=np.bool_) == simulated)


def _answers(study: Study, trials: TrialQuerySet) -> TrialTable:
    """Those of the trials that count, flagged where their observer is left out."""
    rows = (
        trials.that_count()
        .order_by("observer_id", "block__position", "position")
        .values_list(*FIELDS.values())
        .iterator()
    )
    columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
    while chunk := list(islice(rows, CHUNK_ROWS)):
        for column, values in zip(columns.values(), zip(*chunk, strict=True), strict=True):
            column.extend(values)
    return exclude(_as_trial_table(study, columns), study.rules.criteria)


def _as_trial_table(study: Study, found: dict[str, list[Any]]) -> TrialTable:
    observers = zip(found["ordinal"], found["simulated"], strict=True)
    images = zip(found["forger"], found["of_pool"], found["image"], strict=True)
    screens = zip(found["in_block"], found["on_screen"], strict=True)
    together = study.protocol in TOGETHER
    ties = [answer == TIE for answer in found["answer"]]
    truths, answers = _truths_and_answers(study, found)
    return TrialTable.from_columns(
        {
            "study": [study.code] * len(ties),
            "observer": [name_of(study, ordinal, simulated=kind) for ordinal, kind in observers],
            "block": [str(block) for block in found["in_block"]],
            "position": found["at"],
            "stimulus": [f"{forger or 'real'}/{pool}/{image}" for forger, pool, image in images],
            "generator": found["forger"],
            "truth": truths,
            "response": answers,
            "rt_ms": found["rt_ms"],
            "exposure_ms": found["asked_ms"],
            "shown_ms": found["shown_ms"],
            "flags": list(map(_flags, _catches(study, found), ties, found["flags"])),
            "answered_at": [moment.isoformat() for moment in found["answered_at"]],
            "screen": [f"{block}_{screen}" if together else "" for block, screen in screens],
        },
        task=study.task,
    )


def _truths_and_answers(study: Study, found: dict[str, list[Any]]) -> tuple[list[str], list[str]]:
    """What each image is, and what was said of it: in words, classes by their names."""
    if study.task == "name":
        names = {str(number): name for number, name in enumerate(study.class_names)} | {NONE: NONE}
        return [names[label] for label in found["label"]], [names[said] for said in found["answer"]]
    truths = ["fake" if forger else "real" for forger in found["forger"]]
    return truths, ["" if answer == TIE else answer for answer in found["answer"]]


def _catches(study: Study, found: dict[str, list[Any]]) -> list[bool]:
    """Which rows only test the observer: in a pair, the image beside the shuffled one too."""
    catches: list[bool] = found["catch"]
    if study.protocol != Protocol.PAIR:
        return catches
    screens = list(zip(found["ordinal"], found["in_block"], found["on_screen"], strict=True))
    caught = {screen for screen, is_catch in zip(screens, catches, strict=True) if is_catch}
    return [screen in caught for screen in screens]


def _flags(is_catch: bool, is_tie: bool, noted: str) -> str:
    return ";".join(word for word in (is_catch and CATCH, is_tie and TIE, noted) if word)
