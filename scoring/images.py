"""How every image fares: which fakes convince, and which real images are doubted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from scoring.columns import Codes, factorise, joint_codes
from scoring.selection import Skipped, select
from scoring.table import TrialTable

Floats = NDArray[np.float64]

MOST_CORRELATED = 1 / 3


@dataclass(frozen=True)
class ImageScore:
    """One image.

    Attributes:
        generator: "" for a real image.
        n_trials, n_wrong: answers to it, and how many were wrong: fakes taken for real, reals for
            fake.
        error_rate: n_wrong / n_trials; low, high: its interval over answers (Wilson).
        shrunken: the error rate that is to be expected of it, given all images beside it.
    """

    stimulus: str
    generator: str
    n_trials: int
    n_wrong: int
    error_rate: float
    low: float
    high: float
    shrunken: float


@dataclass(frozen=True)
class Extremes:
    """Of one generator (or, with the name "", of the real images) the images at both ends.

    Attributes:
        highest: most often taken for what they are not: the most convincing fakes, or the most
            doubted reals; the first most so. lowest: least often.
    """

    generator: str
    n_images: int
    highest: tuple[ImageScore, ...]
    lowest: tuple[ImageScore, ...]


def score_images(
    table: TrialTable, *, skipped: Skipped = "out", confidence: float = 0.95
) -> tuple[ImageScore, ...]:
    """Every image's error rate, by generator (the real images first), highest expectation first.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    table, _ = select(table, skipped)
    images, image = joint_codes(table.generator, table.stimulus)
    first = np.unique(image, return_index=True)[1]
    trials = np.bincount(image, minlength=images)
    wrong = np.bincount(image[table.wrong], minlength=images)
    generator, pool = table.generator[first], factorise(table.generator[first])[1]
    low, high = wilson(wrong, trials, confidence)
    shrunken = expected_rates(wrong, trials, pool)
    order = np.lexsort((table.stimulus[first].astype(str), -low, -shrunken, pool))
    columns = (table.stimulus[first], generator, trials, wrong, wrong / trials, low, high, shrunken)
    rows = zip(*(column[order].tolist() for column in columns), strict=True)
    return tuple(ImageScore(*row) for row in rows)


def extremes(scores: Sequence[ImageScore], most: int = 50) -> tuple[Extremes, ...]:
    """At most `most` images from either end of each generator, of what `score_images` gives.

    Raises:
        ValueError: most is below 1.
    """
    if most < 1:
        raise ValueError(f"most must be at least 1, got {most}")
    pools: dict[str, list[ImageScore]] = {}
    for score in scores:
        pools.setdefault(score.generator, []).append(score)
    return tuple(
        Extremes(name, len(own), tuple(own[:most]), tuple(own[::-1][:most]))
        for name, own in pools.items()
    )


def wilson(
    successes: NDArray[np.integer], trials: NDArray[np.integer], confidence: float
) -> tuple[Floats, Floats]:
    """Wilson's score interval of shares (Journal of the American Statistical Association 22, 1927).

    Args:
        successes, trials: (n,), 0 ≤ successes ≤ trials, trials > 0.

    >>> low, high = wilson(np.array([0, 5]), np.array([10, 10]), 0.95)
    >>> low.round(4), high.round(4)
    (array([0.    , 0.2366]), array([0.2775, 0.7634]))
    """
    share, square = successes / trials, ndtri((1 + confidence) / 2) ** 2
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    reach = np.sqrt(square * (share * (1 - share) / trials + square / (4 * trials**2)))
    reach /= 1 + square / trials
    return np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)


def expected_rates(wrong: NDArray[np.integer], trials: NDArray[np.integer], pool: Codes) -> Floats:
    """Each image's error rate, shrunk towards its pool's: (wrong + m s) / (trials + s).

    Rates within a pool are taken for beta distributed, with the pool's mean m and a correlation ρ
    between two answers to one image, s = 1 / ρ - 1; both by moments, weighted by trials (Kleinman,
    Journal of the American Statistical Association 68, 1973), but s at least 2, as in Laplace's
    rule of succession. So one wrong answer of one does not outdo nine of ten, and images that
    differ no more than by chance all get m.

    Args:
        wrong, trials: (n,) counts, trials > 0. pool: (n,) each image's pool, from 0.

    >>> wrong, trials = np.array([1, 9, 0, 2]), np.array([1, 10, 10, 10])
    >>> expected_rates(wrong, trials, np.zeros(4, int)).round(2)
    array([0.59, 0.81, 0.06, 0.23])
    """
    total, squares = np.bincount(pool, trials), np.bincount(pool, trials**2)
    mean = np.bincount(pool, wrong) / total
    freedom = np.bincount(pool) - 1.0
    spread = np.bincount(pool, trials * (wrong / trials - mean[pool]) ** 2)
    chance = mean * (1 - mean)
    room = chance * (total - squares / total - freedom)
    excess: Floats = np.zeros(len(total))
    np.divide(spread - chance * freedom, room, out=excess, where=room > 0)
    kept = np.clip(excess, 0, MOST_CORRELATED)[pool]
    own, others = kept * wrong, (1 - kept) * mean[pool]
    return np.asarray((own + others) / (kept * trials + 1 - kept))
