"""An attack on disk: each rung's images and outcomes, and what is missing when it was interrupted."""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from generators.adversarial.campaign import Campaign
from generators.adversarial.errors import AttackError
from generators.adversarial.forged import Forged, Labels, joined
from generators.adversarial.plan import Rung
from generators.adversarial.results import clean_accuracy, summary
from generators.data import Images
from generators.noise import BLOCK_IMAGES

Progress = Callable[[int], object]
"""Called with the images of all rungs that are done."""
OUTCOMES = ("clean_predictions", "predictions", "counted", "fooled", "queries")


class AttackFolder:
    """`results.json`, and for each rung a pool `RUNG.npz` and the outcomes of its images, `RUNG.csv`.

    Every block of images is kept as soon as it is made, in `unfinished/`, until its rung is whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results_path = folder / "results.json"
        self._unfinished = folder / "unfinished"

    def run(
        self,
        campaign: Campaign,
        about: dict[str, Any],
        labels: Labels | None,
        progress: Progress,
    ) -> dict[str, Any]:
        """Makes what is missing of a campaign, and returns what `results.json` holds.

        `about` says what is attacked, and with what; `labels` (n,) are kept with the images. Raises
        AttackError where the folder holds another attack.
        """
        results = self._results(about)
        rungs = campaign.plan.rungs()
        for place, rung in enumerate(rungs):
            if place < len(results["rungs"]):
                continue
            forged = self._forged(campaign, rung, _going_on(progress, place * len(campaign)))
            self._keep(rung, forged, labels)
            results["rungs"].append(summary(rung, forged))
            results["clean_accuracy"] = clean_accuracy(forged, campaign.truth)
            self._write_results(results)
        progress(len(rungs) * len(campaign))
        shutil.rmtree(self._unfinished, ignore_errors=True)
        return results

    def _results(self, about: dict[str, Any]) -> dict[str, Any]:
        """What there is of this attack so far."""
        if not self.results_path.exists():
            self._unfinished.mkdir(parents=True, exist_ok=True)
            fresh = {**about, "clean_accuracy": None, "rungs": []}
            self._write_results(fresh)
            return fresh
        try:
            found: Any = json.loads(self.results_path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise AttackError(f"{self.results_path} is damaged: {error}") from error
        if not isinstance(found, dict) or not isinstance(found.get("rungs"), list):
            raise AttackError(f"{self.results_path} is damaged: it holds no rungs")
        if any(found.get(key) != value for key, value in about.items()):
            raise AttackError(f"{self.folder} holds another attack: choose another folder")
        return dict(found)

    def _forged(self, campaign: Campaign, rung: Rung, progress: Progress) -> Forged:
        """The whole rung, block by block; those made before are read."""
        folder = self._unfinished / rung.name
        folder.mkdir(parents=True, exist_ok=True)
        forged = self._forged_images(rung) if rung.kind == "flipped" else None
        parts = []
        for first in range(0, len(campaign), BLOCK_IMAGES):
            rows = range(first, min(first + BLOCK_IMAGES, len(campaign)))
            place = folder / f"{first:09}.npz"
            if not place.exists():
                with _whole(place) as unfinished:
                    _save_part(unfinished, campaign.forge(rung, rows=rows, forged=forged))
            parts.append(_read_part(place))
            progress(rows.stop)
        return joined(parts)

    def _forged_images(self, rung: Rung) -> Images:
        """The images of the forged rung of the same ε, which comes before its control."""
        path = self.folder / f"{Rung('forged', rung.epsilon).name}.npz"
        with np.load(path, allow_pickle=False) as arrays:
            images: Images = arrays["images"]
        return images

    def _keep(self, rung: Rung, forged: Forged, labels: Labels | None) -> None:
        arrays = {"images": forged.images} | ({} if labels is None else {"labels": labels})
        with _whole(self.folder / f"{rung.name}.npz") as unfinished:
            np.savez_compressed(unfinished, allow_pickle=False, **arrays)
        with _whole(self.folder / f"{rung.name}.csv") as unfinished:
            _write_outcomes(unfinished, forged, labels)

    def _write_results(self, results: dict[str, Any]) -> None:
        with _whole(self.results_path) as unfinished:
            unfinished.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _going_on(progress: Progress, done: int) -> Progress:
    """What hears of one rung and tells of all."""
    return lambda images: progress(done + images)


def _save_part(path: Path, part: Forged) -> None:
    np.savez(path, allow_pickle=False, shared_queries=part.shared_queries, **part.arrays())


def _read_part(path: Path) -> Forged:
    with np.load(path, allow_pickle=False) as arrays:
        found: dict[str, Any] = dict(arrays)
    return Forged(**found | {"shared_queries": int(found["shared_queries"])})


def _write_outcomes(path: Path, forged: Forged, labels: Labels | None) -> None:
    columns: dict[str, Any] = {"image": np.arange(len(forged))}
    columns |= {} if labels is None else {"label": labels}
    columns |= {name: getattr(forged, name).astype(int) for name in OUTCOMES} | forged.sizes
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A place to write to; the file appears when all of it is written, or not at all."""
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
