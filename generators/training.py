"""The training loop: images in, networks out, in segments that together equal one unbroken run."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators import checkpoint
from generators.checkpoint import CheckpointError
from generators.class_names import read_names
from generators.config import Config
from generators.config_rules import may_have_penalty
from generators.data import Images, check_data, count_classes, data_hash
from generators.distributed import average, check_shared, share_batch_norms
from generators.ema import Ema
from generators.examination import SAMPLES, Reference, examine
from generators.feed import FIRST, Feed, RealImages, RecordedFeed, Share
from generators.graphs import Recorder, as_cuda_graph, fastest_kernels
from generators.health import is_told
from generators.models import create_model
from generators.networks.shape import ImageShape
from generators.optimisers import Optimisers
from generators.sampling import (
    KIND,
    default_device,
    describe,
    described,
    pixels,
    released,
    to_device,
)
from pools.stimulus import grid

RUN_KIND = "training run"
REPORTS = 100  # in a whole budget
EXAMINED_EVERY = 5 * SAMPLES  # training images: drawing the samples then costs some 4 % of the time
GRID_EVERY_S = 1.0
STOP_POLL_S = 0.5


class TrainingDiverged(ArithmeticError):
    """A watched value is no longer a number; the message names the step and the value."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    `values` are means since the last report, by name: `d_loss`, `g_loss`, what the model watches;
    and, now and then, what `generators.examination.judge` says of a model's samples from noise.
    `grid` is None when not yet due.
    """

    images_seen: int
    images_total: int
    values: Mapping[str, float]
    seconds: float
    grid: Images | None


class Trainer:
    """One run of a config on images uint8 (N, H, W, C) and labels int (N,), or None for no classes.

    `class_names`, one for each of `class_count`, go into the files of a conditional generator.
    Everything random in a step is drawn from (config.seed, step), so a run that was cut into
    segments, saved and resumed gives the same losses and weights, bit for bit on one CPU, as an
    unbroken one. With a `share` it is one of several processes in step (`generators.distributed`).
    """

    def __init__(
        self,
        config: Config,
        images: Images,
        labels: NDArray[Any] | None,
        class_count: int = 0,
        *,
        class_names: Sequence[str] = (),
        device: torch.device | None = None,
        share: Share | None = None,
    ) -> None:
        check_data(images, labels, class_count)
        self.share = share or Share()
        check_shared(config, self.share)
        self.config = config
        self.device = device or default_device()
        self.data_hash = data_hash(images, labels)
        conditional = config.conditional and labels is not None
        self.shape = ImageShape(images.shape[1], images.shape[3], class_count if conditional else 0)
        self.class_names = read_names(tuple(class_names), self.shape.class_count)
        self.step = 0
        self.seconds = 0.0
        self.data = RealImages(images, labels, self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = create_model(config, self.shape)
        self.model = model
        share_batch_norms(model, self.share)
        to_device(model, self.device)
        self.model.bf16 = use_bf16(config.precision, self.device)
        self.model.start(self._feed(FIRST))
        self.optimisers = Optimisers(self.model.teams(), config, self.share)
        self.ema = Ema({name: getattr(model, name) for name in model.averaged}, config.ema)
        recorded = self.device.type == "cuda" and self.share.world == 1
        self._recorder = Recorder(self._recorded_feed, as_cuda_graph) if recorded else None
        # Sums since the last report, kept on the device: reading them would wait for it.
        self._sums = torch.zeros(len(model.watched), device=self.device)

    @property
    def images_seen(self) -> int:
        """Real images shown to the model so far."""
        return self.step * self.config.images_per_step

    @property
    def images_total(self) -> int:
        """The budget, rounded up to whole steps."""
        return self.config.images_total

    @property
    def precision(self) -> str:
        """What the networks compute in: bf16 or float32."""
        return "bf16" if self.model.bf16 else "float32"

    @property
    def done(self) -> bool:
        """Whether the budget is spent."""
        return self.step >= self.config.steps

    def advance(
        self,
        *,
        images: int | None = None,
        seconds: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        """Trains until the budget is spent, `images` more were shown, `seconds` passed, or stopped.

        `on_progress` is called about a hundred times in the whole budget, `should_stop` about
        twice a second. Raises TrainingDiverged.
        """
        clock = _Clock(seconds)
        last_image = self.images_total if images is None else self.images_seen + images
        before = self.seconds
        with fastest_kernels(self.device):
            while not self.done and self.images_seen < last_image and not clock.over(should_stop):
                self._train_step()
                self.seconds = before + clock.seconds()
                if self._report_due():
                    self._report(on_progress, with_grid=self.done or clock.grid_due())

    def _feed(self, step: int) -> Feed:
        config = self.config
        return Feed(self.data, config.batch, seed=config.seed, step=step, share=self.share)

    def _recorded_feed(self, step: int) -> RecordedFeed:
        return RecordedFeed(self.data, self.config.batch, seed=self.config.seed, step=step)

    def _train_step(self) -> None:
        share = self.step / self.config.steps
        self.optimisers.set_rates(share)
        watched = self._step_model(share)
        values = torch.stack([watched[name].float() for name in self.model.watched])
        average([values], self.share)
        self._sums += values
        self.ema.update(self.step)
        self.step += 1

    def _step_model(self, share: float) -> Mapping[str, Tensor]:
        kind = None if self._recorder is None else self.model.kind(self.step, share)
        if self._recorder is None or kind is None:
            return self.model.step(self._feed(self.step), self.optimisers, share)
        return self._recorder.step(
            kind, self.step, lambda feed: self.model.step(feed, self.optimisers, share)
        )

    @property
    def _report_every(self) -> int:
        return max(1, self.config.steps // REPORTS)

    def _report_due(self) -> bool:
        return self.done or self.step % self._report_every == 0

    def _report(self, on_progress: Callable[[Progress], None] | None, *, with_grid: bool) -> None:
        steps = (self.step - 1) % self._report_every + 1
        sums = self._finite_sums()
        values = {name: sums[name] / steps for name in sums if is_told(name, self.config.loss)}
        self._sums.zero_()
        if on_progress:
            if self._examination_due(steps):
                values |= self._finite(self.examine())
            picture = self.sample_grid() if with_grid else None
            on_progress(
                Progress(self.images_seen, self.images_total, values, self.seconds, picture)
            )

    def _examination_due(self, steps: int) -> bool:
        """At the end and, in a report on so many steps, where another EXAMINED_EVERY images end."""
        if self.config.translation.task != "none" or len(self.data) < 2:
            return False
        before = self.images_seen - steps * self.config.images_per_step
        return self.done or self.images_seen // EXAMINED_EVERY > before // EXAMINED_EVERY

    def examine(self) -> dict[str, float]:
        """What samples of the averaged generator are like beside real images, by name."""
        generator = self.ema.averages["generator"]
        return examine(generator, self.config, self.shape, self._reference)

    @cached_property
    def _reference(self) -> Reference:
        return Reference.of(self.data)

    def _finite_sums(self) -> dict[str, float]:
        return self._finite(dict(zip(self.model.watched, self._sums.tolist(), strict=True)))

    def _finite(self, values: dict[str, float]) -> dict[str, float]:
        for name, value in values.items():
            if not np.isfinite(value):
                raise TrainingDiverged(
                    f"{name} became {value} by step {self.step} ({self.images_seen} images): "
                    f"lower the learning rates{self._or_penalty}"
                )
        return values

    @property
    def _or_penalty(self) -> str:
        can_have_one = self.config.penalty.name == "none" and may_have_penalty(self.config)
        return " or add a penalty" if can_have_one else ""

    @torch.inference_mode()
    def sample_grid(self) -> Images:
        """Always the same pictures of the averaged networks, as one image uint8 (H, W, C)."""
        images, in_a_row = self.model.show(self.ema.averages, self.data)
        return grid(pixels(images), in_a_row)

    def save(self, path: str | Path) -> None:
        """Writes all that `resume` needs into one file, in one step. Raises TrainingDiverged."""
        self._finite_sums()
        about = {
            "config": self.config.as_dict(),
            "shape": asdict(self.shape),
            "data_hash": self.data_hash,
            "class_names": list(self.class_names),
            "step": self.step,
            "seconds": self.seconds,
        }
        checkpoint.write(path, RUN_KIND, self._state(), about)

    def save_generator(self, path: str | Path) -> None:
        """Writes the averaged networks alone, for `sample` and the export. Raises TrainingDiverged."""
        self._finite_sums()
        about = describe(self.config, self.shape, self.images_seen, self.class_names)
        tensors: dict[str, Tensor] = {}
        for name, network in self.ema.averages.items():
            tensors |= checkpoint.prefixed(name, released(network).state_dict())
        checkpoint.write(path, KIND, tensors, about)

    @classmethod
    def resume(
        cls,
        path: str | Path,
        images: Images,
        labels: NDArray[Any] | None,
        *,
        config: Config | None = None,
        class_names: Sequence[str] = (),
        device: torch.device | None = None,
        share: Share | None = None,
    ) -> Self:
        """The run as `save` left it, on the same images and labels; `class_names` if it kept none.

        Raises CheckpointError if the file is damaged, of other data or, where `config` is given,
        of another config.
        """
        tensors, about = checkpoint.read(path, RUN_KIND)
        saved, shape = described(about, path)
        if config is not None and (changes := config.changes(saved)):
            raise CheckpointError(
                f"{path} is a run of another config, {saved.title!r} with {', '.join(changes)}"
            )
        class_count = shape.class_count or count_classes(labels)
        names = about.get("class_names") or class_names
        trainer = cls(
            saved, images, labels, class_count, class_names=names, device=device, share=share
        )
        if trainer.data_hash != about.get("data_hash"):
            raise CheckpointError(f"{path} is a run on other images or labels")
        trainer._restore(tensors, about, path)
        return trainer

    def _state(self) -> dict[str, Tensor]:
        state = {"sums": self._sums, **self.optimisers.moments()}
        state |= checkpoint.prefixed("model", self.model.state_dict())
        for name, network in self.ema.averages.items():
            state |= checkpoint.prefixed(f"average.{name}", network.state_dict())
        return state

    def _restore(self, tensors: dict[str, Tensor], about: dict[str, Any], path: str | Path) -> None:
        checkpoint.fill(self.model, checkpoint.under("model", tensors), path)
        for name, network in self.ema.averages.items():
            checkpoint.fill(network, checkpoint.under(f"average.{name}", tensors), path)
        try:
            for name, moment in self.optimisers.moments().items():
                moment.copy_(tensors[name])
            self._sums.copy_(tensors["sums"])
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(f"{path} does not fit its own config: {error}") from error
        self.step = checkpoint.amount(about, "step", int, path)
        self.seconds = checkpoint.amount(about, "seconds", float, path)


class _Clock:
    """Wall time of one segment, and what is due by it."""

    def __init__(self, limit_s: float | None) -> None:
        self._started = time.monotonic()
        self._limit_s = limit_s
        self._next_poll_s = 0.0
        self._next_grid_s = 0.0

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def over(self, should_stop: Callable[[], bool] | None) -> bool:
        now = self.seconds()
        if self._limit_s is not None and now >= self._limit_s:
            return True
        if should_stop is None or now < self._next_poll_s:
            return False
        self._next_poll_s = now + STOP_POLL_S
        return should_stop()

    def grid_due(self) -> bool:
        now = self.seconds()
        if now < self._next_grid_s:
            return False
        self._next_grid_s = now + GRID_EVERY_S
        return True


def use_bf16(precision: str, device: torch.device) -> bool:
    """`auto` means bf16 where the processor computes in it: elsewhere it is nine times slower."""
    if precision != "auto" or device.type == "cuda":
        return precision != "float32"
    return any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))
