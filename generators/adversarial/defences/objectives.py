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
class MinMax:
    """J(x_adv, y) alone, the adversarial images made anew in every step.

    Madry et al. 2018, equation 2.1, whose inner maximum `perturb` looks for.
    """

    perturb: Perturb

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        return plain(network, self.perturb(network, images, labels), labels)


@dataclass(frozen=True)
class Online:
    """J(x, y) + λ J(x_adv, y), the adversarial images made anew in every step.

    Goodfellow, Shlens, Szegedy 2015, section 6, with λ = (1 − α)/α.
    """

    perturb: Perturb
    weight: float = 1.0

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        clean, forged = _both(network, images, self.perturb(network, images, labels))
        return cross_entropy(clean, labels) + self.weight * cross_entropy(forged, labels)


@dataclass(frozen=True)
class AdversarialLogitPairing:
    """The online cost, plus λ E ‖f(x) − f(x_adv)‖² / K: an image and its forgery get like scores.

    Kannan, Kurakin, Goodfellow 2018.
    """

    perturb: Perturb
    weight: float = 0.5

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        clean, forged = _both(network, images, self.perturb(network, images, labels))
        costs: Tensor = cross_entropy(clean, labels) + cross_entropy(forged, labels)
        return costs + self.weight * (clean - forged).square().mean()


@dataclass(frozen=True)
class CleanLogitPairing:
    """J on noisy images, plus λ E ‖f(x) − f(x′)‖² / K over pairs of the batch, whatever their classes.

    Kannan, Kurakin, Goodfellow 2018: it needs no attack, and holds against few.
    """

    weight: float = 0.5
    noise: float = 0.1

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        scores = network(images + self.noise * torch.randn_like(images))
        half = len(scores) // 2
        apart = (scores[:half] - scores[half : 2 * half]).square().mean()
        cost: Tensor = cross_entropy(scores, labels) + self.weight * apart
        return cost


def _both(network: nn.Module, images: Tensor, forged: Tensor) -> tuple[Tensor, Tensor]:
    """The scores of both, asked at once so that batch normalisation sees them as one batch."""
    clean_scores, forged_scores = network(torch.cat([images, forged])).chunk(2)
    return clean_scores, forged_scores
