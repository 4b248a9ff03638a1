"""What a person asks for of defences, and the images that they learn from and are judged by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from classifiers.build import halves, labelled
from classifiers.network import Form
from classifiers.training import Images, Labels, as_input, form_of
from generators.adversarial.errors import AttackError
from generators.adversarial.norms import Ball, norm_called


@dataclass(frozen=True)
class Asked:
    """What a person asks for; `steps` in place of `seconds` gives the same weights on any day.

    `epsilon` is in l∞ on pixels in [0, 1], `seconds` about how long the undefended network is trained,
    and every defence for as many steps; `images` are those attacked, of the held-out ones.
    """

    data: str
    epsilon: float = 0.1
    seconds: float = 30.0
    steps: int | None = None
    seed: int = 0
    images: int = 200

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("images", 1), ("seed", 0)):
            if (value := getattr(self, name)) is not None and value < least:
                raise AttackError(f"{name} must be at least {least}, got {value}")
        if not self.seconds > 0:
            raise AttackError(f"seconds must be above 0, got {self.seconds:g}")
        Ball(torch.zeros(1, 1, 1, 1), self.epsilon, norm_called("linf"))


@dataclass(frozen=True)
class Source:
    """Labelled images to learn from, and others to be judged by, as classifiers take them."""

    name: str
    class_names: tuple[str, ...]
    train: tuple[Images, Labels]
    test: tuple[Images, Labels]

    @classmethod
    def read(cls, data: str, seed: int) -> Source:
        """Raises ClassifierError, PoolError or SourceError for what no classifier can learn from."""
        train_set, test_set = halves(data, seed)
        train, test = labelled(train_set, data), labelled(test_set, data)
        names = train_set.class_names or tuple(map(str, range(int(train[1].max()) + 1)))
        form_of(*train, len(names))
        return cls(Path(data).name, names, train, test)

    @property
    def form(self) -> Form:
        return form_of(*self.train, len(self.class_names))

    @cached_property
    def content(self) -> str:
        """SHA-256 of all images and labels."""
        whole = hashlib.sha256()
        for array in (*self.train, *self.test):
            whole.update(np.ascontiguousarray(array).data)
        return whole.hexdigest()

    def some(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """So many of the held-out images, drawn by seed."""
        if count > len(self.test[0]):
            raise AttackError(
                f"images must be at most {len(self.test[0])}, as many as are held out, got {count}"
            )
        rows = np.random.default_rng(seed).permutation(len(self.test[0]))[:count]
        return as_input(self.test[0][rows]), torch.from_numpy(self.test[1][rows])
