"""Simulated observers who judge by signal detection, to test scores against a known truth."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from scoring.dictionary import NONE

Truth = Literal["real", "fake"]
Choice = Literal["first", "second", "tie"]


@dataclass(frozen=True)
class Answer:
    """What an observer answered, and how many ms after onset."""

    response: Truth
    rt_ms: float


@dataclass(frozen=True)
class PairAnswer:
    """Which of two images an observer took for the more real one, and how many ms after onset."""

    choice: Choice
    rt_ms: float


@dataclass(frozen=True)
class NameAnswer:
    """What an observer called an image, and how many ms after onset."""

    response: str
    rt_ms: float


@dataclass(frozen=True)
class SimulatedObserver:
    """An observer of known sensitivity, bias and speed.

    Attributes:
        dprime: sensitivity with unlimited time; 0 guesses.
        bias: criterion c; above 0 leans to answering "real", and to "none" where images are named.
        tau_ms: how fast evidence gathers in a flash (see `dprime_at`).
        rt_median_ms, rt_log_sd: the log-normal response time.

    Raises:
        ValueError: tau_ms or rt_median_ms is not above 0, or rt_log_sd is below 0.
    """

    dprime: float
    bias: float = 0.0
    tau_ms: float = 200.0
    rt_median_ms: float = 900.0
    rt_log_sd: float = 0.35

    def __post_init__(self) -> None:
        for name in ("tau_ms", "rt_median_ms"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.rt_log_sd < 0:
            raise ValueError(f"rt_log_sd must not be below 0, got {self.rt_log_sd}")

    def dprime_at(self, exposure_ms: float | None) -> float:
        """Sensitivity after an exposure: dprime (1 - exp(-t / tau)), dprime if unlimited (None).

        The speed-accuracy function of Wickelgren, Acta Psychologica 41 (1977), from onset.
        """
        if exposure_ms is None:
            return self.dprime
        return float(self.dprime * -np.expm1(-exposure_ms / self.tau_ms))

    def threshold_ms(self, correct: float = 0.75) -> float:
        """The exposure at which an unbiased observer is right with probability `correct`.

        Raises:
            ValueError: the observer never gets there.

        >>> round(SimulatedObserver(dprime=2.698, tau_ms=200).threshold_ms(0.75))
        139
        """
        wanted = 2 * float(ndtri(correct))
        if not 0 < wanted < self.dprime:
            raise ValueError(
                f"{correct} right answers need a d′ above {wanted:.3g}, got {self.dprime}"
            )
        return float(-self.tau_ms * np.log1p(-wanted / self.dprime))


def draw_observers(
    count: int, dprime: float, bias: float, sd: float, seed: int
) -> list[SimulatedObserver]:
    """Observers whose d′ is N(dprime, sd²) and whose criterion is N(bias, (sd / 2)²).

    The criterion spreads by half as much because a d′ is the distance of two distributions, and
    each moves by half of it. Simulated observers may so have a d′ below 0.

    Raises:
        ValueError: count is below 1 or sd below 0.
    """
    if count < 1:
        raise ValueError(f"at least 1 observer is needed, got {count}")
    if sd < 0:
        raise ValueError(f"sd must not be below 0, got {sd}")
    rng = np.random.default_rng(seed)
    dprimes = rng.normal(dprime, sd, count).tolist()
    biases = rng.normal(bias, sd / 2, count).tolist()
    return [SimulatedObserver(own, lean) for own, lean in zip(dprimes, biases, strict=True)]


def image_effect(stimulus: str, *, sd: float, seed: int) -> float:
    """An image's own effect, N(0, sd²), fixed by its id and the seed; above 0 looks more real."""
    digest = hashlib.blake2b(f"{seed}:{stimulus}".encode(), digest_size=6).digest()
    uniform = (int.from_bytes(digest) + 0.5) / 2**48
    return sd * float(ndtri(uniform))


def simulate_response(
    observer: SimulatedObserver,
    *,
    truth: Truth,
    exposure_ms: float | None = None,
    image_effect: float = 0.0,
    rng: np.random.Generator,
) -> Answer:
    """One answer by equal-variance signal detection (Green and Swets 1966).

    Evidence of fakeness is N(±d′/2, 1), + for fakes, less the image's effect; above the criterion
    the answer is "fake".

    Args:
        exposure_ms: how long the image was shown, None if unlimited.
        image_effect: in units of d′; above 0 makes the image look more real.
    """
    evidence = _evidence(observer, truth, exposure_ms, image_effect, rng)
    return Answer("fake" if evidence > observer.bias else "real", _rt_ms(observer, rng))


def simulate_pair(
    observer: SimulatedObserver,
    *,
    truths: tuple[Truth, Truth],
    exposure_ms: float | None = None,
    image_effects: tuple[float, float] = (0.0, 0.0),
    tie_within: float = 0.0,
    rng: np.random.Generator,
) -> PairAnswer:
    """One choice between two images: the one with less evidence of fakeness, each as above.

    Of a real and a fake image the real one is so chosen with probability Φ(d′ / √2); the criterion
    plays no part.

    Args:
        image_effects: one an image; a generator's own realism is the same effect on all its images.
        tie_within: "cannot tell" is said where the evidence differs by less; 0 for never.

    Raises:
        ValueError: a truth is neither real nor fake, or tie_within is below 0.
    """
    if tie_within < 0:
        raise ValueError(f"tie_within must not be below 0, got {tie_within}")
    first, second = (
        _evidence(observer, truth, exposure_ms, effect, rng)
        for truth, effect in zip(truths, image_effects, strict=True)
    )
    choice: Choice = "first" if first < second else "second"
    return PairAnswer("tie" if abs(first - second) < tie_within else choice, _rt_ms(observer, rng))


def simulate_name(
    observer: SimulatedObserver,
    *,
    truth: str,
    names: Sequence[str],
    image_effect: float = 0.0,
    rng: np.random.Generator,
) -> NameAnswer:
    """One name by signal detection among m: the class with the most evidence for it.

    Evidence is N(d′ + the image's effect, 1) for the true class and N(0, 1) for each other (Green
    and Swets 1966, chapter 2); where none has more than the criterion, the answer is "none".

    Args:
        names: of the classes. image_effect: below 0 makes the image look less like its class.

    Raises:
        ValueError: truth is none of the names.

    >>> simulate_name(SimulatedObserver(50.0), truth="7", names=["1", "7"],
    ...               rng=np.random.default_rng(0)).response
    '7'
    """
    if truth not in names:
        raise ValueError(f"truth must be one of {', '.join(names)}, got {truth!r}")
    evidence = rng.normal(size=len(names))
    evidence[names.index(truth)] += observer.dprime + image_effect
    most = int(evidence.argmax())
    said = names[most] if evidence[most] > observer.bias else NONE
    return NameAnswer(said, _rt_ms(observer, rng))


def _evidence(
    observer: SimulatedObserver,
    truth: Truth,
    exposure_ms: float | None,
    image_effect: float,
    rng: np.random.Generator,
) -> float:
    if truth not in ("real", "fake"):
        raise ValueError(f"truth must be real or fake, got {truth!r}")
    half = observer.dprime_at(exposure_ms) / 2
    return float((half if truth == "fake" else -half) - image_effect + rng.normal())


def _rt_ms(observer: SimulatedObserver, rng: np.random.Generator) -> float:
    return float(observer.rt_median_ms * np.exp(observer.rt_log_sd * rng.normal()))
