"""How fast trials are scored: many at once, beside a plain loop, and a few more on a live board."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from scoring.columns import Text, as_text, factorise
from scoring.dictionary import NUMERIC
from scoring.live import Live
from scoring.score import score
from scoring.table import COLUMNS, TrialTable

Codes = NDArray[np.intp]
Floats = NDArray[np.float64]

IMAGES, REAL_IMAGES, BLOCKS = 500, 5000, 5
LOOP_DRAWS = 20
LIVE_TRIALS = (10_000, 100_000, 1_000_000)
NEWCOMERS = 5


@dataclass(frozen=True)
class Study:
    """Observers who each see as many reals as fakes, and of every generator as many fakes."""

    observers: int
    generators: int = 50
    trials_each: int = 1000

    def table(self, seed: int = 0) -> TrialTable:
        """Random answers in blocks of all generators; the later a generator, the more it fools."""
        rng = np.random.default_rng(seed)
        trial = np.tile(np.arange(self.trials_each), self.observers)
        observer = np.repeat(np.arange(self.observers), self.trials_each)
        fake = trial % 2 == 1
        pair = trial // 2
        generator = np.where(fake, pair % self.generators, self.generators)
        start = rng.integers(REAL_IMAGES, size=self.observers)[observer]
        image = np.where(
            fake, (start + pair // self.generators) % IMAGES, (start + pair) % REAL_IMAGES
        )
        fooled = np.where(fake, 0.1 + 0.4 * generator / self.generators, 0.2)
        wrong = rng.random(len(trial)) < fooled
        truths = as_text(["real", "fake"])
        return _table(
            observer=_ids("observer", self.observers)[observer],
            block=_ids("block", BLOCKS)[trial * BLOCKS // self.trials_each],
            stimulus=_ids("image", (self.generators + 10) * IMAGES)[generator * IMAGES + image],
            generator=as_text([*_ids("generator", self.generators), ""])[generator],
            truth=truths[fake.astype(np.intp)],
            response=truths[(fake ^ wrong).astype(np.intp)],
            rt_ms=rng.lognormal(6.8, 0.4, len(trial)).round(1),
        )


def _ids(name: str, count: int) -> Text:
    return as_text(f"{name} {number:06}" for number in range(count))


def _table(**columns: NDArray[Any]) -> TrialTable:
    """The columns as a table; it is made to be right, so nothing is checked."""
    count = len(columns["observer"])
    text = as_text([""])[np.zeros(count, dtype=np.intp)]
    empty = {name: np.full(count, np.nan) if name in NUMERIC else text for name in COLUMNS}
    return TrialTable(**(empty | columns))


def plain_loop(table: TrialTable) -> Callable[[np.random.Generator], Floats]:
    """Resampling as one would write it: weights for a draw, then weighted means, draw by draw.

    Returns:
        One draw: (2, G) error rates, of observers × images and of observers alone.
    """
    names, generator = factorise(table.generator)
    observers, observer = factorise(table.observer)
    images, image = factorise(table.stimulus)
    cells, cell = factorise(table.observer + table.block)
    fake, wrong = np.flatnonzero(generator), table.wrong
    real = np.flatnonzero(generator == 0)
    shown = np.zeros((len(names) - 1, len(cells)))
    np.add.at(shown, (generator[fake] - 1, cell[fake]), 1)
    share = shown / shown.sum(axis=0)
    wrong_fake, wrong_real = fake[wrong[fake]], real[wrong[real]]

    def rates(weight: Floats) -> Floats:
        def fakes(rows: Codes) -> Floats:
            return np.bincount(generator[rows] - 1, weight[rows], len(names) - 1)

        def reals(rows: Codes) -> Floats:
            return share @ np.bincount(cell[rows], weight[rows], len(cells))

        return (fakes(wrong_fake) + reals(wrong_real)) / (fakes(fake) + reals(real))

    def draw(rng: np.random.Generator) -> Floats:
        by_observer = rng.multinomial(len(observers), np.full(len(observers), 1 / len(observers)))
        by_image = rng.multinomial(len(images), np.full(len(images), 1 / len(images)))
        weight = by_observer[observer].astype(np.float64)
        return np.array([rates(weight * by_image[image]), rates(weight)])

    return draw


def time_loop(table: TrialTable, draws: int) -> float:
    """Seconds that the plain loop needs for `draws`, from fewer."""
    draw, rng = plain_loop(table), np.random.default_rng(0)
    draw(rng)
    start = time.perf_counter()
    for _ in range(LOOP_DRAWS):
        draw(rng)
    return (time.perf_counter() - start) / LOOP_DRAWS * draws


def time_score(table: TrialTable, draws: int) -> float:
    """Seconds to score the table."""
    start = time.perf_counter()
    with tqdm(total=draws, desc="scoring", file=sys.stderr) as bar:
        score(table, draws=draws, progress=lambda done, _: bar.update(done - bar.n))
    return time.perf_counter() - start


@dataclass(frozen=True)
class LiveCost:
    """What one more observer costs a live board when `trials` are there; medians of several."""

    trials: int
    put_ms: float
    scores_ms: float
    us_per_trial: float


def time_live(study: Study, there: Sequence[int], draws: int) -> Iterator[LiveCost]:
    """Observers' trials are put one after another; timed once so many trials are there."""
    table = study.table()
    by_observer = np.split(np.argsort(table.observer, kind="stable"), study.observers)
    arrivals = ((table.observer[rows[0]], table.where(rows)) for rows in by_observer)
    live, count = Live(draws=draws), 0
    with tqdm(total=max(there), desc="live", unit=" trials", file=sys.stderr) as bar:
        for wanted in there:
            while count < wanted:
                live.put(*next(arrivals))
                count += study.trials_each
                bar.update(study.trials_each)
            put_ms, scores_ms = _one_more(live, arrivals)
            count += NEWCOMERS * study.trials_each
            yield LiveCost(
                wanted, put_ms, scores_ms, (put_ms + scores_ms) * 1e3 / study.trials_each
            )


