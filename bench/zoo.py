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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from bench.machine import machine
from bench.zoo_cells import Asked, Cell, agreement, health, number, summary, table
from generators.config import Config, available_configs, load_config
from generators.health import Moment, diagnose, is_judged
from generators.sampling import sample
from generators.training import Progress, Trainer, TrainingDiverged
from metrics.errors import NotFinite
from metrics.extractors import catalog
from metrics.extractors.base import Extractor
from metrics.frechet import frechet_estimate
from metrics.gaussian import Gaussian
from pools.sources import ImageSet, load
from terminal.writing import named_path

DATA = "fashion-mnist"
LOSSES = (
    "minimax", "non-saturating", "lsgan", "wgan", "wgan-gp", "dragan", "hinge-sn", "relativistic",
    "began", "vae",
)  # fmt: skip
TRIAL_STEPS = 40  # timed, to turn core-seconds into images


@dataclass(frozen=True)
class Budget:
    """What one run may cost: real images, or core-seconds, turned into images by a timed trial."""

    amount: int
    in_seconds: bool

    @classmethod
    def parse(cls, text: str) -> Budget:
        """`64000` images, or `600s`; ArgumentTypeError for anything else.

        >>> Budget.parse("600s")
        Budget(amount=600, in_seconds=True)
        """
        amount = text.removesuffix("s")
        if not amount.isdecimal() or int(amount) < 1:
            raise argparse.ArgumentTypeError(
                f"must be images such as 64000, or core-seconds such as 600s, got {text!r}"
            )
        return cls(int(amount), amount != text)

    def __str__(self) -> str:
        return f"{self.amount}{'s' if self.in_seconds else ''}"

    def images(self, config: Config, data: ImageSet) -> int:
        """How many images of this config."""
        if not self.in_seconds:
            return self.amount
        trainer = _trainer(config, data)
        trainer.advance(images=TRIAL_STEPS // 4 * config.images_per_step)
        before, started = trainer.images_seen, time.process_time()
        trainer.advance(images=TRIAL_STEPS * config.images_per_step)
        rate = (trainer.images_seen - before) / (time.process_time() - started)
        return max(config.images_per_step, int(rate * self.amount))


@dataclass(frozen=True)
class Bench:
    """What all cells share: real images, how they are measured, the budget and the folder."""

    data: ImageSet
    extractor: Extractor
    reference: Gaussian
    budget: Budget
    samples: int
    folder: Path

    @classmethod
    def of(
        cls, data: ImageSet, extractor: str, budget: Budget, samples: int, folder: Path
    ) -> Bench:
        """The bench on these real images, whose features it takes."""
        network = catalog.create(extractor)
        reference = Gaussian.of_features(network.extract(data.images).features)
        folder.mkdir(parents=True, exist_ok=True)
        return cls(data, network, reference, budget, samples, folder)

    def cell(self, loss: str, seed: int) -> Cell:
        """The cell as it was kept, or a run of it, which is then kept."""
        config = load_config(loss, seed=seed)
        about = (self.extractor.name, f"{DATA} {self.data.images.shape}", config.hash())
        asked = Asked(loss, seed, str(self.budget), self.samples, *about)
        path = self.folder / f"{loss}-{seed}.json"
        if path.exists() and (kept := Cell.read(path)).asked == asked:
            return kept
        cell = self._run(asked, config)
        cell.keep(path)
        return cell

    def _run(self, asked: Asked, config: Config) -> Cell:
        config = replace(config, images=self.budget.images(config, self.data))
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
        judged = is_judged(history, config)
        spent = (trainer.images_seen, round(seconds, 1))
        return Cell(asked, *spent, distance, interval, verdicts, judged)

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


def run(
    bench: Bench, losses: Sequence[str], seeds: int, tell: Callable[[str], object]
) -> dict[str, Any]:
    """All cells, seed by seed so that a bench that was cut short has some of every loss."""
    cells: dict[str, list[Cell]] = {loss: [] for loss in losses}
    for seed in range(seeds):
        for loss in losses:
            cells[loss].append(cell := bench.cell(loss, seed))
            found = health(cell.verdicts, cell.judged)
            tell(f"{loss}, seed {seed}: {number(cell.distance)}, {cell.core_seconds} s, {found}")
    rows = [summary(loss, cells[loss]) for loss in losses]
    return {
        "data": DATA,
        "measure": f"FD-{bench.extractor.name} of {bench.samples} samples to {len(bench.data.images)} "
        "training images, which the intervals hold fixed",
        "budget": str(bench.budget),
        "seeds": seeds,
        "rows": rows,
        "agreement_with_published": agreement(rows),
        "machine": machine(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.zoo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--budget",
        type=Budget.parse,
        default="64000",
        help="of one run: images, or core-seconds such as 600s",
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument(
        "--losses", nargs="+", default=LOSSES, choices=available_configs(), metavar="NAME"
    )
    parser.add_argument("--samples", type=int, default=5_000, help="measured of each run")
    parser.add_argument("--extractor", default="lite0", help=", ".join(catalog.NAMES))
    parser.add_argument(
        "--folder", type=named_path, default=Path("var/zoo"), help="of what is done"
    )
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
