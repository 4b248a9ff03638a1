"""A training loop as one would first write it, to measure the other beside."""

import copy
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate
from torch.utils.data import DataLoader, Dataset

from generators.config import Config
from generators.losses import LOSSES
from generators.networks import ImageShape, build_discriminator, build_generator
from generators.networks.resizing import DoublingConv2d, HalvingConv2d
from generators.networks.strided import DoublingConv4x4, HalvingConv4x4
from generators.penalties import r1
from pools.sources import ImageSet

NAIVE = (
    "same networks, loss, batch and learning rates in float32 and NCHW: a DataLoader that turns each "
    "PIL image into a tensor, torch's own convolutions, maps doubled before their 3×3 filters and "
    "halved after them, R1 on every step where there is one, new fakes for the generator's step, "
    "gradients of both networks in each backward pass, plain Adam, an average parameter by "
    "parameter, losses read on every step"
)


class _Pictures(Dataset[tuple[Tensor, int]]):
    """Items as a tutorial has them: a PIL image, made into a tensor each time it is asked for."""

    def __init__(self, data: ImageSet) -> None:
        self.pictures = [Image.fromarray(np.squeeze(image)) for image in data.images]
        self.labels = data.labels.tolist() if data.labels is not None else [0] * len(self.pictures)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = torch.from_numpy(np.array(self.pictures[index], np.float32))
        pixels = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
        return (pixels / 255 - 0.5) / 0.5, self.labels[index]


def _doubled_then_3x3(filters: DoublingConv2d, maps: Tensor) -> Tensor:
    return conv2d(interpolate(maps, scale_factor=2.0), filters.weight, filters.bias, padding=1)


def _halved_after_3x3(filters: HalvingConv2d, maps: Tensor) -> Tensor:
    return avg_pool2d(conv2d(maps, filters.weight, filters.bias, padding=1), 2)


PLAIN: dict[type[nn.Module], Callable[..., Tensor]] = {
    DoublingConv2d: _doubled_then_3x3,
    HalvingConv2d: _halved_after_3x3,
    DoublingConv4x4: nn.ConvTranspose2d.forward,
    HalvingConv4x4: nn.Conv2d.forward,
}


def _unfolded(network: nn.Module) -> nn.Module:
    """The same network with torch's convolutions, and its changes of size beside the filters, not within."""
    for module in network.modules():
        for kind, plain in PLAIN.items():
            if isinstance(module, kind):
                module.forward = partial(plain, module)  # type: ignore[method-assign]
    return network


class NaiveTrainer:
    """A config with a loss on logits, no penalty but R1 and no tricks."""

    def __init__(self, config: Config, data: ImageSet, device: torch.device) -> None:
        classes = len(data.class_names or ()) if config.conditional else 0
        shape = ImageShape(data.images.shape[1], data.images.shape[3], classes)
        torch.manual_seed(config.seed)
        self.config, self.device, self.loss = config, device, LOSSES[config.loss]
        self.generator = _unfolded(build_generator(config, shape)).to(device)
        self.discriminator = _unfolded(build_discriminator(config, shape)).to(device)
        self.average = copy.deepcopy(self.generator)  # only its weights are used
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
        """So many of the generator's steps."""
        for _ in range(count):
            for _ in range(self.config.discriminator.steps):
                real, labels = (part.to(self.device) for part in next(self.batches))
                labels = labels if self.config.conditional else None
                d_loss = self._step_discriminator(real, labels)
            self.losses.append((d_loss, self._step_generator(labels)))

    def _fakes(self, labels: Tensor | None) -> Tensor:
        z = torch.randn(self.config.batch, self.config.z_dim, device=self.device)
        return self.generator(z, labels)

    def _step_generator(self, labels: Tensor | None) -> float:
        loss = self.loss.generator(None, self.discriminator(self._fakes(labels), labels))
        self.adam_g.zero_grad()
        loss.backward()
        self.adam_g.step()
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
            for average, value in pairs:
                average.mul_(self.config.ema).add_(value, alpha=1 - self.config.ema)
        return loss.item()

    def _step_discriminator(self, real: Tensor, labels: Tensor | None) -> float:
        real.requires_grad_()
        fake = self._fakes(labels).detach()
        on_real = self.discriminator(real, labels)
        loss = sum(self.loss.discriminator(on_real, self.discriminator(fake, labels), 0.0))
        if self.config.penalty.name == "r1":
            loss = loss + self.config.penalty.weight * r1(real, on_real)
        self.adam_d.zero_grad()
        loss.backward()
        self.adam_d.step()
        return loss.item()
