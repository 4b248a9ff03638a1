"""How answers change with exposure: error rates at each set time, and psychometric curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.blocks import LevelAnswers, answers_by_level, by_generator
from scoring.columns import factorise
from scoring.intervals import Estimate
from scoring.psychometric import Curve, fit_curve
from scoring.score import score
from scoring.selection import Skipped
from scoring.staircase import MOST_LEVELS, WEIGHTED_UP_DOWN, Staircase, trials_run_by
from scoring.table import TrialTable


@dataclass(frozen=True)
class ExposureError:
    """A generator's error rate among the trials of one requested exposure."""

    exposure_ms: float
    error_rate: Estimate
    n_observers: int
    n_trials: int
    n_real_trials: int


@dataclass(frozen=True)
class LevelShare:
    """The share of right answers at one exposure; n_trials weighs reals by the generator's share."""

    exposure_ms: float
    right: float
    n_trials: float


@dataclass(frozen=True)
class PsychometricCurve:
    """A generator's answers in its flash blocks: what was seen, and the curve fitted to all of it.

    `curve` is of the observers together; it is flatter than any one's, so its threshold is not the
    mean of theirs.
    """

    levels: tuple[LevelShare, ...]
    curve: Curve
    n_observers: int


def error_by_exposure(
    table: TrialTable,
    *,
    draws: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
    skipped: Skipped = "out",
) -> dict[str, tuple[ExposureError, ...]]:
    """Each generator's error rate at each exposure, shortest first: `score` of those trials alone.

    Exposures are as requested. A table of more than 12 different ones, as of staircases, has no
    such curve.

    Raises:
        ValueError: as `scoring.score.score`.
    """
    levels = np.unique(table.exposure_ms[np.isfinite(table.exposure_ms)])
    if levels.size > MOST_LEVELS:
        return {}
    found: dict[str, list[ExposureError]] = {}
    for exposure_ms in levels.tolist():
        scores = score(
            table.where(table.exposure_ms == exposure_ms),
            draws=draws,
            seed=seed,
            confidence=confidence,
            skipped=skipped,
            staircase=None,
        )
        for row in scores.generators:
            found.setdefault(row.generator, []).append(
                ExposureError(
                    exposure_ms, row.error_rate, row.n_observers, row.n_trials, row.n_real_trials
                )
            )
    return {name: tuple(found[name]) for name in sorted(found)}


def psychometric_curves(
    table: TrialTable,
    rule: Staircase = WEIGHTED_UP_DOWN,
    *,
    draws: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, PsychometricCurve]:
    """Each generator's curve of right answers against exposure, from the trials of its thresholds.

    The band resamples observers.

    Raises:
        ValueError: confidence out of range.
    """
    table, block = trials_run_by(rule, table)
    curves = {}
    for own in by_generator(table, block):
        observer = factorise(table.observer[own.rows])[1]
        exposures = table.exposure_ms[own.rows]
        answers = answers_by_level(exposures, own.wrong, observer, own.weights)
        curve = fit_curve(
            answers.levels_ms,
            answers.right,
            answers.wrong,
            floor_ms=rule.floor_ms,
            ceiling_ms=rule.ceiling_ms,
            draws=draws,
            seed=seed,
            confidence=confidence,
        )
        curves[own.generator] = PsychometricCurve(
            _shares(answers), curve, n_observers=len(answers.right)
        )
    return curves


def _shares(answers: LevelAnswers) -> tuple[LevelShare, ...]:
    right, wrong = answers.right.sum(axis=0), answers.wrong.sum(axis=0)
    shares = zip(answers.levels_ms, right / (right + wrong), right + wrong, strict=True)
    return tuple(LevelShare(*map(float, share)) for share in shares)
