"""The moving average of a network's weights and buffers, without waiting for the device."""

import copy

import torch
from torch import nn


class Ema:
    """Keeps `average`, a copy of `model` in evaluation mode that follows it.

    After n updates the decay is (1 + n) / (10 + n), at most `decay`; 0 copies the model.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        pairs = list(
            zip(self.average.state_dict().values(), model.state_dict().values(), strict=True)
        )
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Moves the average towards the model; `updates` says how many were made before."""
        decay = min(self.decay, (1 + updates) / (10 + updates))
        averages, values = (list(side) for side in zip(*self._floats, strict=True))
        torch._foreach_lerp_(averages, values, 1 - decay)
        for average, value in self._counters:
            average.copy_(value)
