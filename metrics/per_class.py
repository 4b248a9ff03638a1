"""Fréchet distance within each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.errors import MetricError
from metrics.estimate import Estimate
from metrics.frechet import frechet_estimate
from metrics.rows import Rows, both_rows
from pools.store import UNLABELLED

LEAST_IMAGES = 50
"""With fewer on a side, the distance within a class says more about n than about the images."""


@dataclass(frozen=True)
class PerClass(Mapping[int, Estimate]):
    """The distance of each class that has enough images; `refused` says of the others why not."""

    estimates: dict[int, Estimate]
    refused: dict[int, str]

    def __getitem__(self, label: int) -> Estimate:
        return self.estimates[label]

    def __iter__(self) -> Iterator[int]:
        return iter(self.estimates)

    def __len__(self) -> int:
        return len(self.estimates)


def per_class(
    real: ArrayLike, fake: ArrayLike, real_labels: ArrayLike, fake_labels: ArrayLike
) -> PerClass:
    """Return the Fréchet distance between the reals and the fakes of each class.

    Features have shapes (n, d) and (m, d), labels, whole numbers, (n,) and (m,). The distance is
    the plain one, as `frechet_estimate` gives it, biased upward with n: compare classes of like
    numbers, and one class between generators. A class of fewer than 50 images on a side is
    refused, with the reason. Images labelled -1 are of no class.

    Raises MetricError for labels that are not one whole number for each image.

    >>> x = np.random.default_rng(0).normal(size=(120, 2))
    >>> labels = [0] * 60 + [1] * 60
    >>> found = per_class(x, x + [[3.0, 4.0]], labels, [0] * 60 + [2] * 60)
    >>> round(found[0].value, 9), found.refused[1]
    (25.0, 'a class needs at least 50 images on each side, got 60 (real) and 0 (fake)')
    """
    x, y = both_rows(real, fake)
    x_labels, y_labels = _labels(real_labels, x, "real"), _labels(fake_labels, y, "fake")
    estimates, refused = {}, {}
    for label in map(int, np.setdiff1d(np.union1d(x_labels, y_labels), [UNLABELLED])):
        of_real, of_fake = np.flatnonzero(x_labels == label), np.flatnonzero(y_labels == label)
        if min(len(of_real), len(of_fake)) < LEAST_IMAGES:
            refused[label] = (
                f"a class needs at least {LEAST_IMAGES} images on each side, "
                f"got {len(of_real)} (real) and {len(of_fake)} (fake)"
            )
        else:
            estimates[label] = frechet_estimate(x[of_real], y[of_fake])
    return PerClass(estimates, refused)


def _labels(labels: ArrayLike, rows: Rows, side: str) -> NDArray[np.integer]:
    given = np.asarray(labels)
    if given.shape != (len(rows),) or given.dtype.kind not in "iu":
        raise MetricError(
            f"{side} labels need to be {len(rows):,} whole numbers, "
            f"got {given.dtype} of shape {given.shape}"
        )
    return given
