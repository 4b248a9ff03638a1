"""How many observers a study needs, found by simulating observers who differ as people do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]

PEOPLE = 2**18
FEWEST, MOST = 3, 8192
MOST_TRIALS = 1_000_000
GROWTH = 2**0.5
LARGEST_SPREAD = 20.0
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(64)


@dataclass(frozen=True)
class Assumptions:
    """What every observer of a study is thought to do, and how people and images differ.

    An observer errs on real images, and on each generator's fakes, with probability
    Φ(h + spread × skill): signal detection with normal skills, of one spread for all. Skills on
    reals and on fakes are independent, as nearly so in published studies; on the fakes of two
    generators they are correlated by `carry_over`.

    Attributes:
        trials: answers of an observer, half to real images, the rest shared by `generators`.
        between_sd: SD of observers' own error rates; 0.06 to 0.10 in published studies.
        images: different images of each generator, and real ones, in the study; None if so many
            that few are seen twice.
        image_sd: SD of images' own error rates, which matters with few images; about 0.10 in
            published studies.
        carry_over: 0 to 1; 0.5 is a guess on the careful side.

    Raises:
        ValueError: an attribute is out of its range.
    """

    trials: int = 100
    generators: int = 2
    between_sd: float = 0.08
    images: int | None = None
    image_sd: float = 0.10
    carry_over: float = 0.5

    def __post_init__(self) -> None:
        if self.generators < 1:
            raise ValueError(f"generators must be at least 1, got {self.generators}")
        if self.trials < 2 * self.generators:
            least = f"{self.generators} generators need at least {2 * self.generators} trials"
            raise ValueError(f"{least}, got {self.trials}")
        for name, most in (("between_sd", 0.5), ("image_sd", 0.5), ("carry_over", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 0 to {most}, got {getattr(self, name)}")
        if self.trials > MOST_TRIALS:
            raise ValueError(f"trials must be at most {MOST_TRIALS:,}, got {self.trials}")
        if self.images is not None and self.images < self.reals:
            least = f"an observer sees {self.reals} different real images"
            raise ValueError(f"{least}, so images must be at least as many, got {self.images}")

    @property
    def reals(self) -> int:
        """Real images that an observer judges."""
        return self.trials // 2

    @property
    def fakes(self) -> int:
        """Fakes of each generator that an observer judges."""
        return (self.trials - self.reals) // self.generators

    @property
    def image_variance(self) -> float:
        """Variance of an error rate, or of two generators' difference, that no observer removes.

        Error rates are the mean of those on fakes and on reals; differences have the reals in
        common. Each comes to image_sd² / (2 images).
        """
        return self.image_sd**2 / (2 * self.images) if self.images else 0.0


@dataclass(frozen=True)
class Cost:
    """What one observer takes: time a trial, and pay for finishing and for each right answer.

    Raises:
        ValueError: one is below 0, or infinite.
    """

    seconds_per_trial: float = 3.0
    base: float = 0.0
    bonus: float = 0.0

    def __post_init__(self) -> None:
        for name in ("seconds_per_trial", "base", "bonus"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be finite and at least 0, got {getattr(self, name)}")


@dataclass(frozen=True)
class Step:
    """What so many observers give: ± points of a typical interval, or the power."""

    observers: int
    reached: float


@dataclass(frozen=True)
class Plan:
    """How many observers a goal needs, and what they take.

    Attributes:
        goal: in words. measure: what the steps reached.
        observers: None if no number up to 8,192 will do, as `reason` says.
        steps: the numbers of observers that were simulated, fewest first.
        minutes: of one observer. hours, pay: of all observers.
    """

    goal: str
    measure: str
    observers: int | None
    steps: tuple[Step, ...]
    minutes: float
    hours: float | None
    pay: float | None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def plan_width(
    points: float = 5.0,
    error_rate: float = 0.3,
    *,
    assumptions: Assumptions | None = None,
    cost: Cost | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Plan:
    """Observers needed for a typical interval of an error rate of ± so many points.

    For each number of observers, studies are simulated and the root mean square of their
    intervals' half-widths is taken: by Student's t over observers' own error rates, and the images'
    variance.

    Raises:
        ValueError: points, error_rate or confidence is out of range, or people cannot differ so much.

    >>> plan_width(5).observers
    17
    """
    assumptions, cost = assumptions or Assumptions(), cost or Cost()
    _require("points", points, 0, 50)
    _require("confidence", confidence, 0, 1)
    rates = _own_errors(assumptions, (error_rate,), seed)[0]

    def half_width(observers: int) -> float:
        variances = _variances(_studies(rates, observers), assumptions)
        return float(np.sqrt(variances.mean())) * _critical(confidence, observers) * 100

    steps = _search(half_width, lambda reached: reached <= points)
    observers = _interpolated(steps, points, lambda width: 1 / width**2)
    goal = (f"an error rate near {error_rate:.1%} within ± {points:g} points", "± points")
    return _costed(goal, steps, observers, assumptions, cost, error_rate)


def plan_difference(
    first: float,
    second: float,
    *,
    power: float = 0.8,
    assumptions: Assumptions | None = None,
    cost: Cost | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Plan:
    """Observers needed to tell two generators apart, all observers judging both.

    For each number of observers, studies are simulated and it is counted how many tell the two
    error rates apart by Student's t over observers' own differences, as one pair of all the
    generators' pairs (Bonferroni's level, which Holm's correction never falls below).

    Args:
        first, second: the true error rates; reals are thought to be judged as well as both fakes
            are on average.
        power: the share of studies that must tell them apart.

    Raises:
        ValueError: the error rates are equal or too far apart, or an argument is out of range.

    >>> plan_difference(0.25, 0.30).observers
    24
    """
    assumptions, cost = assumptions or Assumptions(), cost or Cost()
    _require("power", power, 0, 1)
    _require("confidence", confidence, 0, 1)
    if first == second:
        raise ValueError(f"two error rates that differ are needed, got {first} and {second}")
    if assumptions.generators < 2:
        raise ValueError(f"generators must be at least 2, got {assumptions.generators}")
    pairs = assumptions.generators * (assumptions.generators - 1) // 2
    level = 1 - (1 - confidence) / pairs
    differences = np.subtract(*_own_errors(assumptions, (first, second), seed))
    rng = np.random.default_rng([seed, 1])

    def share_told(observers: int) -> float:
        studies = _studies(differences, observers)
        images = rng.normal(0, np.sqrt(assumptions.image_variance), len(studies))
        errors = np.sqrt(_variances(studies, assumptions))
        found = np.abs(studies.mean(axis=1) + images)
        told = (found > _critical(level, observers) * errors) & (errors > 0)
        return float((told.sum() + 0.5) / (len(studies) + 1))

    steps = _search(share_told, lambda reached: reached >= power)
    observers = _interpolated(steps, power, ndtri)
    goal = (f"{first:.1%} told from {second:.1%} in {power:.0%} of studies", "power")
    return _costed(goal, steps, observers, assumptions, cost, (first + second) / 2)


def spread_for(error_rate: float, sd: float) -> float:
    """The spread b at which Φ(h √(1 + b²) + b × skill), h = Φ⁻¹(error_rate), has this SD.

    Its mean over normal skills is error_rate for every b.

    Raises:
        ValueError: error rates of this mean cannot have so large an SD.

    >>> round(spread_for(0.5, 0.288675), 3)
    1.0
    """
    from scipy.optimize import brentq  # slow to read, and few pages plan

    if sd == 0:
        return 0.0
    h = ndtri(error_rate)

    def excess(spread: float) -> float:
        rates = ndtr(h * np.sqrt(1 + spread**2) + spread * NODES)
        second = rates**2 @ NODE_WEIGHTS / NODE_WEIGHTS.sum()
        return float(second - error_rate**2 - sd**2)

    if excess(LARGEST_SPREAD) <= 0:
        raise ValueError(f"rates with mean {error_rate:g} cannot have an SD of {sd:.3g}")
    return float(brentq(excess, 0.0, LARGEST_SPREAD))


def _require(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise ValueError(f"{name} must be between {low} and {high}, got {value}")


def _own_errors(
    assumptions: Assumptions, error_rates: tuple[float, ...], seed: int
) -> tuple[Floats, ...]:
    """For each generator (PEOPLE,) the error rates that simulated observers come to."""
    for rate in error_rates:
        _require("error_rate", rate, 0, 1)
    real = float(np.mean(error_rates))
    fakes = [2 * rate - real for rate in error_rates]
    for rate in fakes:
        if not 0 < rate < 1:
            raise ValueError(f"error rates of {error_rates} need fakes with an error of {rate:.3g}")
    spread = spread_for(real, np.sqrt(2) * assumptions.between_sd)
    rng = np.random.default_rng([seed, 0])

    def observed(mean: float, skill: Floats, trials: int) -> Floats:
        chance = ndtr(ndtri(mean) * np.sqrt(1 + spread**2) + spread * skill)
        return np.asarray(rng.binomial(trials, chance) / trials)

    on_reals = observed(real, rng.normal(size=PEOPLE), assumptions.reals)
    common, carried = rng.normal(size=PEOPLE), assumptions.carry_over
    own = (rng.normal(size=PEOPLE) for _ in fakes)
    skills = (np.sqrt(carried) * common + np.sqrt(1 - carried) * skill for skill in own)
    return tuple(
        (observed(mean, skill, assumptions.fakes) + on_reals) / 2
        for mean, skill in zip(fakes, skills, strict=True)
    )


def _studies(values: Floats, observers: int) -> Floats:
    """(studies, observers): the simulated people, so many to a study."""
    return values[: PEOPLE // observers * observers].reshape(-1, observers)


def _variances(studies: Floats, assumptions: Assumptions) -> Floats:
    """(studies,) squared standard errors of their means, as each study would find them."""
    own = studies.var(axis=1, ddof=1) / studies.shape[1]
    return np.asarray(own + assumptions.image_variance)


def _critical(confidence: float, observers: int) -> float:
    return float(stdtrit(observers - 1, (1 + confidence) / 2))


def _search(reached: Callable[[int], float], enough: Callable[[float], bool]) -> tuple[Step, ...]:
    """Growing numbers of observers, up to the first that is enough."""
    steps = []
    for observers in _growing():
        steps.append(Step(observers, reached(observers)))
        if enough(steps[-1].reached):
            break
    return tuple(steps)


def _growing() -> Iterator[int]:
    count = float(FEWEST)
    while count <= MOST:
        yield round(count)
        count *= GROWTH


def _interpolated(
    steps: tuple[Step, ...], goal: float, grows: Callable[[float], float]
) -> int | None:
    """The number of observers that just reaches the goal; None if the last step does not.

    Args:
        grows: turns what is reached into what grows about evenly with the number of observers.
    """
    wanted, reached = grows(goal), [grows(step.reached) for step in steps]
    if reached[-1] < wanted:
        return None
    return int(np.ceil(np.interp(wanted, reached[-2:], [step.observers for step in steps[-2:]])))


def _costed(
    goal: tuple[str, str],
    steps: tuple[Step, ...],
    observers: int | None,
    assumptions: Assumptions,
    cost: Cost,
    error_rate: float,
) -> Plan:
    minutes = assumptions.trials * cost.seconds_per_trial / 60
    pay = cost.base + cost.bonus * assumptions.trials * (1 - error_rate)
    if observers is None:
        return Plan(*goal, None, steps, minutes, None, None, _reason(assumptions))
    return Plan(*goal, observers, steps, minutes, observers * minutes / 60, observers * pay)


def _reason(assumptions: Assumptions) -> str:
    if assumptions.images is None:
        return f"not reached with {MOST} observers"
    return f"not reached with {MOST} observers: {assumptions.images} images are too few"
