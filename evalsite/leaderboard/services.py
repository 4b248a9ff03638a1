"""Putting people's scores, from the trial table, on the leaderboard."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from evalsite.catalog.models import Dataset, Generator
from evalsite.celery import enqueue
from evalsite.leaderboard.figures import figures
from evalsite.leaderboard.live import Standings, standings
from evalsite.leaderboard.models import Score, StudyReport
from evalsite.studies.models import Response, Study
from evalsite.studies.services import ask_for_scores, close_if_done
from evalsite.studies.table import name_of, trial_table
from scoring.anytime import AnytimeInterval, anytime
from scoring.naming_report import NamingReport, naming_report, rightly_named
from scoring.report import Report, report
from scoring.table import TrialTable

ASK_AGAIN_S = 60
REST = 10  # a report is written anew after so many times the seconds it took


def score_if_due(study: Study) -> None:
    """Score a study that has new answers; of several messages that ask for it, the first does.

    It stays due until its scores are there: work that fails or is killed is asked for again.
    """
    if not Study.objects.filter(pk=study.pk, scores_due=True).exists():
        return
    read = _answers_so_far(study)
    refresh_scores(study)
    Study.objects.filter(pk=study.pk).update(scores_due=False, report_due=True)
    if _answers_so_far(study) != read:
        ask_for_scores(study)  # others came meanwhile, or a later scoring may have ended before
    if _is_rested(study):
        enqueue("report", study.pk)


def _answers_so_far(study: Study) -> tuple[int, list[tuple[int, int]]]:
    """What changes with every answer on the study's board that comes or goes."""
    together = Study.objects.beside(study).order_by("pk")
    count = Response.objects.of_studies(together).count()
    return count, list(together.values_list("pk", "revision"))


def refresh_scores(study: Study) -> None:
    """Score a study, and the board it belongs to, from every answer so far."""
    together = list(Study.objects.beside(study).order_by("pk"))
    for simulated in (False, True):
        own = standings([study], simulated=simulated)
        board = own if together == [study] else standings(together, simulated=simulated)
        _store(own, study, simulated=simulated, of_study=study)
        _store(board, study, simulated=simulated, of_study=None)


def _is_rested(study: Study) -> bool:
    """A report reads all answers, so that it may take only its share of the time."""
    last = study.reports.order_by("-computed_at").first()
    rest = timedelta(seconds=REST * last.content["seconds"]) if last else timedelta()
    return last is None or timezone.now() >= last.computed_at + rest


def report_if_due(study: Study) -> None:
    """Write the reports of a study that was scored since; of several messages, the first does."""
    if not Study.objects.filter(pk=study.pk, report_due=True).exists():
        return
    read = _answers_so_far(study)
    for simulated in (False, True):
        refresh_report(study, simulated=simulated)
    if _answers_so_far(study) == read:
        Study.objects.filter(pk=study.pk).update(report_due=False)


def refresh_report(study: Study, *, simulated: bool) -> None:
    """Find all that a study's answers tell; close the study if it has come to its goal."""
    began = time.monotonic()
    table = trial_table([study], simulated=simulated)
    rule = study.rules.staircase if study.is_flash else None
    finished = _of_finished(study, table, simulated=simulated)
    found: Report | NamingReport
    if study.task == "name":
        found, watched = naming_report(table), anytime(rightly_named(finished))
    else:
        found, watched = report(table, rule=rule, metrics=_metrics(study)), anytime(finished)
    content = replace(found, anytime=watched).as_dict()
    content["seconds"] = round(time.monotonic() - began, 2)
    StudyReport.objects.update_or_create(
        study=study, simulated=simulated, defaults={"content": content}
    )
    if study.is_open and not simulated:
        close_if_done(study, _half_widths(watched))


def _of_finished(study: Study, table: TrialTable, *, simulated: bool) -> TrialTable:
    """The answers of observers who have given all of theirs."""
    if study.imported_from:
        return table
    ordinals = study.observers.in_progress().values_list("ordinal", flat=True)
    unfinished = {name_of(study, ordinal, simulated=simulated) for ordinal in ordinals}
    return table.where(np.array([name not in unfinished for name in table.observer], dtype=bool))


def _half_widths(watched: Mapping[str, AnytimeInterval]) -> dict[str, float | None]:
    """Half the width of each generator's anytime-valid interval, in points."""
    return {
        name: None if each.low is None or each.high is None else 50 * (each.high - each.low)
        for name, each in watched.items()
    }


def _metrics(study: Study) -> dict[str, dict[str, float]]:
    """What metrics say of the study's pools: by metric, then by generator."""
    found: dict[str, dict[str, float]] = {}
    for each in Score.objects.filter(pool__studies=study).select_related("generator"):
        found.setdefault(each.name, {})[each.generator.slug] = each.value
    return found


def catch_up() -> None:
    """Ask again for what was to be scored and was lost on the way, or with a worker."""
    for study in Study.objects.filter(scores_due=True):
        _ask_again("score", study)
    for study in filter(_is_rested, Study.objects.filter(report_due=True)):
        _ask_again("report", study)


def _ask_again(task: str, study: Study) -> None:
    """Send a message, but not while an earlier one from here may still be worked on."""
    if cache.add(f"asked-again-{task}-{study.code}", True, ASK_AGAIN_S):
        enqueue(task, study.pk)


def _store(found: Standings, study: Study, *, simulated: bool, of_study: Study | None) -> None:
    """Put the scores of a study, or of the whole board it belongs to, in place of the former ones."""
    place = {
        "dataset": study.dataset,
        "protocol": study.protocol,
        "condition": study.condition,
        "study": of_study,
        "simulated": simulated,
    }
    of_generators = Generator.objects.filter(dataset=study.dataset)
    generators = {generator.slug: generator for generator in of_generators}
    rows = [
        Score(generator=generators[slug], **place, **fields)
        for slug, fields in figures(found)
        if slug in generators
    ]
    with transaction.atomic():
        Dataset.objects.select_for_update().get(
            pk=study.dataset_id
        )  # two studies may share a board
        _replace(Score.objects.filter(pool=None, **place), rows)


@transaction.atomic
def _replace(old: Any, new: Sequence[Score]) -> None:
    old.delete()
    Score.objects.bulk_create(new)
