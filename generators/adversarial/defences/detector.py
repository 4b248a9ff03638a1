"""The safety net: a network before the classifier that tells forged images from clean ones."""

import torch
from torch import Tensor, nn

from generators.adversarial.defences.fitting import Progress, fit
from generators.adversarial.defences.objectives import plain
from generators.adversarial.goal import Attempt, Classifier, Goal, check
from generators.adversarial.norms import Ball, norm_called

FIRST_WEIGHT, CHANGE = 3.0, 1.1
"""Of the classifier beside the detector, and by how much it changes in a step."""


def train_detector(
    network: nn.Module,
    clean: Tensor,
    forged: Tensor,
    *,
    steps: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> nn.Module:
    """Teaches `network`, whose two scores are clean and forged, on images (N, C, H, W) of each."""
    images = torch.cat([clean, forged])
    labels = torch.cat([torch.zeros(len(clean)), torch.ones(len(forged))]).long()
    return fit(network, plain, images, labels, steps=steps, seed=seed, progress=progress)


def suspicion(detector: Classifier, images: Tensor) -> Tensor:
    """(N,): the detector's score for forged minus that for clean; above 0 it raises the alarm."""
    with torch.no_grad():
        return _alarm(detector(images))


def auc(clean: Tensor, forged: Tensor) -> float:
    """How often a forged image is more suspect than a clean one, a tie counting half: 0.5 is chance.

    Takes the suspicion of clean (M,) and forged (N,) images (Hanley, McNeil 1982).

    >>> auc(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    0.875
    """
    ordered = clean.sort().values
    below = torch.searchsorted(ordered, forged, side="left")
    up_to = torch.searchsorted(ordered, forged, side="right")
    return float((below + up_to).double().mean() / (2 * len(clean)))


def pgd_past_both(
    classifier: Classifier,
    detector: Classifier,
    images: Tensor,
    goal: Goal,
    *,
    epsilon: float,
    steps: int,
    norm: str = "linf",
) -> Attempt:
    """Images that are to fool classifier and detector at once: the attack that knows the net.

    Minimises suspicion + c · max(margin, −1) (in the spirit of Carlini, Wagner 2017, "Adversarial
    examples are not easily detected", section 2.4), with a weight c of each image that falls while
    the classifier is fooled and rises while it is not. Of the images on the way that fool it, the
    least suspect is kept; `fooled` says which raise no alarm. Raises AttackError.
    """
    check(images, goal, classifier)
    ball = Ball(images, epsilon, norm_called(norm))
    length, found = 2.5 * epsilon / steps, images
    kept, least = images, torch.full((len(images),), torch.inf, device=images.device)
    weight = torch.full_like(least, FIRST_WEIGHT)
    for _ in range(steps + 1):
        tried = found.detach().requires_grad_()
        margin, alarm = goal.margin(classifier(tried)), _alarm(detector(tried))
        cost = alarm + weight * margin.clamp(min=-1)
        (gradient,) = torch.autograd.grad(cost.sum(), tried)
        fools, alarm = margin.detach() < 0, alarm.detach()
        better = fools & (alarm < least)
        kept = torch.where(_wide(better | least.isinf()), found, kept)
        least = torch.where(better, alarm, least)
        weight = torch.where(fools, weight / CHANGE, weight * CHANGE)
        found = ball.nearest(found - length * ball.norm.steepest(gradient))
    return Attempt(kept, least <= 0, torch.full_like(goal.classes, steps + 1))


def _alarm(scores: Tensor) -> Tensor:
    return scores[:, 1] - scores[:, 0]


def _wide(rows: Tensor) -> Tensor:
    return rows.view(-1, 1, 1, 1)
