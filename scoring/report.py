"""All that is found in a trial table, in one object: scores, and everything that explains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from scoring.agreement import agreement
from scoring.anytime import AnytimeInterval, anytime
from scoring.correlation import Correlation, correlate
from scoring.curves import ExposureError, PsychometricCurve, error_by_exposure, psychometric_curves
from scoring.exclusions import Criteria, Excluded, count_excluded, exclude
from scoring.figure import Figure
from scoring.images import Extremes, extremes, score_images
from scoring.intervals import Progress
from scoring.observers import ObserverScore, score_observers
from scoring.pairs import PairScores, score_pairs
from scoring.score import Scores, score
from scoring.selection import Skipped, select
from scoring.staircase import RULES, ConstantStimuli, Staircase, rule_of
from scoring.table import TrialTable

PeoplesScore = Literal["error_rate", "threshold", "strength"]

MOST_IMAGES = 50
AGREEMENT_DRAWS = 1_000
EXPOSURE_DRAWS = 2_000


@dataclass(frozen=True)
class Report:
    """What `report` finds.

    Attributes:
        scores: the leaderboard.
        pairs: None if no two images were shown together.
        exposures: by generator, error rates at each exposure, where there are few.
        curves: by generator, psychometric curves of blocks run by a staircase.
        images: by generator ("" for real ones), the images at both ends.
        observers: everybody. agreement: Krippendorff's α.
        anytime: by generator, the interval that may be watched.
        exclusions: who was left out, by reason.
        correlations: of metrics with people's score, which is the one that `correlated` names.
    """

    scores: Scores
    pairs: PairScores | None
    exposures: dict[str, tuple[ExposureError, ...]]
    curves: dict[str, PsychometricCurve]
    images: tuple[Extremes, ...]
    observers: tuple[ObserverScore, ...]
    agreement: Figure
    anytime: dict[str, AnytimeInterval]
    exclusions: tuple[Excluded, ...]
    correlated: PeoplesScore
    correlations: tuple[Correlation, ...]

    def as_dict(self) -> dict[str, Any]:
        """The keys of `Scores.as_dict` and beside them one for each other part, ready for JSON."""
        parts = {
            field.name: plain(getattr(self, field.name))
            for field in fields(self)
            if field.name != "scores"
        }
        return {**self.scores.as_dict(), **parts}


def report(
    table: TrialTable,
    *,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
    skipped: Skipped = "out",
    rule: str | None = None,
    criteria: Criteria | None = None,
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Score a trial table, and find all else that it tells.

    Args:
        rule: of flash blocks, a name in `RULES`; None tells it from the table (`rule_of`).
        criteria: who is left out; None keeps the table's own flags of exclusion.
        metrics: automatic metrics by name, values by generator (`read_metrics`).

    Raises:
        ValueError: an argument is out of its range.
    """
    if criteria is not None:
        table = exclude(table, criteria)
    staircase = named_rule(rule, table)
    common: dict[str, Any] = {"seed": seed, "confidence": confidence}
    scores = score(
        table, draws=draws, skipped=skipped, staircase=staircase, progress=progress, **common
    )
    pairs = score_pairs(table, draws=draws, **common)
    exposures_draws, agreement_draws = min(draws, EXPOSURE_DRAWS), min(draws, AGREEMENT_DRAWS)
    correlated, people = _people(scores, pairs)
    return Report(
        scores=scores,
        pairs=pairs,
        exposures=error_by_exposure(table, draws=exposures_draws, skipped=skipped, **common),
        curves=psychometric_curves(select(table, skipped)[0], staircase, **common),
        images=extremes(score_images(table, skipped=skipped, confidence=confidence), MOST_IMAGES),
        observers=score_observers(table),
        agreement=agreement(table, draws=agreement_draws, **common),
        anytime=anytime(table, confidence, skipped=skipped),
        exclusions=count_excluded(table),
        correlated=correlated,
        correlations=correlate(people, metrics or {}, confidence),
    )


def named_rule(name: str | None, table: TrialTable) -> Staircase:
    """The rule of that name, for "constant" at the table's own levels; None tells it from the table.

    Raises:
        ValueError: no rule has that name.
    """
    if name is not None and name not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {name!r}")
    told = rule_of(select(table)[0])
    if name is None or (name == "constant" and isinstance(told, ConstantStimuli)):
        return told
    return RULES[name]


def _people(scores: Scores, pairs: PairScores | None) -> tuple[PeoplesScore, dict[str, float]]:
    """The score that metrics are held against, by generator: the most telling there is."""
    thresholds = {
        row.generator: row.threshold.fit_ms.value for row in scores.generators if row.threshold
    }
    if thresholds:
        return "threshold", thresholds
    rates = {row.generator: row.error_rate.value for row in scores.generators}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    if known or pairs is None:
        return "error_rate", known
    strengths = {player.player: player.strength.value for player in pairs.players}
    return "strength", {name: own for name, own in strengths.items() if own is not None}


def plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings as dicts and lists."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(own) for name, own in value.items()}
    return [plain(own) for own in value] if isinstance(value, tuple) else value
