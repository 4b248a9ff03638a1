"""A training run on disk: checkpoint, generator, log and sample sheets, safe against being killed."""

import json
from collections.abc import Callable
from pathlib import Path

from generators.config import Config
from generators.training import Progress, Trainer
from pools.sources import ImageSet
from pools.stimulus import encode_grid

CHECKPOINT_EVERY_S = 10.0


class RunFolderError(ValueError):
    """A folder that a run cannot be started in, and what to do."""


class RunFolder:
    """`run.safetensors`, `generator.safetensors`, `log.jsonl` and `samples/` under one folder.

    The run is checkpointed every ten seconds, so a run that was killed loses no more than that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint_path = folder / "run.safetensors"
        self.generator_path = folder / "generator.safetensors"
        self.log_path = folder / "log.jsonl"
        self.samples_folder = folder / "samples"

    def start(self, config: Config, data: ImageSet, *, resume: bool) -> Trainer:
        """A new run, or with `resume` the one left here, if any.

        Raises RunFolderError where a run would be overwritten, CheckpointError where the one here
        is damaged or of another config or data.
        """
        found = self.checkpoint_path.exists()
        if found and not resume:
            raise RunFolderError(
                f"{self.folder} holds a run: go on with --resume, or choose another folder"
            )
        self.samples_folder.mkdir(parents=True, exist_ok=True)
        if found:
            trainer = Trainer.resume(self.checkpoint_path, data.images, data.labels, config=config)
        else:
            trainer = Trainer(config, data.images, data.labels, _class_count(data))
        self._forget_after(trainer.images_seen)
        return trainer

    def train(self, trainer: Trainer, on_progress: Callable[[Progress], None]) -> None:
        """Spends what is left of the budget; interrupted, it saves what it has."""

        def record(progress: Progress) -> None:
            self._record(progress)
            on_progress(progress)

        try:
            while not trainer.done:
                trainer.advance(seconds=CHECKPOINT_EVERY_S, on_progress=record)
                self._save(trainer)
        except KeyboardInterrupt:
            self._save(trainer)
            raise

    def _save(self, trainer: Trainer) -> None:
        trainer.save_generator(self.generator_path)
        trainer.save(self.checkpoint_path)

    def _record(self, progress: Progress) -> None:
        line = {
            "images_seen": progress.images_seen,
            "images_total": progress.images_total,
            **progress.values,
            "seconds": round(progress.seconds, 3),
        }
        with self.log_path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        if progress.grid is not None:
            sheet = self.samples_folder / f"{progress.images_seen:012}.png"
            sheet.write_bytes(encode_grid(progress.grid[None], 1))

    def _forget_after(self, images_seen: int) -> None:
        """Drops what was logged after the checkpoint: it will be trained, and logged, again."""
        if not self.log_path.exists():
            return
        lines = self.log_path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if _complete(line, images_seen)]
        self.log_path.write_text("".join(kept), encoding="utf-8")


def _complete(line: str, images_seen: int) -> bool:
    return line.endswith("}\n") and json.loads(line)["images_seen"] <= images_seen


def _class_count(data: ImageSet) -> int:
    if data.labels is None:
        return 0
    return max(len(data.class_names or ()), int(data.labels.max()) + 1)
