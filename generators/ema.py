"""The moving averages of networks' weights and buffers, without waiting for the device."""

import copy
from collections.abc import Mapping

import torch
from torch import nn


class Ema:
    """Keeps `averages`, copies of `networks` in evaluation mode that follow them, by name.

    After n updates the decay is (1 + n) / (10 + n), at most `decay`; 0 copies the networks.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float) -> None:
        self.averages = {
            name: copy.deepcopy(network).eval().requires_grad_(False)
            for name, network in networks.items()
        }
        self.decay = decay
        pairs = [
            pair
            for name, network in networks.items()
            for pair in zip(
                self.averages[name].state_dict().values(),
                network.state_dict().values(),
                strict=True,
            )
        ]
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Moves the averages towards the networks; `updates` says how many were made before."""
        decay = min(self.decay, (1 + updates) / (10 + updates))
        averages, values = (list(side) for side in zip(*self._floats, strict=True))
        torch._foreach_lerp_(averages, values, 1 - decay)
        for average, value in self._counters:
            average.copy_(value)
