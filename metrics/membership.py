"""Membership inference: whether synthetic images give away which real images were trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from classifiers.shares import Share
from metrics.distances import Indices, nearest
from metrics.errors import TooFewImages
from metrics.estimate import Z95
from metrics.rows import Floats, feature_rows, require_same_dimensions

FEWEST = 100
"""Members, and others, below which there is no false positive rate of 1 %."""

RATE = 0.01
"""The false positive rate at which an attacker is sure."""

BY_CHANCE = 0.025
"""How often, at most, a figure of a pool that gives nothing away exceeds what is called chance."""


@dataclass(frozen=True)
class Membership:
    """How well distances to a pool tell `n` training images from as many that were never trained on.

    `auc` is how often, of one of each, the training image is nearer (0.5: a guess), `low` and `high`
    its 95 % interval. `found` is the share of training images named at a false positive rate of at
    most 1 %, which by chance is up to `found_by_chance`. `advantage` is the greatest difference of
    true and false positive rates, up to `advantage_by_chance` by chance. `curve` are the true
    positive rates at false positive rates of at most 0, 1, …, 100 %.
    """

    auc: float
    low: float
    high: float
    found: Share
    found_by_chance: float
    advantage: float
    advantage_by_chance: float
    curve: tuple[float, ...]
    n: int

    @property
    def tells(self) -> bool:
        """Whether an attacker does better than chance, on the whole or where they are sure.

        Each of the two comes up in at most 2.5 % of pools that give nothing away.
        """
        return self.low > 0.5 or self.found.value > self.found_by_chance


def membership(members: ArrayLike, others: ArrayLike, fake: ArrayLike) -> Membership:
    """Attack features (n, d) of a pool as one who has nothing but the pool, and return the success.

    The attacker takes an image for trained on the nearer its nearest synthetic image is, as the full
    black-box attack of Chen et al. (2020), GAN-Leaks, does for an image as it is. Of `members`, which
    were trained on, and `others`, which were not, the first n are asked about, n being the number of
    the fewer: put them in an order that tells nothing. Both have to be drawn alike, else what
    tells them apart is no leak.

    The interval of the area under the curve is DeLong's et al. (1988), of images drawn anew, the pool
    held fixed; where every member, or none, is nearer than every other its variance is 0, and
    Wilson's interval of n of n stands in. Success at few false positives is what Carlini et al.
    (2022) ask for: an attack that names a few people for sure is grave, whatever the mean. Its interval
    is over both sides: that of Wilson over members, and over others, whose 1 % highest set the
    threshold, what members would be found at thresholds that 2.5 and 97.5 % of draws have; combined
    as Newcombe (1998) does. It holds the truth in 95 % of cases from 300 of each on, in 80 to 95 % of 100.

    Raises TooFewImages below 100 members or 100 others; MetricError and NotFinite for features that
    do not match or are no numbers.

    >>> x = np.random.default_rng(0).normal(size=(200, 8))
    >>> copied = membership(x[:100], x[100:], x[:100])
    >>> copied.auc, copied.advantage, copied.found.value
    (1.0, 1.0, 1.0)
    """
    rows = [feature_rows(each) for each in (members, others, fake)]
    require_same_dimensions(rows[0], rows[1])
    n = min(len(rows[0]), len(rows[1]))
    if n < FEWEST:
        raise TooFewImages(
            f"membership needs at least {FEWEST} training images and {FEWEST} held-out images, "
            f"got {len(rows[0]):,} and {len(rows[1]):,}"
        )
    member, other = (-nearest(each[:n], rows[2], 1)[0][:, 0] for each in rows[:2])
    return attacked(member, other)


def attacked(member: Floats, other: Floats) -> Membership:
    """Return the success of scores (n,) and (n,), higher meaning a member; see `membership`."""
    n = len(member)
    auc, low, high = _area(member, other)
    curve = _found(member, other, np.arange(101) * n // 100)
    return Membership(
        auc=auc,
        low=low,
        high=high,
        found=_found_at_1_percent(member, other),
        found_by_chance=_most_found_by_chance(n, n // 100),
        advantage=float(max(_found(member, other, np.arange(n)) - np.arange(n) / n)),
        advantage_by_chance=math.sqrt(math.log(1 / BY_CHANCE) / n),
        curve=tuple(curve.tolist()),
        n=n,
    )


def _found(member: Floats, other: Floats, alarms: Indices) -> Floats:
    """Return the share of members above all but so many others; ties are not above."""
    thresholds = np.append(np.sort(other)[::-1], -np.inf)[alarms]
    n = len(member)
    return np.asarray((n - np.searchsorted(np.sort(member), thresholds, "right")) / n)


def _found_at_1_percent(member: Floats, other: Floats) -> Share:
    """Return the share of members found at a false positive rate of at most 1 %."""
    from scipy.stats import binom  # takes a second to read, which no command should wait for

    n = len(member)
    least, most = binom.ppf([BY_CHANCE, 1 - BY_CHANCE], n, RATE).astype(int)
    alarms = np.array([max(least - 1, 0), n // 100, most])
    lowest, value, highest = _found(member, other, alarms).tolist()
    share = Share.of(round(value * n), n)
    return replace(
        share,
        low=max(value - math.hypot(value - share.low, value - lowest), 0.0),
        high=min(value + math.hypot(share.high - value, highest - value), 1.0),
    )


def _most_found_by_chance(n: int, allowed: int) -> float:
    """Return the share that members above all but `allowed` others exceed in 2.5 % of cases at most.

    At least j members are above if of the highest j + allowed scores at least j are members', and by
    chance these are drawn without replacement.
    """
    from scipy.stats import hypergeom  # takes a second to read, which no command should wait for

    count = np.arange(1, n + 1)
    reached = hypergeom.sf(count - 1, 2 * n, n, count + allowed)
    return float(np.argmax(reached <= BY_CHANCE) / n)


def _area(member: Floats, other: Floats) -> tuple[float, float, float]:
    """Return the area under the curve with DeLong's interval, by midranks (Sun & Xu 2014)."""
    from scipy.stats import rankdata  # takes a second to read, which no command should wait for

    n = len(member)
    ranks = rankdata(np.concatenate([member, other]))
    of_members = (ranks[:n] - rankdata(member)) / n
    of_others = 1 - (ranks[n:] - rankdata(other)) / n
    area = float(of_members.mean())
    se = math.sqrt((of_members.var(ddof=1) + of_others.var(ddof=1)) / n)
    if area in (0.0, 1.0):
        certain = Share.of(round(area * n), n)
        return area, certain.low, certain.high
    return area, max(area - Z95 * se, 0.0), min(area + Z95 * se, 1.0)
