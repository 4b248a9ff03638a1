"""Balls around images: what a perturbation of size ε may be."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from generators.adversarial.errors import AttackError

TINY = 1e-12


class Norm(Protocol):
    """A way to measure perturbations δ (N, C, H, W), and what follows from it."""

    name: str

    def size(self, delta: Tensor) -> Tensor:
        """(N,): ‖δ‖ of each."""

    def within(self, centres: Tensor, epsilon: float) -> Callable[[Tensor], Tensor]:
        """What puts images back to within ε of their centres, and into [0, 1]."""

    def steepest(self, gradient: Tensor) -> Tensor:
        """The perturbation of size 1 that changes a linear function of this gradient most."""

    def start(self, like: Tensor, epsilon: float, random: torch.Generator) -> Tensor:
        """A random perturbation of at most ε."""


class LInf:
    """The largest change of any pixel."""

    name = "linf"

    def size(self, delta: Tensor) -> Tensor:
        return delta.abs().flatten(1).amax(1)

    def within(self, centres: Tensor, epsilon: float) -> Callable[[Tensor], Tensor]:
        lowest, highest = (centres - epsilon).clamp_(min=0), (centres + epsilon).clamp_(max=1)
        return lambda images: torch.clamp(images, lowest, highest)

    def steepest(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def start(self, like: Tensor, epsilon: float, random: torch.Generator) -> Tensor:
        drawn = torch.rand(like.shape, generator=random, dtype=like.dtype)
        return (2 * drawn - 1).to(like.device) * epsilon


class L2:
    """The root of the summed squares of all changes."""

    name = "l2"

    def size(self, delta: Tensor) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(delta.flatten(1), dim=1)
        return norms

    def within(self, centres: Tensor, epsilon: float) -> Callable[[Tensor], Tensor]:
        def nearest(images: Tensor) -> Tensor:
            delta = images - centres
            share = (epsilon / self._per_image(delta)).clamp_(max=1.0)
            return delta.mul_(share).add_(centres).clamp_(0, 1)

        return nearest

    def steepest(self, gradient: Tensor) -> Tensor:
        return gradient / self._per_image(gradient)

    def start(self, like: Tensor, epsilon: float, random: torch.Generator) -> Tensor:
        """Uniform in the ball: a direction, at a radius whose power is uniform."""
        drawn = torch.randn(like.shape, generator=random, dtype=like.dtype)
        radius = torch.rand(len(like), generator=random) ** (1 / like[0].numel())
        return (self.steepest(drawn) * radius.view(-1, 1, 1, 1)).to(like.device) * epsilon

    def _per_image(self, delta: Tensor) -> Tensor:
        return self.size(delta).clamp(min=TINY).view(-1, 1, 1, 1)


NORMS: dict[str, Norm] = {"linf": LInf(), "l2": L2()}


@dataclass(frozen=True)
class Ball:
    """All images within `epsilon` of the given ones, in [0, 1].

    For l∞ ε is a share of the range of a pixel, above 0 and at most 1; for l2 at most √(C·H·W).
    """

    centres: Tensor
    epsilon: float
    norm: Norm

    def __post_init__(self) -> None:
        most = 1.0 if self.norm.name == "linf" else self.centres[0].numel() ** 0.5
        if not 0 < self.epsilon <= most:
            raise AttackError(
                f"ε must be above 0 and at most {most:.4g} ({self.norm.name} on pixels in [0, 1]), "
                f"got {self.epsilon}"
            )

    @cached_property
    def nearest(self) -> Callable[[Tensor], Tensor]:
        """Puts images back into the ball and into [0, 1]."""
        return self.norm.within(self.centres, self.epsilon)

    def random(self, random: torch.Generator) -> Tensor:
        """One image in each ball."""
        start = self.norm.start(self.centres, self.epsilon, random)
        return (self.centres + start).clamp(0, 1)


def norm_called(name: str) -> Norm:
    """The norm of this name; AttackError if there is none."""
    if name not in NORMS:
        raise AttackError(f"norm must be one of {', '.join(NORMS)}, got {name!r}")
    return NORMS[name]
