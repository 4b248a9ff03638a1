"""Usefulness: what a classifier learns from synthetic images, beside what it learns from real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from classifiers.network import Network, without_weights
from classifiers.shares import Share
from classifiers.training import BATCH_IMAGES, Labels, as_input, form_of, train
from metrics.errors import ImageMismatch, TooFewImages, classifiers_told
from metrics.extractors.base import Images, require_images

STEPS = 300
"""Steps of 64 images, half a minute of one core at 28 px: 86 % of Fashion-MNIST from 5,000 images."""

TEST_IMAGES = 256
"""Images asked about at once."""

Mask = NDArray[np.bool_]
Progress = Callable[[int, int], object]
"""Called with (steps done, steps of all trainings); what it returns is ignored."""


class Labelled(NamedTuple):
    """Images uint8 (n, H, H, C) and their classes, whole numbers (n,) from 0."""

    images: Images
    labels: Labels

    def first(self, n: int) -> Labelled:
        return Labelled(self.images[:n], self.labels[:n])


@dataclass(frozen=True)
class Accuracy:
    """The share of images whose most likely class is their label; `classes` has it by label."""

    share: Share
    classes: dict[int, Share]


@dataclass(frozen=True)
class Usefulness:
    """What classifiers make of images, all of one network, budget and seed.

    `tstr` learned from synthetic images and is tested on held-out real ones; `trts` learned from
    as many real images and is tested on the synthetic ones; `ceiling` is that second classifier on
    the held-out images. `n` images were learned from, in `steps` steps. `chance` is what the best
    guess scores, the most frequent class of the held-out images. Intervals are over the images
    tested on, the trained network held fixed.
    """

    tstr: Accuracy
    trts: Accuracy
    ceiling: Accuracy
    n: int
    steps: int
    seed: int
    chance: float


def usefulness(
    real: Labelled,
    held_out: Labelled,
    fake: Labelled,
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Usefulness:
    """Return the accuracies of Esteban, Hyland & Rätsch (2017), "TSTR" and "TRTS", and their ceiling.

    `real` are images that a generator learned from, `fake` its own; of the two, the first n are
    learned from, n being the number of the fewer: put them in an order that tells nothing. The
    network is that of classifiers; on one machine seed and steps decide on every bit.

    A TSTR near the ceiling says that the synthetic images teach what real ones do. TRTS is high
    where they look like their classes, however little they vary: read it beside TSTR only. With n
    below the number of held-out images the ceiling is that of n, not of all real images.

    Raises ImageMismatch for images of other sizes or channels on a side; TooFewImages below 64 to
    learn from or 1 to be tested on; MetricError below 2 classes, and for images that are not square
    or beyond 16 to 128 px.
    """
    sides = (real, held_out, fake)
    _require_alike(*(side.images for side in sides))
    n = min(len(real.images), len(fake.images))
    if n < BATCH_IMAGES:
        raise TooFewImages(f"a classifier needs at least {BATCH_IMAGES} images, got {n}")
    classes = 1 + max(int(side.labels.max(initial=0)) for side in sides)

    of_fake, of_real = (
        _learned(side.first(n), classes, steps, seed, _going_on(progress, from_step, 2 * steps))
        for side, from_step in ((fake, 0), (real, steps))
    )
    return Usefulness(
        tstr=_accuracy(of_fake, held_out),
        trts=_accuracy(of_real, fake),
        ceiling=_accuracy(of_real, held_out),
        n=n,
        steps=steps,
        seed=seed,
        chance=float(np.bincount(held_out.labels).max() / len(held_out.labels)),
    )


def _require_alike(real: Images, held_out: Images, fake: Images) -> None:
    for name, images in (("real", real), ("held-out", held_out), ("synthetic", fake)):
        if not len(images):
            raise TooFewImages(f"a classifier needs at least 1 {name} image, got 0")
        require_images(images)
    if not real.shape[1:] == held_out.shape[1:] == fake.shape[1:]:
        raise ImageMismatch(
            "a classifier needs images of one shape, got "
            f"{real.shape[1:]} (real), {held_out.shape[1:]} (held out), {fake.shape[1:]} (synthetic)"
        )


def _going_on(progress: Progress | None, from_step: int, total: int) -> Progress | None:
    """Return what hears of one of several trainings and tells of all of them."""
    return progress and (lambda done, _: progress(from_step + done, total))


@classifiers_told()
def _learned(
    side: Labelled, classes: int, steps: int, seed: int, progress: Progress | None
) -> Network:
    state = train(*side, classes=classes, steps=steps, seed=seed, progress=progress)
    network = without_weights(form_of(*side, classes))
    network.load_state_dict(state, assign=True)
    return network.eval()


def _accuracy(network: Network, side: Labelled) -> Accuracy:
    right = _right(network, side)
    by_class = {int(label): _share(right[side.labels == label]) for label in np.unique(side.labels)}
    return Accuracy(_share(right), by_class)


@torch.no_grad()
def _right(network: Network, side: Labelled) -> Mask:
    said = [
        network(as_input(side.images[at : at + TEST_IMAGES]))[1].argmax(1).numpy()
        for at in range(0, len(side.images), TEST_IMAGES)
    ]
    return np.asarray(np.concatenate(said) == side.labels)


def _share(right: Mask) -> Share:
    return Share.of(int(right.sum()), len(right))
