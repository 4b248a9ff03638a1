"""Letting an observer in: every trial of theirs is planned before the first is shown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from evalsite.studies import planning
from evalsite.studies.models import Block, Observer, Study, Trial
from evalsite.studies.platforms import Arrival
from evalsite.studies.services.errors import Refused
from evalsite.studies.services.laying_out import plan, staircase_of
from evalsite.studies.services.naming import Labels
from evalsite.studies.services.paying import can_pay_one_more
from scoring.staircase import UpDown

BY_LINK = Arrival()
UNPRINTABLE = re.compile(r"[^ -~]")
SCREEN = (
    "pixel_ratio",
    "width_px",
    "height_px",
    "image_width_css_px",
    "multiple",
    "refresh_hz",
    "pointer",
)


def returning(study: Study, arrival: Arrival) -> Observer | None:
    """The observer that this participant of a platform has been before, in whatever browser."""
    if not arrival.participant:
        return None
    known = study.observers.filter(source=arrival.source, participant=arrival.participant)
    return known.select_related("study").first()


@transaction.atomic
def take_part(
    study: Study,
    *,
    arrival: Arrival = BY_LINK,
    counts: bool = True,
    simulated: bool = False,
    language: str = "",
) -> Observer:
    """Let one more observer in, or a participant who returns go on.

    Raises:
        Refused: the study is not open, or one more observer might cost more than its budget.
    """
    if not study.is_open:
        raise Refused("this study is not open")
    ordinal = _next_ordinal(study)  # who comes at the same time now waits
    if known := returning(study, arrival):
        return known
    if counts and not simulated and not can_pay_one_more(study):
        raise Refused("this study has no money left for one more observer")
    observer = Observer.objects.create(
        study=study,
        ordinal=ordinal,
        source=arrival.source,
        participant=arrival.participant,
        platform_study=arrival.platform_study,
        platform_session=arrival.platform_session,
        submit_to=arrival.submit_to,
        language=language,
        counts=counts,
        simulated=simulated,
    )
    _plan_trials(observer)
    return observer


def _next_ordinal(study: Study) -> int:
    """Count one more observer in: unique even when many arrive at once."""
    Study.objects.filter(pk=study.pk).update(observers_invited=F("observers_invited") + 1)
    return Study.objects.values_list("observers_invited", flat=True).get(pk=study.pk) - 1


def _plan_trials(observer: Observer) -> None:
    study = observer.study
    pools = list(study.pools.order_by("pk"))
    labels = Labels.of(study, pools)
    trials: list[Trial] = []
    for position, screens in enumerate(plan(study, pools, turn=observer.ordinal)):
        if screens:
            kind = Block.Kind.MAIN if position else Block.Kind.PRACTICE
            block = Block.objects.create(observer=observer, position=position, kind=kind)
            trials += _trials(block, screens, labels, staircase_of(study))
    Trial.objects.bulk_create(trials)


def _trials(
    block: Block, screens: Sequence[planning.Screen], labels: Labels, staircase: UpDown | None
) -> Iterator[Trial]:
    placed = [(number, image) for number, screen in enumerate(screens) for image in screen]
    first = next((place for place, (_, image) in enumerate(placed) if not image.is_catch), 0)
    for position, (screen, image) in enumerate(placed):
        is_set = block.kind == Block.Kind.PRACTICE or position == first
        yield Trial(
            observer=block.observer,
            block=block,
            position=position,
            screen=screen,
            pool_id=image.pool,
            image_index=image.index,
            is_catch=image.is_catch,
            label=labels.of_image(image),
            exposure_ms=_first_exposure(staircase, image, is_set)
            if staircase
            else image.exposure_ms,
        )


def _first_exposure(staircase: UpDown, image: planning.Image, is_set: bool) -> int | None:
    """Catch trials are shown as long as can be, and the staircase goes on from its start by itself."""
    if image.is_catch:
        return int(staircase.ceiling_ms)
    return int(staircase.start_ms) if is_set else None


def describe_screen(observer: Observer, screen: Mapping[str, Any]) -> None:
    """Keep what the browser says of the screen: numbers and short words only."""
    kept = {
        name: value if isinstance(value, int | float) else UNPRINTABLE.sub("", str(value))[:40]
        for name in SCREEN
        if (value := screen.get(name)) is not None
    }
    Observer.objects.filter(pk=observer.pk).update(screen=kept)
