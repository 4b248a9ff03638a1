"""Trains a classifier: labelled images in, weights out, the same ones for the same seed and steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from classifiers.errors import ClassifierError
from classifiers.network import Form, Network

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Progress = Callable[[int, int], object]
"""Called with (steps done, steps in all); what it returns is ignored, what it raises ends the training."""

BATCH_IMAGES = 64
SHIFT_PX = 1
LEARNING_RATE = 0.006
WEIGHT_DECAY = 0.02
LABEL_SMOOTHING = 0.05
TRIAL_STEPS = 9


def train(
    images: Images,
    labels: Labels,
    *,
    classes: int,
    steps: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """Return the weights of `Network` after that many steps of 64 images.

    images are uint8 (n, H, H, C), labels whole numbers (n,) from 0 to classes - 1. AdamW under one
    cycle of the learning rate (Smith & Topin 2019), images shifted at random by up to 1 px. With the
    same number of torch threads on the same machine, seed and steps alone decide on every bit. Torch's
    global generator is left as it was. Raises ClassifierError.
    """
    form = form_of(images, labels, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(form).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        _fit(network, _batches(images, labels, steps), steps, progress or _silent)
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


def steps_within(
    seconds: float, images: Images, labels: Labels, *, classes: int, seed: int = 0
) -> int:
    """Return how many steps of that training this machine does in that time, at least 1.

    A few steps are tried; what the first of them takes to get ready is not counted.
    """
    times = [time.perf_counter()]
    train(
        images, labels, classes=classes, steps=TRIAL_STEPS, seed=seed,
        progress=lambda *_: times.append(time.perf_counter()),
    )  # fmt: skip
    step_s = (times[-1] - times[1]) / (TRIAL_STEPS - 1)
    return max(1, int((seconds - (times[-1] - times[0])) / step_s))


@torch.no_grad()
def accuracy(network: Network, images: Images, labels: Labels) -> float:
    """Return the share of images whose most likely class is their label, from 0 to 1."""
    require_images(images)
    right = 0
    for start in range(0, len(images), BATCH_IMAGES):
        logits = network(as_input(images[start : start + BATCH_IMAGES]))[1].numpy()
        right += int((logits.argmax(1) == labels[start : start + BATCH_IMAGES]).sum())
    return right / len(images)


def as_input(images: Images) -> Tensor:
    """Return uint8 images (n, H, W, C) as float32 (n, C, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255


def require_images(images: Images) -> None:
    """Raise ClassifierError unless images are uint8 of shape (n, H, W, 1 or 3), none empty."""
    shape = images.shape
    if images.dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3) or 0 in shape:
        raise ClassifierError(
            "a classifier needs uint8 images of shape (n, height, width, 1 or 3), "
            f"got {images.dtype} of shape {shape}"
        )


def form_of(images: Images, labels: Labels, classes: int) -> Form:
    """Return the form of a network for these images; raises an error for what cannot be trained on."""
    require_images(images)
    count, height, width, channels = images.shape
    if height != width:
        raise ClassifierError(f"a classifier needs square images, got {height} × {width} px")
    if count < BATCH_IMAGES:
        raise ClassifierError(f"a classifier needs at least {BATCH_IMAGES} images, got {count}")
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ClassifierError(
            f"a classifier needs {count} whole numbers as labels, "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ClassifierError(
            f"labels of {classes} classes need to be from 0 to {classes - 1}, "
            f"got {labels.min()} to {labels.max()}"
        )
    return Form(height, channels, classes)


def _fit(
    network: Network, batches: Iterator[tuple[Tensor, Tensor]], steps: int, progress: Progress
) -> None:
    optimiser = torch.optim.AdamW(
        network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    rise = max(0.25, 1.5 / (steps + 1))  # a rise of a whole step would divide by its length, 0
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=steps + 1, pct_start=rise
    )
    for step, (images, labels) in enumerate(batches, start=1):
        loss = cross_entropy(network(images)[1], labels, label_smoothing=LABEL_SMOOTHING)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        progress(step, steps)


def _batches(images: Images, labels: Labels, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Whole batches of shuffled images, shuffled anew when too few are left."""
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < BATCH_IMAGES:
            order = torch.randperm(len(images))
        chosen, order = order[:BATCH_IMAGES].numpy(), order[BATCH_IMAGES:]
        yield _shifted(as_input(images[chosen])), torch.from_numpy(labels[chosen].astype(np.int64))


def _shifted(images: Tensor) -> Tensor:
    """The batch moved by up to SHIFT_PX each way, borders repeated, a sixteenth of it at a time."""
    side = images.shape[-1]
    wide = pad(images, (SHIFT_PX,) * 4, mode="replicate")
    parts = []
    for part in wide.chunk(16):
        top, left = torch.randint(0, 2 * SHIFT_PX + 1, (2,)).tolist()
        parts.append(part[:, :, top : top + side, left : left + side])
    return torch.cat(parts)


def _silent(step: int, steps: int) -> None:
    pass
