"""The safety net: a network before the classifier that tells forged images from clean ones."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from generators.adversarial.defences.fitting import Progress, fit
from generators.adversarial.goal import Classifier, Goal, input_gradient
from generators.adversarial.norms import Ball, norm_called


def train_detector(
    network: nn.Module,
    clean: Tensor,
    forged: Tensor,
    *,
    steps: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> nn.Module:
    """Teaches `network`, whose two scores are clean and forged, on as many images of each (N, C, H, W)."""
    images = torch.cat([clean, forged])
    labels = torch.cat([torch.zeros(len(clean)), torch.ones(len(forged))]).long()
    return fit(network, _even, images, labels, steps=steps, seed=seed, progress=progress)


def _even(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(network(images), labels)


def suspicion(detector: Classifier, images: Tensor) -> Tensor:
    """(N,): the detector's score for forged minus that for clean; above 0 it raises the alarm."""
    with torch.no_grad():
        scores = detector(images)
    return scores[:, 1] - scores[:, 0]


def pgd_past_both(
    classifier: Classifier,
    detector: Classifier,
    images: Tensor,
    goal: Goal,
    *,
    epsilon: float,
    steps: int,
    norm: str = "linf",
) -> Tensor:
    """Images that are to fool classifier and detector at once: the attack that knows the net.

    In each step an image follows the gradient of the one that it does not fool yet, and of their sum
    when it fools both (in the spirit of Carlini and Wagner 2017, "Adversarial examples are not easily
    detected", section 2.4).
    """
    ball = Ball(images, epsilon, norm_called(norm))
    length = 2.5 * epsilon / steps
    found = images
    for _ in range(steps):
        past_classifier = input_gradient(classifier, found, goal.cost)
        past_detector = input_gradient(detector, found, _alarm)
        with torch.no_grad():
            fools = goal.reached(classifier(found)).view(-1, 1, 1, 1)
            is_quiet = (suspicion(detector, found) < 0).view(-1, 1, 1, 1)
        wanted = torch.where(fools, 0.0, past_classifier) + torch.where(
            is_quiet, 0.0, past_detector
        )
        wanted = torch.where(fools & is_quiet, past_classifier + past_detector, wanted)
        found = ball.nearest(found - length * ball.norm.steepest(wanted))
    return found.detach()


def _alarm(scores: Tensor) -> Tensor:
    return scores[:, 1] - scores[:, 0]
