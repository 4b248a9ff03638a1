"""Images per core-second of the demo recipe, beside the same recipe in the loop of a first tutorial."""

import argparse
import copy
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from generators.config import Config, load_config
from generators.losses import cross_entropy, non_saturating_generator
from generators.networks import ImageShape, build_discriminator, build_generator
from generators.penalties import r1
from generators.training import Trainer
from pools.sources import ImageSet, load

RECIPE = "demo-60"
WARM_UP_STEPS = 10
NAIVE = (
    "same networks, loss, batch and learning rates in float32 and NCHW: a DataLoader that turns each "
    "PIL image into a tensor, R1 on every step, new fakes for the generator's step, gradients of "
    "both networks in each backward pass, plain Adam, an average parameter by parameter, losses "
    "read on every step"
)


class _Pictures(Dataset[tuple[Tensor, int]]):
    """Items as a tutorial has them: a PIL image, made into a tensor each time it is asked for."""

    def __init__(self, data: ImageSet) -> None:
        self.pictures = [Image.fromarray(np.squeeze(image)) for image in data.images]
        self.labels = data.labels.tolist() if data.labels is not None else []

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = torch.from_numpy(np.array(self.pictures[index], np.float32))
        return (pixels / 255 - 0.5)[None] / 0.5, self.labels[index]


class NaiveTrainer:
    """The recipe as one would first write it."""

    def __init__(self, config: Config, data: ImageSet) -> None:
        shape = ImageShape(data.images.shape[1], data.images.shape[3], 10)
        torch.manual_seed(config.seed)
        self.config = config
        self.generator = build_generator(config, shape)
        self.discriminator = build_discriminator(config, shape)
        self.average = copy.deepcopy(self.generator)
        betas = (config.adam.beta1, config.adam.beta2)
        rate_g, rate_d = config.generator.learning_rate, config.discriminator.learning_rate
        self.adam_g = torch.optim.Adam(self.generator.parameters(), rate_g, betas)
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), rate_d, betas)
        self.loader = DataLoader(_Pictures(data), config.batch, shuffle=True, drop_last=True)
        self.batches = self._endless()
        self.losses: list[tuple[float, float]] = []

    def _endless(self) -> Iterator[list[Tensor]]:
        while True:
            yield from self.loader

    def steps(self, count: int) -> None:
        for _ in range(count):
            self._step(*next(self.batches))

    def _step(self, real: Tensor, labels: Tensor) -> None:
        d_loss = self._step_discriminator(real, labels)
        fake = self.generator(torch.randn(len(real), self.config.z_dim), labels)
        g_loss = non_saturating_generator(None, self.discriminator(fake, labels))
        self.adam_g.zero_grad()
        g_loss.backward()
        self.adam_g.step()
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
            for average, value in pairs:
                average.mul_(self.config.ema).add_(value, alpha=1 - self.config.ema)
        self.losses.append((d_loss, g_loss.item()))

    def _step_discriminator(self, real: Tensor, labels: Tensor) -> float:
        real.requires_grad_()
        fake = self.generator(torch.randn(len(real), self.config.z_dim), labels).detach()
        real_logits = self.discriminator(real, labels)
        loss = sum(cross_entropy(real_logits, self.discriminator(fake, labels)))
        loss = loss + self.config.penalty.weight * r1(real, real_logits)
        self.adam_d.zero_grad()
        loss.backward()
        self.adam_d.step()
        return loss.item()


def measure(steps: int, repeats: int) -> dict[str, object]:
    """Both loops, warm, in turn `repeats` times; rates are medians, in images a core-second."""
    torch.set_num_threads(1)
    config = load_config(RECIPE, images=10**9)
    data = load("mnist")
    trainer = Trainer(config, data.images, data.labels, 10, device=torch.device("cpu"))
    naive = NaiveTrainer(config, data)
    rates: dict[str, list[float]] = {"recipe": [], "naive": []}

    def advance(steps: int) -> None:
        trainer.advance(images=steps * config.batch)

    advance(WARM_UP_STEPS)
    naive.steps(WARM_UP_STEPS)
    for _ in range(repeats):
        rates["recipe"].append(_rate(advance, steps, config.batch))
        rates["naive"].append(_rate(naive.steps, steps, config.batch))
    middle = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "unit": "images per core-second",
        "recipe": {"config": RECIPE, "median": middle["recipe"], "runs": rates["recipe"]},
        "naive": {"what": NAIVE, "median": middle["naive"], "runs": rates["naive"]},
        "ratio": middle["recipe"] / middle["naive"],
        "steps_per_run": steps,
        "batch": config.batch,
        "machine": _machine(trainer),
    }


def _rate(advance: Callable[[int], None], steps: int, batch: int) -> float:
    started = time.process_time()
    advance(steps)
    return steps * batch / (time.process_time() - started)


def _machine(trainer: Trainer) -> dict[str, object]:
    return {
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "precision": trainer.precision,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--steps", type=int, default=60, help="training steps in one run")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each loop")
    options = parser.parse_args()
    result = measure(options.steps, options.repeats)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"{result['ratio']:.2f} times the naive loop's images per core-second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
