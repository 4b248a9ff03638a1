"""A generator's images as the starts of an attack: image i is what its code i is drawn as."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.adversarial.errors import AttackError
from generators.adversarial.goal import Attempt, Classifier, Goal
from generators.adversarial.latent import Draw, search
from generators.data import Images
from generators.noise import noise
from generators.sampling import TrainedGenerator, sample


@dataclass(frozen=True)
class Codes:
    """The pool of `count` images that a generator makes of a seed; AttackError if it has no codes."""

    generator: TrainedGenerator
    seed: int
    count: int

    def __post_init__(self) -> None:
        config = self.generator.config
        if config.translation.task != "none":
            raise AttackError(f"{config.title!r} makes images of images, so it has no codes")

    def images(self) -> Images:
        """As `sample` draws them, uint8 (count, H, W, C)."""
        return np.concatenate(list(sample(self.generator, self.count, seed=self.seed)))

    def labels(self) -> NDArray[np.int64] | None:
        """The classes that were asked for, (count,); None if the generator has none."""
        return self.generator.labels(0, self.count)

    def search(self, classifier: Classifier, first: int, goal: Goal, *, steps: int) -> Attempt:
        """Images near those from `first` on, as many as the goal has classes, for which it is reached."""
        count = len(goal.classes)
        codes = torch.from_numpy(noise(self.seed, first, count, self.generator.config.z_dim))
        found = search(classifier, self._draw(first, count), codes, goal, steps=steps)
        return Attempt(found.images, found.fooled, torch.full((count,), steps + 1))

    def _draw(self, first: int, count: int) -> Draw:
        """Codes to images in [0, 1], of the classes that images from `first` on are asked for."""
        network, classes = self.generator.network, self.generator.labels(first, count)
        device = next(network.parameters()).device
        labels = None if classes is None else torch.from_numpy(classes).to(device)

        def draw(codes: Tensor) -> Tensor:
            z = codes.to(device)
            made: Tensor = network(z) if labels is None else network(z, labels)
            return (made.float() + 1).div(2).clamp(0, 1).to(codes.device)

        return draw
