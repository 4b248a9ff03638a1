"""The training loop: images in, networks out, in segments that together equal one unbroken run."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators import checkpoint
from generators.architectures import ImageShape, build_discriminator, build_generator
from generators.checkpoint import CheckpointError
from generators.config import Config
from generators.data import Images, check_data, count_classes, data_hash
from generators.ema import Ema
from generators.losses import GENERATOR_LOSSES, PENALTIES, discriminator_loss
from generators.noise import balanced_labels, noise
from generators.sampling import (
    KIND,
    default_device,
    describe,
    described,
    render,
    to_device,
)
from pools.stimulus import grid

RUN_KIND = "training run"
REPORTS = 100  # in a whole budget
GRID_EVERY_S = 1.0
STOP_POLL_S = 0.5
GRID_ROWS, GRID_COLUMNS = 6, 10


class TrainingDiverged(ArithmeticError):
    """A loss is no longer a number; the message names the step and the loss."""


@dataclass(frozen=True)
class Progress:
    """How far a run is. Losses are means since the last report; `grid` is None when not yet due."""

    images_seen: int
    images_total: int
    d_loss: float
    g_loss: float
    seconds: float
    grid: Images | None


class Trainer:
    """One run of a config on images uint8 (N, H, W, C) and labels int (N,), or None for no classes.

    Everything random in a step is drawn from (config.seed, step), so a run that was cut into
    segments, saved and resumed gives the same losses and weights, bit for bit on one CPU, as an
    unbroken one.
    """

    def __init__(
        self,
        config: Config,
        images: Images,
        labels: NDArray[Any] | None,
        class_count: int = 0,
        *,
        device: torch.device | None = None,
    ) -> None:
        check_data(images, labels, class_count)
        self.config = config
        self.device = device or default_device()
        self.data_hash = data_hash(images, labels)
        conditional = config.conditional and labels is not None
        self.shape = ImageShape(images.shape[1], images.shape[3], class_count if conditional else 0)
        self.step = 0
        self.seconds = 0.0
        self._images = torch.from_numpy(images).to(self.device)
        self._labels = _label_tensor(labels, self.device) if conditional else None
        self._build()

    def _build(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            generator = build_generator(self.config, self.shape)
            discriminator = build_discriminator(self.config, self.shape)
        self.generator = to_device(generator, self.device)
        self.discriminator = to_device(discriminator, self.device)
        self.ema = Ema(self.generator, self.config.ema)
        self._generator_adam = _adam(self.generator, self.config)
        self._discriminator_adam = _adam(self.discriminator, self.config)
        self._generator_loss = GENERATOR_LOSSES[self.config.loss]
        self._bf16 = _use_bf16(self.config.precision, self.device)
        # D's and G's losses since the last report, summed on the device: reading them would wait.
        self._loss_sums = torch.zeros(2, device=self.device)

    @property
    def images_seen(self) -> int:
        """Real images shown to the discriminator so far."""
        return self.step * self.config.images_per_step

    @property
    def images_total(self) -> int:
        """The budget, rounded up to whole steps."""
        return self.config.steps * self.config.images_per_step

    @property
    def precision(self) -> str:
        """What the networks compute in: bf16 or float32."""
        return "bf16" if self._bf16 else "float32"

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
        while not self.done and self.images_seen < last_image and not clock.over(should_stop):
            self._train_step()
            self.seconds = before + clock.seconds()
            if self._report_due():
                self._report(on_progress, with_grid=self.done or clock.grid_due())

    def _train_step(self) -> None:
        random = np.random.Generator(
            np.random.Philox(key=np.array([self.config.seed, self.step], np.uint64))
        )
        self._set_learning_rates()
        for _ in range(self.config.discriminator.steps):
            real, labels = self._real_batch(random)
            fake = self._fake_batch(random, labels)
            d_loss = self._step_discriminator(real, fake, labels)
        g_loss = self._step_generator(fake, labels)
        self._loss_sums += torch.stack([d_loss, g_loss])
        self.ema.update(self.step)
        self.step += 1

    def _real_batch(self, random: np.random.Generator) -> tuple[Tensor, Tensor | None]:
        """Real images float (B, C, H, W) in [−1, 1] and their labels (B,)."""
        drawn = random.integers(len(self._images), size=self.config.batch)
        index = torch.from_numpy(drawn).to(self.device, non_blocking=True)
        images = self._images[index].permute(0, 3, 1, 2).float() / 127.5 - 1
        return images, None if self._labels is None else self._labels[index]

    def _fake_batch(self, random: np.random.Generator, labels: Tensor | None) -> Tensor:
        drawn = random.standard_normal((self.config.batch, self.config.z_dim), np.float32)
        z = torch.from_numpy(drawn).to(self.device, non_blocking=True)
        with self._autocast():
            fake: Tensor = self.generator(z, labels)
        return fake

    def _step_discriminator(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor:
        penalised = self.config.penalty.name != "none" and not (
            self.step % self.config.penalty.every
        )
        real.requires_grad_(penalised)
        with self._autocast():
            real_logits = self.discriminator(real, labels)
            fake_logits = self.discriminator(fake.detach(), labels)
        loss = discriminator_loss(real_logits.float(), fake_logits.float())
        objective = loss
        if penalised:
            strength = self.config.penalty.weight * self.config.penalty.every
            objective = loss + strength * PENALTIES[self.config.penalty.name](real, real_logits)
        _descend(objective, self._discriminator_adam)
        return loss.detach()

    def _step_generator(self, fake: Tensor, labels: Tensor | None) -> Tensor:
        """Steps on the fakes that the discriminator has just seen: they need not be made again."""
        with self._autocast():
            logits = self.discriminator(fake, labels)
        loss = self._generator_loss(logits.float())
        _descend(loss, self._generator_adam)
        return loss.detach()

    def _autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16)

    def _set_learning_rates(self) -> None:
        factor = _decay(self.step / self.config.steps, self.config.adam.decay_from)
        for adam, network in (
            (self._generator_adam, self.config.generator),
            (self._discriminator_adam, self.config.discriminator),
        ):
            adam.param_groups[0]["lr"] = network.learning_rate * factor

    @property
    def _report_every(self) -> int:
        return max(1, self.config.steps // REPORTS)

    def _report_due(self) -> bool:
        return self.done or self.step % self._report_every == 0

    def _report(self, on_progress: Callable[[Progress], None] | None, *, with_grid: bool) -> None:
        steps = (self.step - 1) % self._report_every + 1
        d_loss, g_loss = (self._finite_loss_sums() / steps).tolist()
        self._loss_sums.zero_()
        if on_progress:
            picture = self.sample_grid() if with_grid else None
            on_progress(
                Progress(self.images_seen, self.images_total, d_loss, g_loss, self.seconds, picture)
            )

    def _finite_loss_sums(self) -> Tensor:
        sums = self._loss_sums.cpu()
        for name, value in zip(("discriminator", "generator"), sums.tolist(), strict=True):
            if not np.isfinite(value):
                raise TrainingDiverged(
                    f"the {name}'s loss became {value} by step {self.step} "
                    f"({self.images_seen} images): lower the learning rates or add a penalty"
                )
        return sums

    def sample_grid(self) -> Images:
        """Always the same 60 codes through the averaged generator, as one image uint8 (H, W, C)."""
        count = GRID_ROWS * GRID_COLUMNS
        z = torch.from_numpy(noise(self.config.seed, 0, count, self.config.z_dim)).to(self.device)
        labels = None
        if self.shape.class_count:
            labels = torch.from_numpy(balanced_labels(self.shape.class_count, 0, count))
            labels = labels.to(self.device)
        return grid(render(self.ema.average, z, labels), GRID_COLUMNS)

    def save(self, path: str | Path) -> None:
        """Writes all that `resume` needs into one file, in one step. Raises TrainingDiverged."""
        self._finite_loss_sums()
        about = {
            "config": self.config.as_dict(),
            "shape": asdict(self.shape),
            "data_hash": self.data_hash,
            "step": self.step,
            "seconds": self.seconds,
        }
        checkpoint.write(path, RUN_KIND, self._state(), about)

    def save_generator(self, path: str | Path) -> None:
        """Writes the averaged generator alone, for `sampling.sample` and the ONNX export."""
        about = describe(self.config, self.shape, self.images_seen)
        checkpoint.write(path, KIND, self.ema.average.state_dict(), about)

    @classmethod
    def resume(
        cls,
        path: str | Path,
        images: Images,
        labels: NDArray[Any] | None,
        *,
        config: Config | None = None,
        device: torch.device | None = None,
    ) -> Self:
        """The run as `save` left it, on the same images and labels.

        Raises CheckpointError if the file is damaged, of other data or, where `config` is given,
        of another config.
        """
        tensors, about = checkpoint.read(path, RUN_KIND)
        saved, shape = described(about, path)
        if config is not None and config.hash() != saved.hash():
            raise CheckpointError(f"{path} is a run of another config: {saved.title!r}, changed")
        class_count = shape.class_count or count_classes(labels)
        trainer = cls(saved, images, labels, class_count, device=device)
        if trainer.data_hash != about["data_hash"]:
            raise CheckpointError(f"{path} is a run on other images or labels")
        trainer._restore(tensors, about, path)
        return trainer

    def _networks(self) -> dict[str, nn.Module]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "ema": self.ema.average,
        }

    def _moments(self) -> dict[str, Tensor]:
        """Adam's state: live tensors by name."""
        return {
            f"adam.{network}.{index}.{name}": value
            for network, adam in (
                ("generator", self._generator_adam),
                ("discriminator", self._discriminator_adam),
            )
            for index, state in enumerate(adam.state.values())
            for name, value in state.items()
        }

    def _state(self) -> dict[str, Tensor]:
        state = {"loss_sums": self._loss_sums, **self._moments()}
        for name, network in self._networks().items():
            state |= checkpoint.prefixed(name, network.state_dict())
        return state

    def _restore(self, tensors: dict[str, Tensor], about: dict[str, Any], path: str | Path) -> None:
        for name, network in self._networks().items():
            checkpoint.fill(network, checkpoint.under(name, tensors), path)
        try:
            for name, moment in self._moments().items():
                moment.copy_(tensors[name])
            self._loss_sums.copy_(tensors["loss_sums"])
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(f"{path} does not fit its own config: {error}") from error
        self.step = about["step"]
        self.seconds = about["seconds"]


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


