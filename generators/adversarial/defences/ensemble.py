"""Several classifiers asked as one."""

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """log of the mean probability over the members, as scores (N, K)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        logs = torch.stack([member(images).log_softmax(1) for member in self.members])
        return logs.logsumexp(0) - log(len(self.members))
