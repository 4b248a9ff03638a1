"""A training run on disk: checkpoint, generator, log and sample sheets, safe against being killed."""

import fcntl
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from generators.config import Config
from generators.config_rules import check_size
from generators.feed import Share
from generators.health import Moment, Verdict, diagnose, is_judged
from generators.tensorboard_log import TensorBoardLog
from generators.training import Progress, Trainer, TrainingDiverged
from pools.sources import ImageSet
from pools.stimulus import encode_grid
from pools.whole_file import remove_leftovers, replaced_whole

CHECKPOINT_EVERY_S = 10.0


class RunFolderError(ValueError):
    """A folder that a run cannot be started in, and what to do."""


class RunFolder:
    """`run.safetensors`, `generator.safetensors`, `log.jsonl`, `health.json`, `samples/`, `tensorboard/`.

    The run is checkpointed every ten seconds, so a run that was killed loses no more than that. As a
    context it lets go, at its end, of the folder that `start` has taken for this process alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint_path = folder / "run.safetensors"
        self.generator_path = folder / "generator.safetensors"
        self.log_path = folder / "log.jsonl"
        self.health_path = folder / "health.json"
        self.samples_folder = folder / "samples"
        self.tensorboard_folder = folder / "tensorboard"
        self._history: list[Moment] = []
        self._held: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            os.close(self._held)

    def start(
        self, config: Config, data: ImageSet, *, resume: bool, share: Share | None = None
    ) -> Trainer:
        """A new run, or with `resume` the one left here, if any; one of its processes, by `share`.

        Raises RunFolderError where a run would be overwritten, or another process is training here,
        CheckpointError where the one here is damaged or of another config or data, ConfigError where
        a new one has a norm without effect.
        """
        first = share is None or share.first
        if first and self.folder.is_dir():
            self._hold()
        found, names = self.checkpoint_path.exists(), data.class_names or ()
        if found and not resume:
            raise RunFolderError(
                f"{self.folder} holds a run: go on with --resume, or choose another folder"
            )
        if found:
            trainer = Trainer.resume(
                self.checkpoint_path,
                data.images,
                data.labels,
                config=config,
                class_names=names,
                share=share,
            )
        else:
            check_size(config, data.images.shape[1])
            trainer = Trainer(
                config, data.images, data.labels, _class_count(data), class_names=names, share=share
            )
        if first:
            self.samples_folder.mkdir(parents=True, exist_ok=True)
            self._hold()
            self._forget_after(trainer.images_seen)
        return trainer

    def _hold(self) -> None:
        """Takes the folder for this process until it ends or lets go; others take it in vain."""
        if self._held is not None:
            return
        self._held = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunFolderError(
                f"another process is training in {self.folder}: let it end, or choose another folder"
            ) from error
        except OSError:  # a file system that knows no locks
            pass

    def train(
        self,
        trainer: Trainer,
        on_progress: Callable[[Progress], None],
        on_verdict: Callable[[Verdict], None],
    ) -> list[Verdict]:
        """Spends what is left of the budget; interrupted, it ends its step and saves what it has.

        One of several processes waits for no step: the last checkpoint stands. Returns the verdicts
        on the run's health; `on_verdict` is told of each when it first appears. Raises
        TrainingDiverged, which the log then ends with.
        """
        told: set[str] = set()

        def record(progress: Progress) -> None:
            self._record(progress)
            board.write(progress.images_seen, progress.values, progress.grid)
            for verdict in self._judge(trainer):
                if verdict.name not in told:
                    told.add(verdict.name)
                    on_verdict(verdict)
            on_progress(progress)

        settings = trainer.config.settings()
        board = TensorBoardLog(self.tensorboard_folder, trainer.images_seen, settings)
        with board, _interrupts(are_kept=trainer.share.world == 1) as interrupted:
            try:
                while not trainer.done:
                    trainer.advance(
                        seconds=CHECKPOINT_EVERY_S, on_progress=record, should_stop=interrupted
                    )
                    self._save(trainer)
                    if interrupted() and not trainer.done:
                        raise KeyboardInterrupt
            except TrainingDiverged as error:
                self._log(trainer.images_seen, trainer.images_total, {"error": str(error)})
                self._judge(trainer)
                raise
        return self._judge(trainer)

    def verdicts(self) -> list[Verdict]:
        """What `train` last wrote of the run's health, empty if it is healthy.

        Raises RunFolderError if nothing was written here.
        """
        try:
            return [Verdict(**verdict) for verdict in self.health()["verdicts"]]
        except (KeyError, TypeError) as error:
            raise RunFolderError(f"{self.health_path} is damaged: {error}") from error

    def is_judged(self) -> bool:
        """Whether no verdict means that the run is healthy, and not that it was too short for any.

        Raises RunFolderError if nothing was written here.
        """
        return bool(self.health().get("judged", True))

    def health(self) -> dict[str, Any]:
        """What `health.json` holds: `images_seen`, `judged` and the `verdicts`.

        Raises RunFolderError if nothing was written here, or it is damaged.
        """
        try:
            found = json.loads(
                self.health_path.read_text(encoding="utf-8"), parse_constant=_no_number
            )
        except OSError as error:
            raise RunFolderError(f"{self.folder} holds no training: {error}") from error
        except (ValueError, RecursionError) as error:
            raise RunFolderError(f"{self.health_path} is damaged: {error}") from error
        if not isinstance(found, dict):
            raise RunFolderError(f"{self.health_path} is damaged: it holds no verdicts")
        return found

    def _save(self, trainer: Trainer) -> None:
        trainer.save_generator(self.generator_path)
        trainer.save(self.checkpoint_path)

    def _record(self, progress: Progress) -> None:
        values = {**progress.values, "seconds": round(progress.seconds, 3)}
        self._log(progress.images_seen, progress.images_total, values)
        if progress.grid is not None:
            sheet = self.samples_folder / f"{progress.images_seen:012}.png"
            sheet.write_bytes(encode_grid(progress.grid[None], 1))

    def _log(self, images_seen: int, images_total: int, values: Mapping[str, Any]) -> None:
        line = {"images_seen": images_seen, "images_total": images_total, **values}
        self._history.append(Moment.of(line))
        with self.log_path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def _judge(self, trainer: Trainer) -> list[Verdict]:
        """Writes the verdicts on the run so far, in one step."""
        found = diagnose(self._history, trainer.config)
        about = {
            "images_seen": trainer.images_seen,
            "judged": is_judged(self._history, trainer.config),
            "verdicts": [verdict.as_dict() for verdict in found],
        }
        unfinished = self.health_path.with_name(".health.json")
        unfinished.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(self.health_path)
        return found

    def _forget_after(self, images_seen: int) -> None:
        """Drops what was logged and drawn after the checkpoint, which will be trained again, and leftovers."""
        for path in (self.checkpoint_path, self.generator_path, self.log_path):
            remove_leftovers(path)
        for sheet in self.samples_folder.glob("*.png"):
            if sheet.stem > f"{images_seen:012}":
                sheet.unlink()
        if not self.log_path.exists():
            return
        logged = self.log_path.read_text(encoding="utf-8", errors="replace")
        lines = logged.splitlines(keepends=True)
        kept = [line for line in lines if _complete(line, images_seen)]
        with replaced_whole(self.log_path) as unfinished:
            unfinished.write_text("".join(kept), encoding="utf-8")
        self._history = [Moment.of(json.loads(line)) for line in kept]


@contextmanager
def _interrupts(*, are_kept: bool) -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, for the end of a step: half of one, saved, would be trained again.

    Pressed once more, it interrupts at once.
    """
    asked = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not (are_kept and is_main and before is signal.default_int_handler):
        yield asked.is_set
        return

    def keep(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        asked.set()

    signal.signal(signal.SIGINT, keep)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _complete(line: str, images_seen: int) -> bool:
    """Whether it is a whole report on so many images; a machine that died may leave other bytes."""
    try:
        return line.endswith("}\n") and bool(json.loads(line)["images_seen"] <= images_seen)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _no_number(word: str) -> float:
    """Python reads NaN and Infinity, which no JSON has."""
    raise ValueError(f"{word} is no number")


def _class_count(data: ImageSet) -> int:
    if data.labels is None:
        return 0
    return max(len(data.class_names or ()), int(data.labels.max()) + 1)
