"""How well a classifier does: whose labels mean its classes, and how many it gets right."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from classifiers.errors import ClassifierError
from classifiers.shares import Share
from classifiers.training import BATCH_IMAGES, Images, Labels, Progress, as_input, require_images
from classifiers.victim import Victim

NAMED = 5
"""So many classes are named in an error."""


def labels_for(
    victim: Victim, labels: Labels | None, class_names: tuple[str, ...] | None
) -> Labels:
    """Return labels (n,) as the victim numbers its classes.

    By name where the data and the victim both name them, else as they are. Raises ClassifierError
    for images without labels, and for classes that are none of the victim's.

    >>> grey = Victim("v", 8, 1, ("cat", "dog"), None, False, lambda images: images)
    >>> labels_for(grey, np.array([0, 1, 1]), ("dog", "cat"))
    array([1, 0, 0])
    """
    if labels is None:
        raise ClassifierError("images without labels: which class each shows needs to be known")
    count = len(victim.class_names)
    if labels.min() < 0 or (class_names is None and labels.max() >= count):
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ClassifierError(f"label {wrong} is none of the {count} classes of {victim.name}")
    if class_names is None or victim.class_names == class_names or _numbered(victim, class_names):
        return labels
    return _numbers(victim, class_names)[labels]


def predictions(
    victim: Victim, images: Images, *, progress: Progress | None = None
) -> NDArray[np.int64]:
    """Return the most likely class (n,) of uint8 images (n, H, W, C), asked about in blocks.

    `progress` is told of images done, and of all. Raises ClassifierError for another shape.
    """
    require_images(images)
    found = np.empty(len(images), np.int64)
    for start in range(0, len(images), BATCH_IMAGES):
        block = slice(start, start + BATCH_IMAGES)
        with torch.no_grad():
            found[block] = victim(as_input(images[block])).argmax(1).cpu().numpy()
        if progress:
            progress(min(block.stop, len(images)), len(images))
    return found


def measured(
    victim: Victim, images: Images, labels: Labels, *, progress: Progress | None = None
) -> Share:
    """Return the share of uint8 images (n, H, W, C) whose most likely class is their label."""
    said = predictions(victim, images, progress=progress)
    return Share.of(int((said == labels).sum()), len(images))


def _numbered(victim: Victim, class_names: tuple[str, ...]) -> bool:
    """Whether the victim has as many classes, and no names for them."""
    numbers = tuple(map(str, range(len(victim.class_names))))
    return victim.class_names == numbers and len(class_names) == len(numbers)


def _numbers(victim: Victim, class_names: tuple[str, ...]) -> Labels:
    known = {name.casefold(): number for number, name in enumerate(victim.class_names)}
    strange = [name for name in class_names if name.casefold() not in known]
    if strange:
        some = ", ".join(strange[:NAMED]) + (", …" if len(strange) > NAMED else "")
        raise ClassifierError(
            f"{len(strange)} of the {len(class_names)} classes of the images are none of "
            f"{victim.name}'s: {some}"
        )
    return np.array([known[name.casefold()] for name in class_names], np.int64)
