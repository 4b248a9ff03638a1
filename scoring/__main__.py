"""Score a trial table from the command line: `python -m scoring TRIALS.csv`."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence

from tqdm import tqdm

from scoring.score import GeneratorScore, Scores, score
from scoring.table import TrialTable, read_csv

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 if the input cannot be scored."""
    options = _parser().parse_args(arguments)
    try:
        table = _read(options.trials)
        if options.exclude_flagged:
            table = table.where(~table.flagged)
        scores = _score(table, options)
    except (ValueError, OSError) as error:
        print(f"scoring: {options.trials}: {_plain(error)}", file=sys.stderr)
        return 2
    print(json.dumps(scores.as_dict(), indent=2) if options.json else as_text(scores))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scoring", description=__doc__)
    parser.add_argument("trials", metavar="TRIALS.csv", help="the trial table; - reads stdin")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--draws", type=int, default=10_000, metavar="N", help="bootstrap draws")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draws")
    parser.add_argument(
        "--skipped",
        choices=("out", "wrong"),
        default="out",
        help="leave trials without answer out (default), or count them as wrong",
    )
    parser.add_argument(
        "--exclude-flagged", action="store_true", help="leave out trials that carry a flag"
    )
    return parser


def _read(trials: str) -> TrialTable:
    if trials != "-":
        return read_csv(trials)
    return read_csv(io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", newline=""))


def _score(table: TrialTable, options: argparse.Namespace) -> Scores:
    with tqdm(total=options.draws, desc="draws", delay=1, leave=False, file=sys.stderr) as bar:
        return score(
            table,
            draws=options.draws,
            seed=options.seed,
            skipped=options.skipped,
            progress=lambda done, _: bar.update(done - bar.n),
        )


def _plain(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def as_text(scores: Scores) -> str:
    """The scores as an aligned table, with what has to be known to read it."""
    headings = HEADINGS + (("threshold ms",) if _has_thresholds(scores) else ())
    rows = [headings, *(_cells(row, len(headings)) for row in scores.generators)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", *_notes(scores)])


def _has_thresholds(scores: Scores) -> bool:
    return any(row.threshold for row in scores.generators)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    return [
        cell.ljust(width) if column in (0, 1) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _cells(row: GeneratorScore, columns: int) -> tuple[str, ...]:
    error = row.error_rate
    cells = (
        _ranks(row),
        row.generator,
        f"{_number(error.value, 100)} {_range(error.low, error.high, 100)}".rstrip(),
        _range(error.observers_low, error.observers_high, 100),
        _number(row.fake_error.value, 100),
        _number(row.real_error.value, 100),
        _number(row.d_prime.value, 1, 2),
        _number(row.criterion.value, 1, 2),
        _number(row.response_time.median_ms, 1, 0),
        str(row.n_observers),
        str(row.n_images),
        f"{row.n_trials} + {row.n_real_trials} real",
        _threshold(row),
    )
    return cells[:columns]


def _ranks(row: GeneratorScore) -> str:
    if row.rank_low == row.rank_high:
        return str(row.rank_low or "–")
    return f"{row.rank_low}–{row.rank_high}"


def _number(value: float | None, factor: float, digits: int = 1) -> str:
    return "–" if value is None else f"{value * factor:.{digits}f}"


def _range(low: float | None, high: float | None, factor: float, digits: int = 1) -> str:
    if low is None or high is None:
        return ""
    return f"[{low * factor:.{digits}f}, {high * factor:.{digits}f}]"


def _threshold(row: GeneratorScore) -> str:
    if row.threshold is None:
        return "–"
    mean = row.threshold.mean_ms
    ends = row.threshold.n_blocks_at_floor + row.threshold.n_blocks_at_ceiling
    censored = f" ({ends} of {row.threshold.n_blocks} blocks censored)" if ends else ""
    return f"{mean.value:.0f} {_range(mean.low, mean.high, 1, 0)}".rstrip() + censored


def _notes(scores: Scores) -> list[str]:
    skipped = {"out": "left out", "wrong": "counted as wrong"}[scores.skipped]
    reasons: dict[str, list[str]] = {}
    for row in scores.generators:
        if row.error_rate.reason:
            reasons.setdefault(row.error_rate.reason, []).append(row.generator)
    return [
        f"{scores.n_trials} trials of {scores.n_observers} observers; "
        f"{scores.n_skipped} skipped, {skipped}.",
        f"Intervals hold with {scores.confidence:.0%} confidence and resample observers × images "
        f"({scores.draws} draws, seed {scores.seed}).",
        *(f"No interval for {', '.join(names)}: {reason}." for reason, names in reasons.items()),
    ]


if __name__ == "__main__":
    sys.exit(main())
