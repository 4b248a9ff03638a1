"""What a rung came to, in figures: for JSON, and as a table for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from classifiers.shares import Share
from generators.adversarial.forged import Forged, Labels
from generators.adversarial.plan import Rung
from generators.adversarial.transfer import Transfer

NOTHING = "–"
HEADS = ("images", "fooled", "of", "95 % interval", "mean l∞", "mean l2", "mean queries")


def summary(rung: Rung, forged: Forged) -> dict[str, Any]:
    """The figures of a rung, as JSON can keep them.

    `success` is over the images that count, `fooled` over all; sizes are means over all of them.
    """
    sizes = {f"mean_{norm}": float(each.mean()) for norm, each in forged.sizes.items()}
    return {
        "name": rung.name,
        "kind": rung.kind,
        "epsilon": rung.epsilon,
        "images": len(forged),
        "success": as_json(forged.success),
        "fooled": as_json(Share.of(int(forged.fooled.sum()), len(forged))),
        **sizes,
        "mean_queries": float(forged.queries.mean()),
        "shared_queries": forged.shared_queries,
    }


def clean_accuracy(forged: Forged, truth: Labels | None) -> dict[str, Any] | None:
    """The share of originals that the classifier gets right; None where nobody knows the truth."""
    if truth is None:
        return None
    return as_json(Share.of(int((forged.clean_predictions == truth).sum()), len(forged)))


def as_json(share: Share | None) -> dict[str, Any] | None:
    """A share as JSON can keep it."""
    return None if share is None else asdict(share)


def table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """A line for each rung; what fools is counted among the images that the attack could change."""
    return _aligned([HEADS, *map(_line, summaries)])


def _line(found: Mapping[str, Any]) -> tuple[str, ...]:
    share = found["success"]
    fooled = (
        (f"{share['value']:.1%}", f"{share['n']:,}", f"{share['low']:.1%} to {share['high']:.1%}")
        if share
        else (NOTHING,) * 3
    )
    shared = f" + {found['shared_queries']:,} in all" if found["shared_queries"] else ""
    return (
        found["name"],
        *fooled,
        f"{found['mean_linf']:.3f}",
        f"{found['mean_l2']:.2f}",
        f"{found['mean_queries']:,.0f}{shared}",
    )


def matrix(found: Transfer) -> dict[str, Any]:
    """A matrix of transfer as JSON can keep it: a share, or null, for each pair."""
    places = range(len(found.names))
    shares = [[as_json(found.share(row, column)) for column in places] for row in places]
    return {"classifiers": list(found.names), "shares": shares}


def matrix_table(found: Transfer) -> str:
    """A line for each classifier that images were made on, a column for each that they were tried on."""
    cells = [
        tuple(_cell(found.share(row, column)) for column in range(len(found.names)))
        for row in range(len(found.names))
    ]
    lines = [(name, *line) for name, line in zip(found.names, cells, strict=True)]
    return _aligned([("made on \\ tried on", *found.names), *lines])


def _cell(share: Share | None) -> str:
    return f"{share.value:.1%} of {share.n:,}" if share else NOTHING


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = np.max([[len(cell) for cell in line] for line in lines], axis=0)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
