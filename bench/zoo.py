"""Are GANs created equal? Every loss on Fashion-MNIST at one budget, with some seeds, by one measure.

`python -m bench.zoo [--json] [--budget 64000|600s] [--seeds 3] [--losses NAME …]`: a table of Fréchet
distances with their intervals, time and health. What is done is kept in a folder, cell by cell: a bench
that was killed goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from scipy.stats import spearmanr, t

from bench.machine import machine
from generators.config import Config, available_configs, load_config
from generators.health import Moment, diagnose
from generators.sampling import sample
from generators.training import Progress, Trainer, TrainingDiverged
from metrics.errors import NotFinite
from metrics.extractors import catalog
from metrics.extractors.base import Extractor
from metrics.frechet import frechet_estimate
from metrics.gaussian import Gaussian
from pools.sources import ImageSet, load

DATA = "fashion-mnist"
LOSSES = (
    "minimax", "non-saturating", "lsgan", "wgan", "wgan-gp", "dragan", "hinge-sn", "relativistic",
    "began", "vae",
)  # fmt: skip
# The best FID on Fashion-MNIST in Lucic et al. 2018, "Are GANs created equal?", by their own networks,
# Inception features and a wide search of settings: to be compared in order, not in size.
PUBLISHED = {
    "minimax": 29.6, "non-saturating": 26.5, "lsgan": 30.7, "wgan": 21.5, "wgan-gp": 24.5,
    "dragan": 27.7, "began": 22.9, "vae": 58.7,
}  # fmt: skip
TRIAL_STEPS = 40  # timed, to turn core-seconds into images


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
    """One run: its Fréchet distance with a 95 % interval over samples, None if it diverged."""

    asked: Asked
    images: int
    core_seconds: float
    distance: float | None
    interval: tuple[float, float] | None
    verdicts: tuple[str, ...]


@dataclass(frozen=True)
class Bench:
    """What all cells share: real images, how they are measured, the budget and the folder."""

    data: ImageSet
    extractor: Extractor
    reference: Gaussian
    budget: str
    samples: int
    folder: Path

    @classmethod
    def of(cls, data: ImageSet, extractor: str, budget: str, samples: int, folder: Path) -> Bench:
        """The bench on these real images, whose features it takes."""
        network = catalog.create(extractor)
        reference = Gaussian.of_features(network.extract(data.images).features)
        folder.mkdir(parents=True, exist_ok=True)
        return cls(data, network, reference, budget, samples, folder)

    def cell(self, loss: str, seed: int) -> Cell:
        """The cell as it was kept, or a run of it, which is then kept."""
        config = load_config(loss, seed=seed)
        about = (self.extractor.name, f"{DATA} {self.data.images.shape}", config.hash())
        asked = Asked(loss, seed, self.budget, self.samples, *about)
        path = self.folder / f"{loss}-{seed}.json"
        if path.exists() and (kept := _read(path)).asked == asked:
            return kept
        cell = self._run(asked, config)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(cell), indent=2), encoding="utf-8")
        unfinished.replace(path)
        return cell

    def _run(self, asked: Asked, config: Config) -> Cell:
        config = load_config(
            asked.loss, seed=asked.seed, images=images_of(self.budget, config, self.data)
        )
        trainer, history = _trainer(config, self.data), []

        def remember(progress: Progress) -> None:
            history.append(Moment(progress.images_seen, progress.values))

        started, distance, interval = time.process_time(), None, None
        try:
            trainer.advance(on_progress=remember)
            seconds = time.process_time() - started
            distance, interval = self._measure(trainer, asked)
        except (TrainingDiverged, NotFinite) as error:
            seconds = time.process_time() - started
            history.append(Moment(trainer.images_seen, {}, str(error)))
        verdicts = tuple(verdict.name for verdict in diagnose(history, config))
        return Cell(asked, trainer.images_seen, round(seconds, 1), distance, interval, verdicts)

    def _measure(self, trainer: Trainer, asked: Asked) -> tuple[float, tuple[float, float] | None]:
        path = self.folder / f"{asked.loss}-{asked.seed}.safetensors"
        trainer.save_generator(path)
        batches = sample(path, self.samples, seed=asked.seed)
        features = np.concatenate([self.extractor.extract(batch).features for batch in batches])
        found = frechet_estimate(self.reference, features)
        return found.value, found.interval(floor=0.0)


def _trainer(config: Config, data: ImageSet) -> Trainer:
    classes = len(data.class_names or ())
    return Trainer(config, data.images, data.labels, classes, device=torch.device("cpu"))


def _read(path: Path) -> Cell:
    values = json.loads(path.read_text(encoding="utf-8"))
    interval = values["interval"] and tuple(values["interval"])
    kept = {"asked": Asked(**values["asked"]), "interval": interval}
    return Cell(**values | kept | {"verdicts": tuple(values["verdicts"])})


def images_of(budget: str, config: Config, data: ImageSet) -> int:
    """The images of a budget: a number of them, or core-seconds such as `600s` by a timed trial.

    Raises ValueError for any other budget.
    """
    number = budget.removesuffix("s")
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(f"--budget must be images such as 64000, or core-seconds such as 600s, got {budget!r}")  # fmt: skip  # noqa: E501
    if number == budget:
        return int(number)
    trainer = _trainer(config, data)
    trainer.advance(images=TRIAL_STEPS // 4 * config.images_per_step)
    before, started = trainer.images_seen, time.process_time()
    trainer.advance(images=TRIAL_STEPS * config.images_per_step)
    rate = (trainer.images_seen - before) / (time.process_time() - started)
    return max(config.images_per_step, int(rate * int(number)))


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
        "published_best": PUBLISHED.get(loss),
        "cells": [asdict(cell) for cell in cells],
    }


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
        f"| loss | FD-{extractor}, mean over seeds [95 %] | best | core-s | images | health | best FID in print |",  # noqa: E501
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    ordered = sorted(rows, key=lambda row: np.inf if row["mean"] is None else row["mean"])
    return "\n".join([*lines, *map(_line, ordered)])


def _line(row: dict[str, Any]) -> str:
    interval = row["interval"] and " [{:.1f}, {:.1f}]".format(*row["interval"])
    cells = [
        row["loss"],
        f"{_number(row['mean'])}{interval or ''}",
        _number(row["best"]),
        f"{row['core_seconds']:.0f}",
        f"{row['images']:,}",
        ", ".join(row["verdicts"]) or "healthy",
        _number(row["published_best"]),
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def run(
    bench: Bench, losses: Sequence[str], seeds: int, tell: Callable[[str], object]
) -> dict[str, Any]:
    """All cells, seed by seed so that a bench that was cut short has some of every loss."""
    cells: dict[str, list[Cell]] = {loss: [] for loss in losses}
    for seed in range(seeds):
        for loss in losses:
            cells[loss].append(cell := bench.cell(loss, seed))
            health = ", ".join(cell.verdicts) or "healthy"
            tell(f"{loss}, seed {seed}: {_number(cell.distance)}, {cell.core_seconds} s, {health}")
    rows = [summary(loss, cells[loss]) for loss in losses]
    return {
        "data": DATA,
        "measure": f"FD-{bench.extractor.name} of {bench.samples} samples to {len(bench.data.images)} "
        "training images, which the intervals hold fixed",
        "budget": bench.budget,
        "seeds": seeds,
        "rows": rows,
        "agreement_with_published": agreement(rows),
        "machine": machine(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.zoo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--budget", default="64000", help="of one run: images, or core-seconds such as 600s"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument(
        "--losses", nargs="+", default=LOSSES, choices=available_configs(), metavar="NAME"
    )
    parser.add_argument("--samples", type=int, default=5_000, help="measured of each run")
    parser.add_argument("--extractor", default="lite0", help=", ".join(catalog.NAMES))
    parser.add_argument("--folder", type=Path, default=Path("var/zoo"), help="of what is done")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if min(options.seeds, options.samples) < 1:
        raise SystemExit("--seeds and --samples must be at least 1")
    torch.set_num_threads(1)
    shared = (options.extractor, options.budget, options.samples, options.folder)
    bench = Bench.of(load(DATA), *shared)
    result = run(
        bench, options.losses, options.seeds, tell=lambda line: print(line, file=sys.stderr)
    )
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(table(result["rows"], bench.extractor.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
