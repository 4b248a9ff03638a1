"""Published figures again from published data: the human study of Stein et al. (NeurIPS 2023).

`python -m bench.published [--json]` prints the 41 generators of their table beside what this
platform makes of their observers' results, and people's agreement with FD on DINOv2 features.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scoring.correlation import correlate
from scoring.figure import Figure
from scoring.intervals import ObserverMean, mean_over_observers

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "dgm-eval"
ANSWERS = 200
HALF_A_DIGIT = 0.005 + 1e-9
PUBLISHED_RHO = {"cifar10": 0.97, "ffhq256": 0.38, "imagenet256": 0.84, "lsun256": 0.98}


@dataclass(frozen=True)
class Row:
    """One generator: its printed mean error rate and standard error, and those of the data.

    Attributes:
        from_counts: the mean again, from the observers' numbers of right answers.
        reproduced: the mean rounds to what is printed. why: what is known if it does not.
    """

    dataset: str
    generator: str
    printed: float
    printed_error: float
    mean: ObserverMean
    from_counts: float
    fd_dinov2: float

    @property
    def reproduced(self) -> bool:
        return abs(self.mean.value - self.printed) <= HALF_A_DIGIT

    @property
    def why(self) -> str:
        if self.reproduced:
            return ""
        assert self.mean.standard_error is not None
        same = abs(self.from_counts - self.mean.value) < 1e-9
        near = abs(self.mean.standard_error - self.printed_error) <= HALF_A_DIGIT
        return (
            f"a misprint: {self.mean.value:.4f} does not round to {self.printed:.2f}, while right "
            f"answers {'give the same mean' if same else f'give {self.from_counts:.4f}'} and the "
            f"standard error {self.mean.standard_error:.4f} {'is' if near else 'is not'} as printed"
        )

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "reproduced": self.reproduced, "why": self.why}


def rows() -> list[Row]:
    """All generators of the published table, in its order."""
    observers = {name: _read(name) for name in PUBLISHED_RHO}
    return [_row(printed, observers[printed["dataset"]]) for printed in _read("table11_published")]


def correlations(found: Sequence[Row]) -> dict[str, Figure]:
    """By data set, Spearman's ρ of people's error rates with FD on DINOv2 features, turned round."""
    figures = {}
    for dataset in PUBLISHED_RHO:
        own = [row for row in found if row.dataset == dataset]
        people = {row.generator: row.mean.value for row in own}
        distance = {row.generator: row.fd_dinov2 for row in own}
        figures[dataset] = correlate(people, {"FD_dinov2": distance})[0].rho
    return figures


def _read(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _row(printed: dict[str, str], observers: Sequence[dict[str, str]]) -> Row:
    own = [one for one in observers if one["model"] == printed["model_csv"]]
    right = np.array([float(one["num_correct"]) for one in own])
    return Row(
        dataset=printed["dataset"],
        generator=printed["model_paper"],
        printed=float(printed["human_err"]),
        printed_error=float(printed["human_sem"]),
        mean=mean_over_observers(np.array([float(one["err_rt"]) for one in own])),
        from_counts=float(1 - right.mean() / ANSWERS),
        fd_dinov2=float(printed["FD_dinov2"]),
    )


def _as_dict(found: Sequence[Row]) -> dict[str, Any]:
    return {
        "reproduced": sum(row.reproduced for row in found),
        "of": len(found),
        "observers": sum(row.mean.n_observers for row in found),
        "rows": [row.as_dict() for row in found],
        "correlations": {
            name: {"published": PUBLISHED_RHO[name], **asdict(figure)}
            for name, figure in correlations(found).items()
        },
    }


def _as_text(found: Sequence[Row]) -> str:
    lines = [
        f"{row.dataset:12} {row.generator:16} printed {row.printed:.2f} ± {row.printed_error:.2f}"
        f"  data {row.mean.value:.4f} ± {row.mean.standard_error:.4f}  {row.why}".rstrip()
        for row in found
    ]
    reproduced = sum(row.reproduced for row in found)
    lines += ["", f"{reproduced} of {len(found)} generators are reproduced.", ""]
    for name, figure in correlations(found).items():
        lines.append(
            f"{name:12} ρ with FD on DINOv2: published {PUBLISHED_RHO[name]:.2f}, "
            f"data {figure.value:.3f} [{figure.low:.2f}, {figure.high:.2f}] "
            f"over {figure.n} generators"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.published", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    found = rows()
    as_json = parser.parse_args(arguments).json
    print(json.dumps(_as_dict(found), indent=2) if as_json else _as_text(found))


if __name__ == "__main__":
    main()
