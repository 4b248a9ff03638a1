"""The lecture's linear classifier, whose every number can be followed by hand; no torch."""

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import ArrayLike, NDArray

WEIGHTS = (1.0, 3.0, -1.0, 2.0, 2.0, 3.0)
EXAMPLE = (1.0, -1.0, 2.0, 0.0, 3.0, -2.0)
EPSILON = 0.2


@dataclass(frozen=True)
class Pushed:
    """An example x*, and its score w·x* beside that of the x it was made from."""

    example: tuple[float, ...]
    before: float
    after: float

    @property
    def probabilities(self) -> tuple[float, float]:
        """σ of the scores, before and after."""
        return sigmoid(self.before), sigmoid(self.after)


def push(weights: ArrayLike, example: ArrayLike, epsilon: float) -> Pushed:
    """x* = x + ε w, as the lecture does it: the score moves by ε Σ w².

    >>> pushed = push(WEIGHTS, EXAMPLE, EPSILON)
    >>> round(pushed.before, 10), round(pushed.after, 10)  # −4 + 0.2 · 28
    (-4.0, 1.6)
    """
    return _moved(weights, example, epsilon * np.asarray(weights, float))


def push_by_sign(weights: ArrayLike, example: ArrayLike, epsilon: float) -> Pushed:
    """x* = x + ε sign(w), the fast gradient sign method: no value moves by more than ε.

    The score moves by ε Σ|w| (Goodfellow, Shlens, Szegedy 2015, section 3).

    >>> round(push_by_sign(WEIGHTS, EXAMPLE, EPSILON).after, 10)  # −4 + 0.2 · 12
    -1.6
    """
    return _moved(weights, example, epsilon * np.sign(np.asarray(weights, float)))


def _moved(weights: ArrayLike, example: ArrayLike, by: NDArray[np.float64]) -> Pushed:
    w, x = np.asarray(weights, float), np.asarray(example, float)
    if w.ndim != 1 or w.shape != x.shape:
        raise ValueError(
            f"weights and example must have as many values each, got {w.shape} and {x.shape}"
        )
    return Pushed(tuple((x + by).tolist()), float(w @ x), float(w @ (x + by)))


def effect(dimensions: ArrayLike, epsilon: float, mean_weight: float) -> NDArray[np.float64]:
    """ε · m · n: by how much the sign's push moves a score, which grows with the dimension n.

    `mean_weight` m is the mean |w|.

    >>> effect([6, 784], 0.2, 2.0).tolist()
    [2.4000000000000004, 313.6]
    """
    return epsilon * mean_weight * np.asarray(dimensions, float)


def sigmoid(score: float) -> float:
    """1 / (1 + e^(−score)).

    >>> sigmoid(0.0)
    0.5
    """
    return 1 / (1 + exp(-score))
