"""A report as plain text: aligned tables, and what has to be known to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scoring.anytime import AnytimeInterval
from scoring.images import Extremes, ImageScore
from scoring.pairs import PairScores, PlayerScore
from scoring.report import Report
from scoring.score import GeneratorScore, Scores

HEADINGS = (
    "rank",
    "generator",
    "error %",
    "observers only",
    "fake %",
    "real %",
    "d′",
    "c",
    "ms",
    "observers",
    "images",
    "trials",
)
PAIR_HEADINGS = ("rank", "player", "win %", "strength", "pairs", "ties")
SHOWN_IMAGES = 3


def as_text(report: Report) -> str:
    """Every part of a report that there is something to tell of, the scores first."""
    parts = [
        _scores(report.scores),
        _notes(report),
        _pairs(report.pairs) if report.pairs else [],
        _exposures(report),
        _images(report.images),
        _correlations(report),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _scores(scores: Scores) -> list[str]:
    with_threshold = any(row.threshold for row in scores.generators)
    headings = HEADINGS + (("threshold ms", "modal ms") if with_threshold else ())
    return aligned([headings, *(_cells(row)[: len(headings)] for row in scores.generators)])


def _cells(row: GeneratorScore) -> tuple[str, ...]:
    error = row.error_rate
    return (
        ranks(row.rank_low, row.rank_high),
        row.generator,
        estimate(error.value, error.low, error.high, 100),
        interval(error.observers_low, error.observers_high, 100),
        number(row.fake_error.value, 100),
        number(row.real_error.value, 100),
        number(row.d_prime.value, 1, 2),
        number(row.criterion.value, 1, 2),
        number(row.response_time.median_ms, 1, 0),
        str(row.n_observers),
        str(row.n_images),
        f"{row.n_trials} + {row.n_real_trials} real",
        *_thresholds(row),
    )


def _thresholds(row: GeneratorScore) -> tuple[str, str]:
    if row.threshold is None:
        return "–", "–"
    own, fit, modal = row.threshold, row.threshold.fit_ms, row.threshold.mean_ms
    fits = own.n_fits_at_floor + own.n_fits_at_ceiling
    modes = own.n_blocks_at_floor + own.n_blocks_at_ceiling
    fitted = estimate(fit.value, fit.low, fit.high, 1, 0) + _censored(fits, own.n_blocks)
    if modal is None:
        return fitted, "–"
    shown = estimate(modal.value, modal.low, modal.high, 1, 0)
    return fitted, shown + _censored(modes, own.n_blocks)


def _censored(count: int, blocks: int) -> str:
    return f" ({count} of {blocks} blocks censored)" if count else ""


def _notes(report: Report) -> list[str]:
    scores = report.scores
    skipped = {"out": "left out", "wrong": "counted as wrong"}[scores.skipped]
    reasons: dict[str, list[str]] = {}
    for row in scores.generators:
        if row.error_rate.reason:
            reasons.setdefault(row.error_rate.reason, []).append(row.generator)
    alpha = report.agreement
    return [
        f"{scores.n_trials} trials of {scores.n_observers} observers; "
        f"{scores.n_skipped} skipped, {skipped}.",
        f"Intervals hold with {scores.confidence:.0%} confidence and resample observers × images "
        f"({scores.draws} draws, seed {scores.seed}).",
        *(f"No interval for {', '.join(names)}: {reason}." for reason, names in reasons.items()),
        *(
            f"Left out: {one.observers} observers with {one.trials} trials ({one.reason})."
            for one in report.exclusions
        ),
        f"Krippendorff's α over {alpha.n} images: "
        f"{estimate(alpha.value, alpha.low, alpha.high, 1, 2)}"
        + (f" ({alpha.reason})." if alpha.reason else "."),
        *_anytime(report.anytime),
    ]


def _anytime(intervals: Mapping[str, AnytimeInterval]) -> list[str]:
    shown = ", ".join(
        f"{name} {estimate(own.value, own.low, own.high, 100)}"
        for name, own in intervals.items()
        if own.low is not None
    )
    words = "Safe to watch while a study runs (error %, mean over observers)"
    return [f"{words}: {shown}."] if shown else []


def _pairs(pairs: PairScores) -> list[str]:
    origin = "the real images" if pairs.reference == "real" else "the mean"
    return [
        *aligned([PAIR_HEADINGS, *map(_player, pairs.players)]),
        "",
        f"{pairs.n_pairs} pairs by {pairs.n_observers} observers, {pairs.n_ties} of them ties; "
        f"{pairs.n_unused} more tell nothing. Strengths are logits from {origin}.",
    ]


def _player(player: PlayerScore) -> tuple[str, ...]:
    rate, strength = player.win_rate, player.strength
    return (
        ranks(player.rank_low, player.rank_high),
        player.player,
        estimate(rate.value, rate.low, rate.high, 100),
        estimate(strength.value, strength.low, strength.high, 1, 2),
        str(player.n_pairs),
        str(player.ties),
    )


def _exposures(report: Report) -> list[str]:
    levels = sorted({own.exposure_ms for rows in report.exposures.values() for own in rows})
    if not levels:
        return []
    rows = []
    for name, own in report.exposures.items():
        at = {one.exposure_ms: one.error_rate for one in own}
        shown = (
            estimate(at[ms].value, at[ms].low, at[ms].high, 100) if ms in at else "–"
            for ms in levels
        )
        rows.append((name, *shown))
    return aligned([("error % at", *(f"{ms:g} ms" for ms in levels)), *rows], words=1)


def _images(images: Sequence[Extremes]) -> list[str]:
    lines = []
    for own in images:
        words = (
            ("Most convincing of", own.generator) if own.generator else ("Most doubted", "reals")
        )
        shown = ", ".join(map(_image, own.highest[:SHOWN_IMAGES]))
        lines.append(f"{' '.join(words)}: {shown}.")
    return lines


def _image(image: ImageScore) -> str:
    return f"{image.stimulus} ({image.n_wrong} of {image.n_trials})"


def _correlations(report: Report) -> list[str]:
    return [
        f"{one.metric}: ρ {estimate(one.rho.value, one.rho.low, one.rho.high, 1, 2)} with "
        f"{report.correlated.replace('_', ' ')} over {one.rho.n} generators"
        + (", less being better" if one.lower_is_better else "")
        + (f" ({one.rho.reason})." if one.rho.reason else ".")
        for one in report.correlations
    ]


def aligned(rows: Sequence[Sequence[str]], words: int = 2) -> list[str]:
    """A table, its first columns, of words, to the left, and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def ranks(low: int | None, high: int | None) -> str:
    """A rank set: `1–3`, or `2`."""
    return str(low or "–") if low == high else f"{low}–{high}"


def estimate(
    value: float | None, low: float | None, high: float | None, factor: float, digits: int = 1
) -> str:
    """A value times the factor, with its interval: `23.1 [18.0, 29.4]`."""
    return f"{number(value, factor, digits)} {interval(low, high, factor, digits)}".rstrip()


def number(value: float | None, factor: float, digits: int = 1) -> str:
    """A value times the factor, or a dash for None."""
    return "–" if value is None else f"{value * factor:.{digits}f}"


def interval(low: float | None, high: float | None, factor: float, digits: int = 1) -> str:
    """An interval times the factor: `[18.0, 29.4]`; nothing without one."""
    if low is None or high is None:
        return ""
    return f"[{low * factor:.{digits}f}, {high * factor:.{digits}f}]"
