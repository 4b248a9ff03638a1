"""How often the metrics' 95 % intervals hold the mean of fresh samples, where images are few."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from tqdm import tqdm

from metrics.estimate import Estimate
from metrics.frechet import frechet_estimate
from metrics.inception_score import inception_score
from metrics.prdc import prdc

Floats = NDArray[np.float64]

COUNTS = (6, 10, 20, 50, 200)
DIMENSIONS, CLASSES, REALS = 4, 5, 300
SHARES = np.linspace(0.05, 0.95, 91)
RANGES = {"inception score": (1.0, CLASSES), "coverage": (0.0, 1.0), "recall": (0.0, 1.0)}


def measured(real: Floats, fake: Floats, weights: Floats) -> dict[str, Estimate]:
    """Every figure of one sample."""
    found = prdc(real, fake)
    raised = np.exp(fake @ weights)
    return {
        "inception score": inception_score(raised / raised.sum(axis=1, keepdims=True), splits=1),
        "Fréchet distance": frechet_estimate(real, fake),
        "density": found.density,
        "coverage": found.coverage,
        "recall": found.recall,
    }


def simulated(n: int, samples: int, seed: int) -> dict[str, dict[str, float | None]]:
    """Of each figure of n images: how many of its intervals hold the mean, as they are and by 1.96."""
    rng = np.random.default_rng(seed)
    real, weights = rng.normal(size=(REALS, DIMENSIONS)), rng.normal(size=(DIMENSIONS, CLASSES))
    kept = defaultdict(list)
    for _ in tqdm(range(samples), desc=f"{n} images", leave=False):
        fake = rng.normal(size=(n, DIMENSIONS)) * 0.8 + 0.4
        for name, estimate in measured(real, fake, 1.5 * weights).items():
            kept[name].append(estimate.unless_alike())
    return {name: both_held(name, found) for name, found in kept.items()}


def both_held(name: str, found: list[Estimate]) -> dict[str, float | None]:
    """The share by 1.96 standard errors on both sides of the value, and by the intervals' own."""
    normal = [replace(each, freedom=np.inf) for each in found]
    return {"normal": held(name, normal), "own": held(name, found)}


def held(name: str, found: list[Estimate]) -> float | None:
    """The share of intervals, of those that there are, with the mean of all values inside."""
    mean = np.mean([each.value for each in found])
    intervals = [each.interval(*RANGES.get(name, (0.0, np.inf))) for each in found]
    there = [interval for interval in intervals if interval]
    return float(np.mean([low <= mean <= high for low, high in there])) if there else None


def shares(n: int) -> dict[str, dict[str, float]]:
    """The same of a share, exactly: mean and worst over true shares of 5 to 95 %."""
    counts = np.arange(n + 1)
    likely = binom.pmf(counts, n, SHARES[:, None])
    own = [Estimate.of_share(int(count), n, "share") for count in counts]
    return {
        kind: {"mean": float(each.mean()), "worst": float(each.min())}
        for kind, each in {
            "normal": _chance([replace(each, centre=None) for each in own], likely),
            "own": _chance(own, likely),
        }.items()
    }


def _chance(found: list[Estimate], likely: Floats) -> Floats:
    low, high = np.array([each.interval(0, 1) for each in found]).T
    return (likely * ((low <= SHARES[:, None]) & (SHARES[:, None] <= high))).sum(axis=1)


def table(rows: dict[int, dict[str, dict[str, float | None]]]) -> str:
    """The rows as Markdown: by 1.96 standard errors → as the intervals are."""
    names = list(next(iter(rows.values())))
    lines = ["| Images | " + " | ".join(names) + " |", "|---:" * (len(names) + 1) + "|"]
    for n, row in rows.items():
        cells = [
            " → ".join(_words(row[name][kind]) for kind in ("normal", "own")) for name in names
        ]
        lines.append(f"| {n} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _words(share: float | dict[str, float] | None) -> str:
    if share is None:
        return "refused"
    if isinstance(share, dict):
        return f"{100 * share['mean']:.0f} % ({100 * share['worst']:.0f} %)"
    return f"{100 * share:.0f} %"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.few_images", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument("--samples", type=int, default=500, help="simulated of each size")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    args = parser.parse_args()
    rows = {n: {**simulated(n, args.samples, args.seed), "precision": shares(n)} for n in COUNTS}
    print(json.dumps(rows, indent=2) if args.json else table(rows))


if __name__ == "__main__":
    main()
