"""A report on named images as plain text."""

from __future__ import annotations

from scoring.naming_report import Confusion, NamingReport, PoolNames
from scoring.text import aligned, estimate, number, ranks

HEADINGS = ("rank", "images of", "named right %", "none %", "ms", "observers", "images", "trials")
REALS = "real images"


def as_text(report: NamingReport) -> str:
    """The shares of each pool, what has to be known to read them, and who was taken for what."""
    parts = [
        aligned([HEADINGS, *map(_cells, report.pools)]),
        _notes(report),
        *map(_confusion, report.confusions),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _cells(pool: PoolNames) -> tuple[str, ...]:
    right, none = pool.named_right, pool.said_none
    return (
        ranks(pool.rank_low, pool.rank_high),
        pool.generator or REALS,
        estimate(right.value, right.low, right.high, 100),
        estimate(none.value, none.low, none.high, 100),
        number(pool.median_ms, 1, 0),
        str(pool.n_observers),
        str(pool.n_images),
        str(pool.n_trials),
    )


def _notes(report: NamingReport) -> list[str]:
    alpha = report.agreement
    agreed = f"{estimate(alpha.value, alpha.low, alpha.high, 1, 2)}"
    return [
        f"{report.n_trials} trials of {report.n_observers} observers; "
        f"{report.n_skipped} skipped, left out.",
        f"Intervals hold with {report.confidence:.0%} confidence and resample observers × images "
        f"({report.draws} draws, seed {report.seed}).",
        *(
            f"Left out: {one.observers} observers with {one.trials} trials ({one.reason})."
            for one in report.exclusions
        ),
        f"Krippendorff's α over {alpha.n} images: {agreed}"
        + (f" ({alpha.reason})." if alpha.reason else "."),
    ]


def _confusion(found: Confusion) -> list[str]:
    head = (f"called, of {found.generator or REALS}", *found.answers)
    rows = (
        (truth, *map(str, counts)) for truth, counts in zip(found.truths, found.counts, strict=True)
    )
    return aligned([head, *rows], words=1)
