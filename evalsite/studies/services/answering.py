"""Keeping answers: a screen's together, the first one for good, and what follows from them at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from evalsite.studies.design import images_on_screen
from evalsite.studies.models import Block, Observer, Protocol, Response, Study, Trial
from evalsite.studies.services.finishing import ask_for_scores, finish_if_done
from evalsite.studies.services.stepping import step_staircase
from scoring.dictionary import NONE

Screens = dict[str, list[Trial]]
"""The images of each screen in order, by the code of the first."""

OF_THE_ANSWER = ("trial", "answer", "chosen")  # the rest are fields of Response


class Unfit(ValueError):
    """An answer that is none to this screen."""


@dataclass(frozen=True)
class Recorded:
    """What the server has kept of a batch of answers, and what the observer may now know.

    Attributes:
        saved, unknown: codes of screens. refused: why an answer is none, by the screen's code.
        feedback: whether a screen was answered right; None for "cannot tell".
        answers: what the images of practice screens with several of them are, by image code.
        next_exposure_ms: of the images that follow, by code.
    """

    saved: list[str]
    unknown: list[str]
    refused: dict[str, str]
    feedback: dict[str, bool | None]
    answers: dict[str, str]
    next_exposure_ms: dict[str, int]
    finished: bool
    qualified: bool


def current_block(observer: Observer) -> Block | None:
    """The first block with a question left, or None at the end."""
    if not observer.qualified:
        return None
    trial = observer.trials.unanswered().in_order().select_related("block").first()
    return trial.block if trial else None


def record_responses(observer: Observer, answers: Sequence[Mapping[str, Any]]) -> Recorded:
    """Keep answers, each a mapping with `trial`, the code of its screen, and the fields of Response.

    An image alone has an `answer`, where it is named the number of a class or "none"; images
    together have `chosen`, codes of some of them: in a pair the one that looks (more) real, in a
    grid those that look generated. Sending an answer again is harmless: the first one stands.
    """
    given = {answer["trial"]: answer for answer in reversed(answers)}
    known = _screens(observer, given)
    now = timezone.now()
    responses, refused = _read(observer, known, given, now)
    kept = {code: trials for code, trials in known.items() if code not in refused}
    blocks = {trials[0].block for trials in kept.values()}
    with transaction.atomic():  # from here on the others wait, so all else is done before or after
        Observer.objects.filter(pk=observer.pk).update(changed_at=now)
        Response.objects.bulk_create(responses, ignore_conflicts=True)
        exposures = _step(blocks, set(kept))
        end = finish_if_done(observer, blocks, now)
        if any(block.kind == Block.Kind.MAIN for block in blocks):
            ask_for_scores(observer.study)
        feedback, truths = _feedback(kept)
    unknown = sorted(set(given) - set(known))
    return Recorded(
        list(kept), unknown, refused, feedback, truths, exposures, end.finished, end.qualified
    )


def _screens(observer: Observer, codes: Iterable[str]) -> Screens:
    study = observer.study
    trials = observer.trials.select_related("pool", "block").order_by("block_id", "position")
    found = list(trials.filter(code__in=codes))
    if images_on_screen(study.protocol, study.rules) > 1:
        places = {(trial.block_id, trial.screen) for trial in found}
        near = trials.filter(
            block__in={block for block, _ in places}, screen__in={screen for _, screen in places}
        )
        found = [trial for trial in near if (trial.block_id, trial.screen) in places]
    screens: dict[tuple[int, int], list[Trial]] = defaultdict(list)
    for trial in found:
        trial.block.observer = observer  # known already: not to be asked for again
        screens[trial.block_id, trial.screen].append(trial)
    return {trials[0].code: trials for trials in screens.values() if trials[0].code in codes}


def _read(
    observer: Observer, screens: Screens, given: Mapping[str, Mapping[str, Any]], now: datetime
) -> tuple[list[Response], dict[str, str]]:
    responses, refused = [], {}
    for code, trials in screens.items():
        shown = {k: v for k, v in given[code].items() if k not in OF_THE_ANSWER}
        try:
            answers = _answers(observer, trials, given[code])
        except Unfit as error:
            refused[code] = str(error)
            continue
        responses += [
            Response(trial=trial, answer=answer, answered_at=now, **shown)
            for trial, answer in zip(trials, answers, strict=True)
        ]
    return responses, refused


def _answers(observer: Observer, trials: list[Trial], given: Mapping[str, Any]) -> list[str]:
    """What the observer has said of each image of a screen."""
    protocol, chosen = observer.study.protocol, given.get("chosen")
    if protocol == Protocol.NAME:
        return [_name(observer.study, given.get("answer"))]
    if protocol not in (Protocol.PAIR, Protocol.SELECT):
        if given.get("answer") not in ("real", "fake"):
            raise Unfit("an image alone is answered by real or fake")
        return [given["answer"]]
    if chosen is None:
        raise Unfit("images shown together are answered by those that are chosen")
    if not set(chosen) <= {trial.code for trial in trials}:
        raise Unfit("an image was chosen that is not on this screen")
    if protocol == Protocol.SELECT:
        return ["fake" if trial.code in chosen else "real" for trial in trials]
    if not chosen and observer.study.rules.allow_ties:
        return ["tie"] * len(trials)
    if len(set(chosen)) != 1:
        raise Unfit(f"one image of a pair must be chosen, got {len(chosen)}")
    return ["real" if trial.code in chosen else "fake" for trial in trials]


def _name(study: Study, answer: str | None) -> str:
    """A class by its number, or none."""
    names = (NONE, *map(str, range(len(study.class_names))))
    if answer not in names:
        raise Unfit(f"an image is named by a class, 0 to {len(names) - 2}, or by {NONE}")
    return answer


def _step(blocks: Iterable[Block], answered: set[str]) -> dict[str, int]:
    exposures: dict[str, int] = {}
    for block in blocks:
        exposures |= step_staircase(block, answered)
    return exposures


def _feedback(screens: Screens) -> tuple[dict[str, bool | None], dict[str, str]]:
    """Whether screens were answered right, and what the images of the larger ones are."""
    told = {code: trials for code, trials in screens.items() if trials[0].block.gives_feedback}
    if not told:
        return {}, {}
    images = [trial for trials in told.values() for trial in trials]
    kept = dict(Response.objects.filter(trial__in=images).values_list("trial_id", "answer"))
    feedback = {
        code: None
        if kept[trials[0].pk] == Response.Answer.TIE
        else all(kept[trial.pk] == trial.truth for trial in trials)
        for code, trials in told.items()
    }
    together = [trials for trials in told.values() if len(trials) > 1]
    return feedback, {trial.code: trial.truth for trials in together for trial in trials}
