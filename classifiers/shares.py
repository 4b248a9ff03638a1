"""A share of images with its 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from classifiers.errors import ClassifierError

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Share:
    """`count` of `n` images: the share `value` and its 95 % interval, all from 0 to 1."""

    value: float
    low: float
    high: float
    count: int
    n: int

    @classmethod
    def of(cls, count: int, n: int) -> Share:
        """Return the share with the score interval of Wilson (1927).

        >>> share = Share.of(15, 20)
        >>> round(share.low, 3), share.value, round(share.high, 3)
        (0.531, 0.75, 0.888)

        Raises ClassifierError unless 0 ≤ count ≤ n and n ≥ 1.
        """
        if not 0 <= count <= n or n < 1:
            raise ClassifierError(f"a share needs 0 to n of at least 1 image, got {count} of {n}")
        value = count / n
        centre = count + Z95**2 / 2
        reach = Z95 * math.sqrt(count * (1 - value) + Z95**2 / 4)
        total = n + Z95**2
        return cls(
            value, max((centre - reach) / total, 0.0), min((centre + reach) / total, 1.0), count, n
        )