def _label_tensor(labels: NDArray[Any] | None, device: torch.device) -> Tensor:
    return torch.from_numpy(np.asarray(labels, np.int64)).to(device)


def _use_bf16(precision: str, device: torch.device) -> bool:
    """`auto` means bf16 where the processor computes in it: elsewhere it is nine times slower."""
    if precision != "auto" or device.type == "cuda":
        return precision != "float32"
    return any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))


def _adam(network: nn.Module, config: Config) -> torch.optim.Adam:
    """A fused Adam whose moments exist from the start, so that a resumed run can fill them."""
    betas = (config.adam.beta1, config.adam.beta2)
    adam = torch.optim.Adam(network.parameters(), betas=betas, fused=True)
    for parameter in network.parameters():
        adam.state[parameter] = {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return adam


def _descend(objective: Tensor, adam: torch.optim.Adam) -> None:
    parameters = adam.param_groups[0]["params"]
    adam.zero_grad(set_to_none=True)
    objective.backward(inputs=parameters)  # type: ignore[no-untyped-call]
    adam.step()


def _decay(share: float, decay_from: float) -> float:
    """The factor of the learning rate at a share of the budget.

    >>> _decay(0.25, 0.5), _decay(0.75, 0.5), _decay(0.9, 1.0)
    (1.0, 0.5, 1.0)
    """
    return 1.0 if share < decay_from else (1 - share) / (1 - decay_from)
