"""The cells of the zoo: kept, read again, and summed up in a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from scipy.stats import spearmanr, t

# The best FID on Fashion-MNIST in Lucic et al. 2018, "Are GANs created equal?", by their own networks,
# Inception features and a wide search of settings: to be compared in order, not in size.
PUBLISHED = {
    "minimax": 29.6, "non-saturating": 26.5, "lsgan": 30.7, "wgan": 21.5, "wgan-gp": 24.5,
    "dragan": 27.7, "began": 22.9, "vae": 58.7,
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What one cell is an answer to; it is answered again when any of it changes."""

    loss: str
    seed: int
    budget: str
    samples: int
    extractor: str
    data: str
    config: str


@dataclass(frozen=True)
class Cell:
    """One run: its Fréchet distance with a 95 % interval over samples, None if it diverged.

    `judged` says whether it was long enough for no verdict to mean that it is healthy.
    """

    asked: Asked
    images: int
    core_seconds: float
    distance: float | None
    interval: tuple[float, float] | None
    verdicts: tuple[str, ...]
    judged: bool

    def keep(self, path: Path) -> None:
        """Writes the cell in one step."""
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")
        unfinished.replace(path)

    @classmethod
    def read(cls, path: Path) -> Cell:
        """A cell as it was kept."""
        values = {"judged": True} | json.loads(path.read_text(encoding="utf-8"))
        interval = values["interval"] and tuple(values["interval"])
        kept = {"asked": Asked(**values["asked"]), "interval": interval}
        return cls(**values | kept | {"verdicts": tuple(values["verdicts"])})


def summary(loss: str, cells: Sequence[Cell]) -> dict[str, Any]:
    """A loss's row: the mean over seeds with its 95 % t interval, the best, and each cell."""
    distances = [cell.distance for cell in cells if cell.distance is not None]
    return {
        "loss": loss,
        "mean": mean(distances) if distances else None,
        "interval": _over_seeds(distances),
        "best": min(distances, default=None),
        "core_seconds": mean(cell.core_seconds for cell in cells),
        "images": cells[0].images,
        "verdicts": sorted({verdict for cell in cells for verdict in cell.verdicts}),
        "judged": all(cell.judged for cell in cells),
        "published_best": PUBLISHED.get(loss),
        "cells": [asdict(cell) for cell in cells],
    }


def health(verdicts: Sequence[str], judged: bool) -> str:
    """What is wrong by name, or in a word that nothing is.

    >>> health((), judged=False)
    'too early to tell'
    """
    return ", ".join(verdicts) or ("healthy" if judged else "too early to tell")


def _over_seeds(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % t interval of a mean, None of fewer than two values.

    >>> low, high = _over_seeds([9.0, 10.0, 11.0])
    >>> round(low, 2), round(high, 2)
    (7.52, 12.48)
    """
    if len(values) < 2:
        return None
    reach = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return max(mean(values) - float(reach), 0.0), mean(values) + float(reach)


def agreement(rows: Iterable[dict[str, Any]]) -> float | None:
    """Spearman's ρ of our best distances with the published ones, None of fewer than three.

    >>> agreement({"best": a, "published_best": b} for a, b in [(1, 20), (2, 30), (3, 40)])
    1.0
    """
    pairs = [(row["best"], row["published_best"]) for row in rows]
    pairs = [pair for pair in pairs if None not in pair]
    return float(spearmanr(*zip(*pairs, strict=True)).statistic) if len(pairs) > 2 else None


def table(rows: Sequence[dict[str, Any]], extractor: str) -> str:
    """The rows in Markdown, best mean first."""
    lines = [
        f"| loss | FD-{extractor}, mean of seeds [95 %] | best | core-s | images | health | in print |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    ordered = sorted(rows, key=lambda row: np.inf if row["mean"] is None else row["mean"])
    return "\n".join([*lines, *map(_line, ordered)])


def _line(row: dict[str, Any]) -> str:
    interval = row["interval"] and " [{:.1f}, {:.1f}]".format(*row["interval"])
    cells = [
        row["loss"],
        f"{number(row['mean'])}{interval or ''}",
        number(row["best"]),
        f"{row['core_seconds']:.0f}",
        f"{row['images']:,}",
        health(row["verdicts"], row["judged"]),
        number(row["published_best"]),
    ]
    return f"| {' | '.join(cells)} |"


def number(value: float | None) -> str:
    """To a tenth, or a dash."""
    return "–" if value is None else f"{value:.1f}"