def _one_more(live: Live, arrivals: Iterator[tuple[str, TrialTable]]) -> tuple[float, float]:
    """Median ms to put an observer's trials, and to score all."""
    times = []
    for _ in range(NEWCOMERS):
        arrival = next(arrivals)
        start = time.perf_counter()
        live.put(*arrival)
        put = time.perf_counter()
        live.scores()
        times.append((put - start, time.perf_counter() - put))
    put_ms, scores_ms = np.median(times, axis=0) * 1e3
    return float(put_ms), float(scores_ms)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All that is printed."""
    table = Study(options.trials // 1000).table()
    table_mb = _peak_mb()
    seconds = time_score(table, options.draws)
    peak_mb = _peak_mb()
    loop = time_loop(table, options.draws)
    del table
    there = [trials for trials in LIVE_TRIALS if trials <= options.trials]
    everyone = Study(options.trials // 1000 + NEWCOMERS)
    live = list(time_live(everyone, there, options.draws))
    return {
        "trials": options.trials,
        "observers": options.trials // 1000,
        "generators": Study(1).generators,
        "draws": options.draws,
        "seconds": seconds,
        "peak_mb": peak_mb,
        "table_mb": table_mb,
        "loop_seconds": loop,
        "loop_draws_timed": LOOP_DRAWS,
        "speedup": loop / seconds,
        "live": [asdict(cost) for cost in live],
        "live_ratio": live[-1].us_per_trial / live[0].us_per_trial,
        "processors": os.cpu_count(),
    }


def _peak_mb() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def as_text_lines(found: dict[str, Any]) -> str:
    """The measurement in words."""
    return "\n".join(
        [
            f"{found['trials']:,} trials, {found['observers']:,} observers, {found['generators']} "
            f"generators, {found['draws']:,} draws on {found['processors']} processors",
            f"scored in {found['seconds']:.1f} s, at most {found['peak_mb']:.0f} MB "
            f"(the table alone: {found['table_mb']:.0f} MB)",
            f"a plain loop over draws: {found['loop_seconds']:.0f} s "
            f"({found['loop_draws_timed']} draws timed), {found['speedup']:.0f} times as long",
            "one more observer on a live board:",
            *(
                f"  {cost['trials']:>9,} trials there: {cost['put_ms']:.0f} ms to put, "
                f"{cost['scores_ms']:.0f} ms to score, {cost['us_per_trial']:.0f} µs a trial"
                for cost in found["live"]
            ),
        ]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.scoring", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument(
        "--trials", type=int, default=1_000_000, metavar="N", help="at least 10,000"
    )
    parser.add_argument("--draws", type=int, default=10_000, metavar="N", help="bootstrap draws")
    options = parser.parse_args()
    if options.trials < min(LIVE_TRIALS):
        parser.error(f"--trials must be at least {min(LIVE_TRIALS)}, got {options.trials}")
    found = measure(options)
    print(json.dumps(found, indent=2) if options.json else as_text_lines(found))


if __name__ == "__main__":
    main()
