"""Precision and recall, density and coverage: who lies among whose nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from metrics.distances import (
    BLOCK_ROWS,
    Indices,
    Screen,
    nearest_of_own,
    pairs_within,
    screens,
)
from metrics.errors import MetricError, TooFewImages
from metrics.estimate import Estimate, jackknife_se
from metrics.rows import Floats, blocks, both_rows

PAR = 0.9
"""Of fakes so few that a perfect generator covers less of the reals, coverage says so."""


@dataclass(frozen=True)
class Prdc:
    """Precision, recall and coverage are shares, 0 to 1; density is at least 0, and 1 is par."""

    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate


def prdc(real: ArrayLike, fake: ArrayLike, *, k: int = 5) -> Prdc:
    """Return precision, recall, density and coverage of features (n, d) and (m, d).

    A ball around each image reaches to its k-th nearest neighbour in its own set, boundary left
    out. Precision is the share of fakes in any real ball, recall the share of reals in any fake
    ball (Kynkäänniemi et al. 2019); density is the number of real balls around a fake over k, on
    average, coverage the share of reals with a fake in their ball (Naeem et al. 2020). The values
    are those of the package prdc 0.2, decided in float64 and, unlike there, exact for copies: two
    sets of one image repeated score 0, 0, 0, 0.

    The fakes are resampled, the reals held fixed. Density: sd over fakes / √m. Precision: the same
    with two fakes inside and two outside added (Agresti & Coull 1998), lest a share of 1 looks
    certain, and the interval lies around that share. Recall and coverage: delete-one jackknife in
    closed form, which for such statistics is on the safe side (Efron & Stein 1981): up to one
    and a half times the true error.

    Coverage rises with the number of fakes: those of a perfect generator cover 1 - Π (n - 1 - j) /
    (n - 1 - j + m), j = 0 … k - 1, of the reals, whatever the features, as any order of a real's
    neighbours is equally likely; `note` gives it where it is below 0.9.

    Memory holds a float32 copy of each set and one block of the distance matrix.

    Raises MetricError for k < 1, TooFewImages unless both sets have more than k images.

    >>> x = np.arange(8.0)[:, None]
    >>> scores = prdc(x, x + 0.5, k=2)
    >>> scores.precision.value, scores.density.value
    (1.0, 1.0625)
    """
    rows = both_rows(real, fake)
    n, m = map(len, rows)
    _require_neighbours(min(n, m), k)
    x, y = screens(*rows)
    reals, fakes = _Balls.around(x, k), _Balls.around(y, k)
    counts = [_count(x, a, y, reals, fakes) for a in blocks(n, BLOCK_ROWS)]
    balls = np.sum([each.balls for each in counts], axis=0)
    return Prdc(
        precision=Estimate.of_share(int(np.count_nonzero(balls)), m, "Agresti-Coull"),
        recall=_with_jackknife(n, [each.recall for each in counts], enough=m > k + 1),
        density=Estimate(
            float(balls.mean() / k),
            float(balls.std(ddof=1) / k / np.sqrt(m)),
            "sd over √n",
            freedom=m - 1,
        ),
        coverage=replace(
            _with_jackknife(n, [each.coverage for each in counts], enough=True),
            note=_caution(n, m, k),
        ),
    )


def _caution(n: int, m: int, k: int) -> str:
    others = n - 1 - np.arange(k)
    perfect = 1 - float(np.prod(others / (others + m)))
    if perfect >= PAR:
        return ""
    return (
        f"n = {m:,} images are few beside {n:,} real ones: those of a perfect generator would cover "
        f"{perfect:.2g} of these; compare at equal n only"
    )


def _require_neighbours(n: int, k: int) -> None:
    if k < 1:
        raise MetricError(f"precision and recall need k of at least 1, got {k}")
    if n <= k:
        raise TooFewImages(
            f"precision, recall, density and coverage with k = {k} need at least {k + 1} images "
            f"in each set, got {n}"
        )


@dataclass(frozen=True)
class _Balls:
    """Squared radii of the balls around n images, and what they grow to if a neighbour is lost.

    `reach` (n,) goes to the k-th neighbour, `wider` (n,) to the next one (to the same where there
    is none), and `neighbours` (n, k) are those of which each makes the ball grow if it is lost.
    """

    reach: Floats
    wider: Floats
    neighbours: Indices

    @classmethod
    def around(cls, screen: Screen, k: int) -> _Balls:
        squares, indices = nearest_of_own(screen, min(k + 1, len(screen.rows) - 1))
        return cls(squares[:, k - 1], squares[:, -1], indices[:, :k])


@dataclass(frozen=True)
class _Share:
    """How many reals of a block something holds for; `change` (m,): how many more without a fake."""

    reals: int
    change: Indices


@dataclass(frozen=True)
class _Counts:
    """What a block of reals adds: real balls around each fake (m,), reals covered and recalled."""

    balls: Indices
    coverage: _Share
    recall: _Share


def _count(x: Screen, a: slice, y: Screen, reals: _Balls, fakes: _Balls) -> _Counts:
    in_real, in_fake, in_wider = [], [], []
    for b in blocks(len(y.rows), BLOCK_ROWS):
        below = x.below(a, y, b)
        in_real.append(pairs_within(below, x, a, y, b, reals.reach[a, None]))
        in_fake.append(pairs_within(below, x, a, y, b, fakes.reach[b]))
        in_wider.append(pairs_within(below, x, a, y, b, fakes.wider[b]))
    shape = a.stop - a.start, len(y.rows)
    i, j = np.concatenate(in_real, axis=1)
    return _Counts(
        np.bincount(j, minlength=shape[1]),
        _coverage(i - a.start, j, shape),
        _recall(
            np.concatenate(in_fake, axis=1) - [[a.start], [0]],
            np.concatenate(in_wider, axis=1) - [[a.start], [0]],
            fakes.neighbours,
            shape,
        ),
    )


def _coverage(i: Indices, j: Indices, shape: tuple[int, int]) -> _Share:
    """Real i has fake j in its ball: a real with one fake alone is lost with it."""
    fakes = np.bincount(i, minlength=shape[0])
    return _Share(int(np.count_nonzero(fakes)), -np.bincount(j[fakes[i] == 1], minlength=shape[1]))


def _recall(inside: Indices, wider: Indices, neighbours: Indices, shape: tuple[int, int]) -> _Share:
    """Without a fake its ball is gone, and those that it was a neighbour of are wider."""
    balls = np.bincount(inside[0], minlength=shape[0])
    i, j = wider[:, balls[wider[0]] <= 1]
    reached_without = np.zeros(shape, np.bool_)
    for column in neighbours.T:
        reached_without[i, column[j]] = True
    i, j = inside[:, balls[inside[0]] == 1]
    lost = j[~reached_without[i, j]]
    return _Share(
        int(np.count_nonzero(balls)),
        reached_without[balls == 0].sum(axis=0) - np.bincount(lost, minlength=shape[1]),
    )


def _with_jackknife(n: int, parts: list[_Share], *, enough: bool) -> Estimate:
    value = sum(part.reals for part in parts) / n
    if not enough:
        return Estimate(value, None, "none: a jackknife needs one more image than neighbours")
    changes = np.sum([part.change for part in parts], axis=0) / n
    return Estimate(value, jackknife_se(changes), "jackknife", freedom=len(changes) - 1)
