"""Answers to images of which a network is right or wrong: what shares of them people confirm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scoring.columns import Mask, factorise
from scoring.estimates import ALIKE
from scoring.figure import Figure
from scoring.images import wilson
from scoring.intervals import CHUNK_WEIGHTS, pivot_interval, too_few
from scoring.rates import Z
from scoring.table import TrialTable
from scoring.weights import Keys, Weights, draw_weights, unit_keys

Floats = NDArray[np.float64]

BOTH = "observers × images"


def _always(right: Any, given: Any) -> Any:
    return np.ones_like(given, dtype=np.bool_)


def _most(right: Any, given: Any) -> Any:
    return 2 * right > given


def _all(right: Any, given: Any) -> Any:
    return (right == given) & (given > 0)


def _not_most(right: Any, given: Any) -> Any:
    return 2 * right <= given


SHARES: dict[str, Callable[[Any, Any], Any]] = {
    "plain": _always,
    "valid": _most,
    "unanimous": _all,
    "difference": _not_most,
}
"""Conditions by name: right answers and all answers by image -> whether it holds of each."""


@dataclass(frozen=True)
class Draws:
    """How to resample."""

    count: int
    seed: int
    confidence: float


@dataclass(frozen=True)
class Drawn:
    """A share (draws,) of resampled answers: observers and images together, as z; observers alone;
    and single answers, as if each were another observer's."""

    crossed: Floats
    by_observers: Floats
    by_answers: Floats

    @classmethod
    def joined(cls, parts: Sequence[Drawn]) -> Drawn:
        return cls(
            np.concatenate([part.crossed for part in parts]),
            np.concatenate([part.by_observers for part in parts]),
            np.concatenate([part.by_answers for part in parts]),
        )


@dataclass(frozen=True)
class Votes:
    """Answers to n images.

    Attributes:
        wrong: (n,) whether the network is.
        image, observer, right: of each answer: which image, which observer, whether it is right.
    """

    images: tuple[str, ...]
    observers: tuple[str, ...]
    wrong: Mask
    image: NDArray[np.intp]
    observer: NDArray[np.intp]
    right: Mask

    @classmethod
    def of(cls, table: TrialTable, wrong: Mapping[str, bool]) -> Votes:
        images, image = factorise(table.stimulus)
        observers, observer = factorise(table.observer)
        of_images = np.array([wrong[name] for name in images], dtype=np.bool_)
        return cls(images, observers, of_images, image, observer, ~table.wrong)

    def shares(self, draws: Draws) -> dict[str, Figure]:
        """By name in SHARES, the share of images of which the network is wrong and it is true."""
        count = len(self.images)
        if not count:
            reason = "not defined: no image has enough answers"
            return dict.fromkeys(SHARES, Figure(None, None, None, 0, "images", reason))
        few = [*too_few("observers", len(self.observers)), *too_few("images", count)]
        drawn = {} if few else self._drawn(draws)
        return {
            name: self._share(found, drawn.get(name), few, draws.confidence)
            for name, found in self._found(*self._counts()).items()
        }

    def _share(self, found: Mask, drawn: Drawn | None, few: list[str], confidence: float) -> Figure:
        value, count = float(found.mean()), len(found)
        if found.all() or not found.any():
            lows, highs = wilson(found.sum(keepdims=True), np.array([count]), confidence)
            return Figure(value, float(lows[0]), float(highs[0]), count, "images")
        if drawn is None:
            return Figure(value, None, None, count, BOTH, few[0])
        of_images = found.var(ddof=1) / count
        shared = max(drawn.by_observers.var() - drawn.by_answers.var(), 0.0)
        variance = of_images + shared
        doubt = of_images**2 / (count - 1) + shared**2 / (len(self.observers) - 1)
        ends = pivot_interval(
            float(Z.to(found.mean())),
            drawn.crossed,
            error=float(np.sqrt(variance) * Z.slope(found.mean())),
            degrees=float(variance**2 / doubt),
            confidence=confidence,
        )
        if ends is None:
            return Figure(value, None, None, count, BOTH, ALIKE)
        low, high = Z.back(np.array(ends)).tolist()
        return Figure(value, low, high, count, BOTH)

    def _counts(self) -> tuple[Any, Any]:
        """Answers to each image, and right ones: (n,) each."""
        given = np.bincount(self.image, minlength=len(self.images))
        return given, np.bincount(self.image[self.right], minlength=len(self.images))

    def _found(self, given: Any, right: Any) -> dict[str, Mask]:
        """Of which images the network is wrong and a condition holds: (n,) or (n, draws) each."""
        wrong = self.wrong.reshape(-1, *[1] * (given.ndim - 1))
        return {name: np.asarray(wrong & holds(right, given)) for name, holds in SHARES.items()}

    def _drawn(self, draws: Draws) -> dict[str, Drawn]:
        answers = [
            f"{self.observers[who]}/{self.images[what]}"
            for who, what in zip(self.observer, self.image, strict=True)
        ]
        observers = unit_keys(draws.seed, "observer", self.observers)
        images = unit_keys(draws.seed, "image", self.images)
        single = unit_keys(draws.seed, "answer", answers)
        size = max(CHUNK_WEIGHTS // len(answers), 1)
        parts = [
            self._part(observers, images, single, start, min(start + size, draws.count))
            for start in range(0, draws.count, size)
        ]
        return {name: Drawn.joined([part[name] for part in parts]) for name in SHARES}

    def _part(
        self, observers: Keys, images: Keys, answers: Keys, start: int, stop: int
    ) -> dict[str, Drawn]:
        """The draws from `start` to `stop`."""
        weights = draw_weights(images, start, stop).astype(np.int64)
        size = weights.sum(axis=0)
        together = self._resampled(self.observer, draw_weights(observers, start, stop))
        apart = self._resampled(np.arange(len(self.image)), draw_weights(answers, start, stop))
        return {
            name: Drawn(
                np.asarray(Z.to(((weights * found).sum(axis=0) + 0.5) / (size + 1))),
                found.mean(axis=0),
                apart[name].mean(axis=0),
            )
            for name, found in together.items()
        }

    def _resampled(self, unit: NDArray[np.intp], weights: Weights) -> dict[str, Mask]:
        """As `_found`, with each answer as often as its unit is drawn."""
        shape = (len(self.images), len(weights))
        counts = (
            sparse.csr_array((each.astype(np.int32), (self.image, unit)), shape)
            @ weights.astype(np.int32)
            for each in (np.ones(len(unit)), self.right)
        )
        return self._found(*counts)
