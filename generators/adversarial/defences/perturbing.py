"""The attack that a training meets: made anew in every step, on the network as it is then."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generators.adversarial.goal import Goal
from generators.adversarial.gradient import descend
from generators.adversarial.norms import Ball, norm_called


@dataclass(frozen=True)
class Push:
    """PGD from a random place in the l∞ ball, by steps of `length` (Madry et al. 2018, section 2.1).

    One step of 1.25 ε is the fast training of Wong, Rice, Kolter 2020, algorithm 3. The network is
    asked as it would be once trained, so that no batch statistic of an attack stays in it.
    """

    epsilon: float
    steps: int
    length: float
    random: torch.Generator

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        ball = Ball(images, self.epsilon, norm_called("linf"))
        is_training = network.training
        network.eval()
        start = ball.random(self.random)
        found = descend(network, start, ball, Goal(labels), length=self.length, steps=self.steps)
        network.train(is_training)
        return found
