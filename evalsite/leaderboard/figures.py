"""Scores as the rows that are stored: a figure of a generator each."""

from collections.abc import Iterator, Mapping
from typing import Any

from evalsite.leaderboard.live import Standings
from scoring.figure import Figure
from scoring.intervals import ObserverMean
from scoring.pairs import REAL, PairScores, PlayerScore
from scoring.score import GeneratorScore, Scores

RATES = {
    "error_rate": "error_rate",
    "fake_error": "fake_error",
    "real_error": "real_error",
    "dprime": "d_prime",
    "criterion": "criterion",
}
NAMED = {"named_right": "error_rate"}
"""Of images that were named: see Standings."""

Fields = dict[str, Any]


def figures(found: Standings) -> Iterator[tuple[str, Fields]]:
    """Every figure as (the generator's slug, the fields of a Score)."""
    for judged in found.scores.generators:
        common = {
            "n": _counts(judged),
            "rank_low": judged.rank_low,
            "rank_high": judged.rank_high,
        }
        for fields in _of_generator(judged, found):
            yield judged.generator, {**common, **fields}
    if found.pairs is not None:
        for player in found.pairs.players:
            if player.player != REAL:
                for fields in _of_player(player, found.pairs):
                    yield player.player, fields


def _of_generator(judged: GeneratorScore, found: Standings) -> Iterator[Fields]:
    yield from _rates(judged, found.scores, NAMED if found.task == "name" else RATES)
    time = judged.response_time
    if time.median_ms is not None:
        right, wrong = time.right_ms, time.wrong_ms
        if found.task == "name":  # named right is what the scores call wrong
            right, wrong = wrong, right
        split = {"right_ms": right, "wrong_ms": wrong}
        yield {"name": "rt_ms", "value": time.median_ms, "details": split}
    yield from _thresholds(judged)


def _rates(
    judged: GeneratorScore, scores: Scores, attributes: Mapping[str, str]
) -> Iterator[Fields]:
    for name, attribute in attributes.items():
        estimate = getattr(judged, attribute)
        if estimate.value is not None:
            yield {
                "name": name,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "resampled": estimate.resampled,
                "note": estimate.reason or "",
                "details": {
                    "observers_low": estimate.observers_low,
                    "observers_high": estimate.observers_high,
                    "draws": scores.draws,
                    "seed": scores.seed,
                },
            }


def _counts(judged: GeneratorScore) -> dict[str, int]:
    return {
        "observers": judged.n_observers,
        "trials": judged.n_trials,
        "images": judged.n_images,
        "real_trials": judged.n_real_trials,
    }


def _thresholds(judged: GeneratorScore) -> Iterator[Fields]:
    """The fitted threshold, by which a flash board ranks, and the modal one as published."""
    limit = judged.threshold
    if limit is None:
        return
    ranks = {"rank_low": limit.rank_low, "rank_high": limit.rank_high}
    ends = {"floor": limit.n_fits_at_floor, "ceiling": limit.n_fits_at_ceiling}
    yield {"name": "threshold_ms", **ranks, **_mean(limit.fit_ms, limit.n_blocks, ends)}
    if limit.mean_ms is not None:
        ends = {"floor": limit.n_blocks_at_floor, "ceiling": limit.n_blocks_at_ceiling}
        yield {"name": "modal_ms", **ranks, **_mean(limit.mean_ms, limit.n_blocks, ends)}


def _mean(mean: ObserverMean, n_blocks: int, ends: dict[str, int]) -> Fields:
    notes = [f"{count} of {n_blocks} blocks at the {end}" for end, count in ends.items() if count]
    return {
        "value": mean.value,
        "low": mean.low,
        "high": mean.high,
        "resampled": "observers",
        "note": "; ".join([*notes, *([mean.reason] if mean.reason else [])]),
        "details": {"blocks": n_blocks, **ends},
    }


def _of_player(player: PlayerScore, pairs: PairScores) -> Iterator[Fields]:
    common = {
        "n": {"observers": player.win_rate.n, "pairs": player.n_pairs},
        "rank_low": player.rank_low,
        "rank_high": player.rank_high,
        "details": {
            "wins": player.wins,
            "ties": player.ties,
            "reference": pairs.reference,
            "draws": pairs.draws,
            "seed": pairs.seed,
        },
    }
    for name, figure in {"win_rate": player.win_rate, "strength": player.strength}.items():
        if figure.value is not None:
            yield {"name": name, **common, **_figure(figure)}


def _figure(figure: Figure) -> Fields:
    return {
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "resampled": figure.resampled,
        "note": figure.reason or "",
    }
