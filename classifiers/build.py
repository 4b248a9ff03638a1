"""A classifier of a labelled source of images, trained and written to a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifiers.errors import ClassifierError
from classifiers.file import About, save
from classifiers.network import without_weights
from classifiers.tensors import fill
from classifiers.training import (
    Images,
    Labels,
    Progress,
    accuracy,
    form_of,
    steps_within,
    train,
)
from pools.entries import ImageSet
from pools.errors import SourceError
from pools.sources import load

SECONDS = 60.0
LARGEST_SEED = 2**63 - 1
HELD_OUT = 6
"""Where the data are not divided, one image in six is held out."""


def build(
    data: str,
    out: Path,
    *,
    seconds: float = SECONDS,
    steps: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> About:
    """Train on a labelled source, write the file and return what it says of itself.

    `data` is what pools.sources reads; `steps` in place of `seconds` gives the same weights on any
    day. Raises ClassifierError, PoolError or SourceError, before training if `out` cannot be written.
    """
    _require_sense(out, steps, seconds, seed)
    train_set, test_set = halves(data, seed)
    images, labels = labelled(train_set, data)
    names = train_set.class_names or tuple(map(str, range(int(labels.max()) + 1)))
    classes = len(names)
    form = form_of(images, labels, classes)
    steps = steps or steps_within(seconds, images, labels, classes=classes, seed=seed)
    state = train(images, labels, classes=classes, steps=steps, seed=seed, progress=progress)
    right = accuracy(fill(without_weights(form), state, out), *labelled(test_set, data))
    about = About(
        Path(data).name, names, form.resolution_px, form.channels, steps, seed, right,
        held_out=len(test_set.images),
    )  # fmt: skip
    save(out, state, about)
    return about


def halves(data: str, seed: int) -> tuple[ImageSet, ImageSet]:
    """Return train and test images: as the source is divided, else a sixth held out by seed."""
    whole = load(data)
    try:
        return whole, load(data, split="test")
    except SourceError:
        order = np.random.default_rng(seed).permutation(len(whole.images))
        count = len(order) // HELD_OUT
        return _chosen(whole, order[count:]), _chosen(whole, order[:count])


def held_out(
    data: str,
    *,
    resolution_px: int | None = None,
    channels: int | None = None,
    limit: int | None = None,
) -> ImageSet:
    """Return the test images of a source, or those that it has where it is not divided.

    Options are those of pools.sources.load, and its errors.
    """
    read = partial(load, data, resolution_px=resolution_px, channels=channels, limit=limit)
    try:
        return read(split="test")
    except SourceError:
        return read()


def labelled(images: ImageSet, data: str) -> tuple[Images, Labels]:
    """Return the images and their labels; raises ClassifierError if they have none."""
    if images.labels is None:
        raise ClassifierError(f"a classifier needs labels, the images of {data} have none")
    return images.images, images.labels


def _require_sense(out: Path, steps: int | None, seconds: float, seed: int) -> None:
    """Before any training."""
    if not out.absolute().parent.is_dir():
        raise ClassifierError(f"the folder of {out} needs to exist")
    if out.is_dir():
        raise ClassifierError(f"a file is needed to write to, got the folder {out}")
    if not 0 <= seed <= LARGEST_SEED:
        raise ClassifierError(f"a seed needs to be 0 to {LARGEST_SEED}, got {seed}")
    if steps is not None and steps < 1:
        raise ClassifierError(f"training needs at least 1 step, got {steps}")
    if not 0 < seconds < np.inf:
        raise ClassifierError(f"training needs a number of seconds above 0, got {seconds:g}")


def _chosen(whole: ImageSet, rows: NDArray[np.intp]) -> ImageSet:
    labels = None if whole.labels is None else whole.labels[rows]
    return ImageSet(whole.images[rows], labels, whole.class_names)
