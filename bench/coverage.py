"""How often 95 % intervals hold the truth: simulated studies of known truth, scored as any other."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from tqdm import tqdm

from scoring.columns import as_text
from scoring.dictionary import NUMERIC
from scoring.score import score
from scoring.simulate import SimulatedObserver, simulate_response
from scoring.staircase import RULES, thresholds
from scoring.table import COLUMNS, TrialTable

Floats = NDArray[np.float64]
Interval = tuple[float, float] | None

RATES = ("error_rate", "fake_error", "real_error", "d_prime")
WANTED = (0.93, 0.97)
GENERATOR, OTHER = "gan", "other"
QUANTILES = 1000


@dataclass(frozen=True)
class Found:
    """What one study gives for one measure.

    Attributes:
        interval: the one that is shown first.
        published: the one that HYPE has: over observers alone, and for thresholds of modal exposures.
    """

    interval: Interval
    published: Interval = None


@dataclass(frozen=True)
class Rates:
    """A study of error rates, and the population that its observers and images are drawn from.

    Evidence that an image is fake is N(±d′/2 - look, 1), + for fakes; above the observer's
    criterion the answer is "fake". d′, criterion and look are normal.

    Attributes:
        images, real_images: in the pools. seen: fakes that an observer sees, and as many reals.
        others_seen: fakes of another generator, of the same d′, in the same block, with their reals.
        seen_sd: SD of the logarithm of how many an observer sees; 0 is balanced.
    """

    name: str
    observers: int
    images: int
    real_images: int
    seen: int
    d_prime: float = 1.2
    criterion: float = 0.0
    d_prime_sd: float = 0.3
    criterion_sd: float = 0.2
    look_sd: float = 0.4
    others_seen: int = 0
    seen_sd: float = 0.0

    def truth(self) -> dict[str, float]:
        """Every measure in the population, by closed form."""
        spread = np.sqrt(1 + self.d_prime_sd**2 / 4 + self.criterion_sd**2 + self.look_sd**2)
        missed = float(ndtr((self.criterion - self.d_prime / 2) / spread))
        doubted = float(ndtr((-self.criterion - self.d_prime / 2) / spread))
        return {
            "error_rate": (missed + doubted) / 2,
            "fake_error": missed,
            "real_error": doubted,
            "d_prime": float(-ndtri(missed) - ndtri(doubted)),
        } | ({"difference": 0.0} if self.others_seen else {})

    def study(self, seed: int, draws: int) -> dict[str, Found]:
        """The intervals of one simulated study."""
        scores = score(self.table(seed), draws=draws, seed=seed, staircase=None)
        row = next(own for own in scores.generators if own.generator == GENERATOR)
        estimates = {name: getattr(row, name) for name in RATES}
        found = {
            name: Found(
                _interval(own.low, own.high), _interval(own.observers_low, own.observers_high)
            )
            for name, own in estimates.items()
        }
        if scores.differences:
            pair = scores.differences[0]
            found["difference"] = Found(_interval(pair.low, pair.high))
        return found

    def table(self, seed: int) -> TrialTable:
        """One study's trials: its observers and images are drawn anew with every seed."""
        rng = np.random.default_rng(seed)
        judges = rng.normal(
            (self.d_prime, self.criterion),
            (self.d_prime_sd, self.criterion_sd),
            (self.observers, 2),
        )
        pace = np.exp(self.seen_sd * rng.normal(size=self.observers))
        own, others = (np.rint(pace * many).astype(int) for many in (self.seen, self.others_seen))
        pools = {
            GENERATOR: (self.images, own),
            OTHER: (self.images, others),
            "": (self.real_images, own + others),
        }
        parts = [self._answers(name, *pool, judges, rng) for name, pool in pools.items()]
        return _table({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    def _answers(
        self,
        generator: str,
        images: int,
        seen: NDArray[Any],
        judges: Floats,
        rng: np.random.Generator,
    ) -> dict[str, NDArray[Any]]:
        """Answers to one pool, of which each observer sees random images, none twice."""
        order = rng.random((self.observers, images)).argsort(axis=1)
        observer, image = np.nonzero(order < seen[:, None])
        d_prime, criterion = judges[observer].T
        look = rng.normal(0, self.look_sd, images)[image]
        fake = np.full(len(image), bool(generator))
        evidence = np.where(fake, d_prime, -d_prime) / 2 - look + rng.normal(size=len(image))
        words = as_text(["real", "fake"])
        return {
            "observer": as_text(map(str, range(self.observers)))[observer],
            "stimulus": as_text(f"{generator}{number}" for number in range(images))[image],
            "generator": as_text([generator] * len(image)),
            "truth": words[fake.astype(int)],
            "response": words[(evidence > criterion).astype(int)],
        }


@dataclass(frozen=True)
class Flash:
    """A study of thresholds: observers of different d′, each a block run by the weighted rule."""

    name: str
    observers: int
    trials: int = 150
    d_prime: float = 4.0
    d_prime_sd: float = 0.4
    tau_ms: float = 600.0

    def truth(self) -> dict[str, float]:
        """The mean of the observers' thresholds in the population, none beyond the longest exposure."""
        quantiles = ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
        limits = [self._limit_ms(self.d_prime + self.d_prime_sd * own) for own in quantiles]
        return {"threshold": float(np.mean(limits))}

    def study(self, seed: int, draws: int) -> dict[str, Found]:
        """The intervals of one simulated study."""
        found = thresholds(self.table(seed), draws=draws, seed=seed)[GENERATOR]
        fit, modal = found.fit_ms, found.mean_ms
        published = modal and _interval(modal.low, modal.high)
        return {"threshold": Found(_interval(fit.low, fit.high), published)}

    def table(self, seed: int) -> TrialTable:
        """One study's trials."""
        rng = np.random.default_rng(seed)
        d_primes = rng.normal(self.d_prime, self.d_prime_sd, self.observers)
        rows = [
            row
            for number, d_prime in enumerate(d_primes)
            for row in self._block(str(number), self.observer(d_prime), rng)
        ]
        names = ("observer", "stimulus", "generator", "truth", "response", "exposure_ms")
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        return _table(
            {
                name: np.array(column) if name in NUMERIC else as_text(column)
                for name, column in columns.items()
            }
        )

    def observer(self, d_prime: float) -> SimulatedObserver:
        """An observer of this d′."""
        return SimulatedObserver(dprime=float(d_prime), tau_ms=self.tau_ms)

    def _limit_ms(self, d_prime: float) -> float:
        observer, rule = self.observer(d_prime), RULES["weighted"]
        reached = ndtr(observer.dprime_at(rule.ceiling_ms) / 2) > rule.share_right
        return observer.threshold_ms(rule.share_right) if reached else rule.ceiling_ms

    def _block(
        self, name: str, observer: SimulatedObserver, rng: np.random.Generator
    ) -> Iterator[tuple[Any, ...]]:
        last: list[tuple[float, bool]] = []  # all that the rule looks at
        for trial in range(self.trials):
            exposure_ms = RULES["weighted"].next_ms(last)
            truth, generator = (("real", ""), ("fake", GENERATOR))[trial % 2]
            answer = simulate_response(observer, truth=truth, exposure_ms=exposure_ms, rng=rng)
            last = [(exposure_ms, answer.response == truth)]
            yield name, f"{truth} {trial}", generator, truth, answer.response, exposure_ms


DESIGNS: tuple[Rates | Flash, ...] = (
    Rates("all see all", observers=40, images=60, real_images=60, seen=60),
    Rates("few observers", observers=8, images=200, real_images=200, seen=100),
    Rates("few images", observers=60, images=12, real_images=12, seen=12),
    Rates("many observers", observers=150, images=400, real_images=400, seen=10),
    Rates("no spread", 30, 100, 100, 40, d_prime_sd=0.0, criterion_sd=0.0, look_sd=0.0),
    Rates("observers differ", 30, 300, 300, 50, d_prime_sd=0.8, criterion_sd=0.5),
    Rates("5 % errors", 40, 100, 100, 50, d_prime=3.6, criterion_sd=0.15),
    Rates("40 % errors", 40, 100, 100, 50, d_prime=0.56, criterion=0.3),
    Rates("unbalanced", 40, 100, 200, 40, others_seen=20, seen_sd=0.6),
    Flash("flash", observers=20),
    Flash("hard images", observers=20, d_prime=2.2, tau_ms=300.0),
)


@dataclass(frozen=True)
class Coverage:
    """How many intervals held the truth, of those studies that gave one; None if none did.

    Attributes:
        held: of the intervals shown first. too_high, too_low: of those that lay above the truth, and
            below. published: of the intervals as published.
        without: studies that gave no interval.
    """

    measure: str
    truth: float
    held: float | None
    too_high: float | None
    too_low: float | None
    published: float | None
    without: int

    @classmethod
    def of(cls, measure: str, truth: float, studies: Sequence[Found]) -> Coverage:
        """Count the studies' intervals."""
        low, high = _bounds(own.interval for own in studies)
        published_low, published_high = _bounds(own.published for own in studies)
        return cls(
            measure,
            truth,
            held=_share((low <= truth) & (truth <= high)),
            too_high=_share(low > truth),
            too_low=_share(high < truth),
            published=_share((published_low <= truth) & (truth <= published_high)),
            without=len(studies) - low.size,
        )


def _bounds(intervals: Iterable[Interval]) -> Floats:
    """(2, n) the ends of those intervals that are there."""
    return np.array([own for own in intervals if own]).reshape(-1, 2).T


def coverage(design: Rates | Flash, *, studies: int, draws: int) -> list[Coverage]:
    """Simulate studies on all processors, and count."""
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        found = processes.map(
            partial(_study, design, draws), range(studies), chunksize=max(studies // 50, 1)
        )
        listed = list(tqdm(found, desc=design.name, total=studies, file=sys.stderr))
    return [
        Coverage.of(measure, truth, [own[measure] for own in listed if measure in own])
        for measure, truth in design.truth().items()
    ]


def _study(design: Rates | Flash, draws: int, seed: int) -> dict[str, Found]:
    return design.study(seed, draws)


def _interval(low: float | None, high: float | None) -> Interval:
    return None if low is None or high is None else (low, high)


def _share(held: NDArray[np.bool_]) -> float | None:
    return float(held.mean()) if held.size else None


def _table(columns: Mapping[str, NDArray[Any]]) -> TrialTable:
    """The columns as a table; they are made to be right, so nothing is checked."""
    count = len(columns["observer"])
    text = as_text([""] * count)
    empty = {name: np.full(count, np.nan) if name in NUMERIC else text for name in COLUMNS}
    return TrialTable(**(empty | dict(columns)))


def within(covered: Sequence[Coverage]) -> bool:
    """Whether all intervals hold the truth as often as wanted."""
    return all(own.held is not None and WANTED[0] <= own.held <= WANTED[1] for own in covered)


def as_lines(name: str, covered: Sequence[Coverage]) -> str:
    """One design's coverage, in words."""
    rows = [
        f"  {own.measure:<12} {_percent(own.held)}   as published {_percent(own.published)}"
        for own in covered
    ]
    return "\n".join([name, *rows])


def _percent(share: float | None) -> str:
    return "    –" if share is None else f"{share:5.1%}"


def main() -> None:
    """Measure and print; the exit status is 1 if an interval does not cover as wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench.coverage", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--studies", type=int, default=1000, metavar="N", help="of each design")
    parser.add_argument("--draws", type=int, default=500, metavar="N", help="bootstrap draws")
    options = parser.parse_args()
    found = {
        design.name: coverage(design, studies=options.studies, draws=options.draws)
        for design in DESIGNS
    }
    good = all(within(covered) for covered in found.values())
    if options.json:
        designs = [
            {
                **asdict(design),
                "measures": [asdict(own) for own in found[design.name]],
            }
            for design in DESIGNS
        ]
        settings = {"studies": options.studies, "draws": options.draws, "wanted": WANTED}
        print(json.dumps({**settings, "all_within": good, "designs": designs}, indent=2))
    else:
        print("\n".join(as_lines(name, covered) for name, covered in found.items()))
    sys.exit(not good)


if __name__ == "__main__":
    main()
