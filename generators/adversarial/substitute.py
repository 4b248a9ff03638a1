"""A small network that learns a black box's answers, to be attacked in its place."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from generators.adversarial.goal import Classifier

WIDTH, LARGEST_MAP_PX = 32, 7
ROUND_STEPS = 100
MOST_ASKED_FIRST = 150
"""So many images are enough to begin the lesson with (Papernot et al. 2017, section 5.1)."""


@dataclass(frozen=True)
class Substitute:
    """A network from images (N, C, H, W) to logits (N, K), and the queries that taught it."""

    network: nn.Module
    queries: int


def taught(victim: Classifier, images: Tensor, classes: int, *, seed: int) -> Substitute:
    """A substitute that learned the victim's answers about images (N, C, H, W) in [0, 1]."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _untaught(images.shape[1], images.shape[2], classes)
        random = torch.Generator().manual_seed(seed)
        queries = train_substitute(victim, network, images, steps=ROUND_STEPS, random=random)
    return Substitute(network.eval().requires_grad_(False), queries)


def train_substitute(
    victim: Classifier,
    substitute: nn.Module,
    images: Tensor,
    *,
    rounds: int = 4,
    steps: int = ROUND_STEPS,
    batch: int = 64,
    rate: float = 1e-3,
    spread: float = 0.1,
    random: torch.Generator,
) -> int:
    """Teaches `substitute` the victim's answers, and asks about images moved to where it is unsure.

    Jacobian-based augmentation, Papernot et al. 2017, algorithm 1: each round doubles the images by
    x + λ sign(∇ₓ of the score of the victim's answer). Returns the number of queries to the victim.
    """
    known, answers = images, _answers(victim, images)
    adam = torch.optim.Adam(substitute.parameters(), lr=rate)
    for turn in range(rounds):
        for _ in range(steps):
            rows = torch.randint(len(known), (batch,), generator=random).to(known.device)
            adam.zero_grad(set_to_none=True)
            cross_entropy(substitute(known[rows]), answers[rows]).backward()  # type: ignore[no-untyped-call]
            adam.step()
        if turn < rounds - 1:
            moved = _moved(substitute, known, answers, spread)
            known = torch.cat([known, moved])
            answers = torch.cat([answers, _answers(victim, moved)])
    return len(known)


@torch.no_grad()
def _answers(victim: Classifier, images: Tensor) -> Tensor:
    return victim(images).argmax(1)


def _moved(substitute: nn.Module, images: Tensor, answers: Tensor, spread: float) -> Tensor:
    images = images.detach().requires_grad_()
    scores = substitute(images).gather(1, answers[:, None])
    (gradient,) = torch.autograd.grad(scores.sum(), images)
    return (images + spread * gradient.sign()).clamp(0, 1).detach()


def _untaught(channels: int, side_px: int, classes: int) -> nn.Module:
    map_px = min(-(-side_px // 4), LARGEST_MAP_PX)
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, 5, 2, 2),
        nn.ReLU(),
        nn.Conv2d(WIDTH, 2 * WIDTH, 3, 2, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(map_px),
        nn.Flatten(),
        nn.Linear(2 * WIDTH * map_px**2, classes),
    )
