"""What every model has: networks, the teams that train them, one step, and pictures of how it goes."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

import torch
from torch import Tensor, nn

from generators.config import Config
from generators.feed import Feed, RealImages
from generators.networks.shape import ImageShape
from generators.optimisers import Optimisers


class Model(nn.Module, ABC):
    """Child networks, whose weights and buffers are all that a run must keep beside Adam's moments.

    `averaged` names the children that make images: their moving averages are what is sampled and
    kept. `watched` names what `step` returns, scalars on the device, for the curves: `d_loss` and
    `g_loss` where there are such players.
    """

    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    watched: ClassVar[tuple[str, ...]]
    bf16 = False

    def __init__(self, config: Config, shape: ImageShape) -> None:
        """Fresh networks, drawn from torch's global generator."""
        super().__init__()
        self.config, self.shape = config, shape

    @abstractmethod
    def teams(self) -> Mapping[str, tuple[Sequence[nn.Module], float]]:
        """What each optimiser trains, and its learning rate."""

    @abstractmethod
    def step(self, feed: Feed, optimisers: Optimisers, share: float) -> Mapping[str, Tensor]:
        """Trains all teams once, at a share of the budget; the values that are watched."""

    def start(self, feed: Feed) -> None:  # most models need nothing
        """What must be fixed before the first step of a fresh run."""

    def kind(self, step: int, share: float) -> Hashable | None:
        """What all steps of the same kernels share; None where a step must be run by Python.

        That is so where a value is asked of the device, or the share of the budget enters by value.
        """
        return None

    def autocast(self) -> AbstractContextManager[None]:
        """The precision of the forward passes; losses are taken outside, in float32."""
        device = next(self.parameters()).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.bf16)

    @abstractmethod
    def show(self, averages: Mapping[str, nn.Module], data: RealImages) -> tuple[Tensor, int]:
        """Always the same pictures, float (N, C, H, W) in [−1, 1], and how many are in a row."""

    def __getattr__(self, name: str) -> nn.Module:
        """Typed for the children, which are networks."""
        return super().__getattr__(name)  # type: ignore[return-value]
