"""What a defended classifier minimises on a batch: each a function that reads like its equation."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

Perturb = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(network, images, labels) -> images that are to fool the network as it is now."""
Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(network, images (N, C, H, W) in [0, 1], labels (N,)) -> a scalar."""


def plain(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """J(x, y): no defence."""
    return cross_entropy(network(images), labels)


@dataclass(frozen=True)
class Online:
    """J(x, y) + λ J(x_adv, y), the adversarial images made anew in every step.

    Goodfellow, Shlens, Szegedy 2015, section 6, with λ = (1 − α)/α. With `weight` infinite, the
    min–max of Madry et al. 2018, equation 2.1: J(x_adv, y) alone.
    """

    perturb: Perturb
    weight: float = 1.0

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        forged = self.perturb(network, images, labels)
        on_forged: Tensor = cross_entropy(network(forged), labels)
        if self.weight == float("inf"):
            return on_forged
        cost: Tensor = plain(network, images, labels) + self.weight * on_forged
        return cost


@dataclass(frozen=True)
class AdversarialLogitPairing:
    """The online cost, plus λ E ‖f(x) − f(x_adv)‖² / K: an image and its forgery get like scores.

    Kannan, Kurakin, Goodfellow 2018, equation 2.
    """

    perturb: Perturb
    weight: float = 0.5

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        forged = self.perturb(network, images, labels)
        clean, fooled = network(images), network(forged)
        costs: Tensor = cross_entropy(clean, labels) + cross_entropy(fooled, labels)
        apart: Tensor = (clean - fooled).square().mean()
        return costs + self.weight * apart


@dataclass(frozen=True)
class CleanLogitPairing:
    """J on noisy images, plus λ E ‖f(x) − f(x′)‖² / K over pairs of the batch, whatever their classes.

    Kannan, Kurakin, Goodfellow 2018, section 4.2: it needs no attack, and holds against few.
    """

    weight: float = 0.5
    noise: float = 0.1

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        noisy = images + self.noise * torch.randn_like(images)
        scores = network(noisy)
        half = len(scores) // 2
        apart = (scores[:half] - scores[half : 2 * half]).square().mean()
        cost: Tensor = cross_entropy(scores, labels) + self.weight * apart
        return cost
