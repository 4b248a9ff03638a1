"""Classifiers that can be understood: a linear one with closed forms, and one that learned stripes."""

import pytest
import torch
from torch import nn


class Linear(nn.Module):
    """Two classes: scores ±(w·x + b)."""

    def __init__(self, weight, bias=0.0):
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, images):
        score = images.flatten(1) @ self.weight.flatten() + self.bias
        return torch.stack([-score, score], dim=1)


class Counting:
    """A classifier that counts the images it is asked about."""

    def __init__(self, classifier):
        self.classifier, self.asked = classifier, 0

    def __call__(self, images):
        self.asked += len(images)
        return self.classifier(images)


@pytest.fixture
def linear():
    """Weights ±1 over 1×4×4 images, whose middle grey has score 0."""
    weight = torch.tensor([1.0, -1.0]).repeat(8).view(1, 4, 4)
    return Linear(weight, bias=0.0)


@pytest.fixture
def counting():
    return Counting


def striped(count, classes=3, size=8, seed=0):
    """Noisy grey images with one bright stripe, whose place is the class."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    images = 0.35 + 0.1 * torch.rand((count, 1, size, size), generator=random)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, 2 * label : 2 * label + 2] += 0.25
    return images, labels


@pytest.fixture(scope="session")
def stripes():
    return striped(60)


@pytest.fixture(scope="session")
def many_stripes():
    return striped(300, seed=99)


def taught(seed, width=8):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * width, 3)
        )
        adam = torch.optim.Adam(network.parameters(), lr=1e-2)
        for step in range(60):
            images, labels = striped(48, seed=step + 1)
            adam.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            adam.step()
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def network():
    """Gets every stripe right."""
    return taught(0)


@pytest.fixture(scope="session")
def other_network():
    return taught(1, width=4)
