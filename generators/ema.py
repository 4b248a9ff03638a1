"""The moving averages of networks' weights and buffers, without waiting for the device."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

DIRECTIONS = ("._u", "._v")  # buffers of a spectral norm, unit vectors


class Ema:
    """Keeps `averages`, copies of `networks` in evaluation mode that follow them, by name.

    After n updates the decay is (1 + n) / (10 + n), at most `decay`; 0 copies the networks. Counters
    and the directions of spectral norms are copied: a mean of unit vectors is shorter than one, and
    weights that are divided by what they find along it would be too large.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float) -> None:
        self.averages = {
            name: copy.deepcopy(network).eval().requires_grad_(False)
            for name, network in networks.items()
        }
        self.decay = decay
        self._averaged: list[tuple[Tensor, Tensor]] = []
        self._copied: list[tuple[Tensor, Tensor]] = []
        for name, network in networks.items():
            values = network.state_dict()
            for key, average in self.averages[name].state_dict().items():
                averaged = average.is_floating_point() and not key.endswith(DIRECTIONS)
                pairs = self._averaged if averaged else self._copied
                pairs.append((average, values[key]))

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Moves the averages towards the networks; `updates` says how many were made before."""
        decay = min(self.decay, (1 + updates) / (10 + updates))
        averages, values = (list(side) for side in zip(*self._averaged, strict=True))
        torch._foreach_lerp_(averages, values, 1 - decay)
        for average, value in self._copied:
            average.copy_(value)
