"""How often 95 % intervals hold the truth: simulated studies of known truth, scored as any other."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from tqdm import tqdm

from scoring.columns import Text, as_text
from scoring.score import Estimate, GeneratorScore, score
from scoring.table import COLUMNS, TrialTable

Floats = NDArray[np.float64]

MEASURES = ("error_rate", "fake_error", "real_error", "d_prime")
TARGET = (0.93, 0.97)
GENERATOR = "gan"


@dataclass(frozen=True)
class Design:
    """A study, and the population that its observers and images are drawn from.

    Evidence that an image is fake is N(±d′/2 - look, 1), + for fakes; above the observer's
    criterion the answer is "fake". d′, criterion and look are normal with the SDs below.

    Attributes:
        images, real_images: in the pools. seen: images of either that an observer sees.
        others_seen: images that an observer also sees of another generator, in the same block.
        seen_sd: SD of the logarithm of how many an observer sees; 0 is balanced.
    """

    name: str
    observers: int
    images: int
    real_images: int
    seen: int
    d_prime: float
    criterion: float = 0.0
    d_prime_sd: float = 0.3
    criterion_sd: float = 0.2
    look_sd: float = 0.4
    others_seen: int = 0
    seen_sd: float = 0.0

    def truth(self) -> dict[str, float]:
        """What every measure is in the population, by closed form."""
        spread = np.sqrt(1 + self.d_prime_sd**2 / 4 + self.criterion_sd**2 + self.look_sd**2)
        missed = float(ndtr((self.criterion - self.d_prime / 2) / spread))
        doubted = float(ndtr((-self.criterion - self.d_prime / 2) / spread))
        return {
            "error_rate": (missed + doubted) / 2,
            "fake_error": missed,
            "real_error": doubted,
            "d_prime": float(-ndtri(missed) - ndtri(doubted)),
        }


DESIGNS = (
    Design("all see all", 40, 60, 60, 60, d_prime=1.2),
    Design("few observers", 8, 200, 200, 100, d_prime=1.2),
    Design("few images", 60, 12, 12, 12, d_prime=1.2),
    Design("many observers, few answers", 150, 400, 400, 10, d_prime=1.2),
    Design("nothing differs", 30, 100, 100, 40, d_prime=1.2, d_prime_sd=0, criterion_sd=0, look_sd=0),
    Design("observers differ much", 30, 300, 300, 50, d_prime=1.2, d_prime_sd=0.8, criterion_sd=0.5),
    Design("5 % errors", 40, 100, 100, 50, d_prime=3.6, criterion_sd=0.15),
    Design("40 % errors", 40, 100, 100, 50, d_prime=0.56, criterion=0.3),
    Design("unbalanced", 40, 100, 60, 40, d_prime=1.2, others_seen=20, seen_sd=0.6),
)


def simulate(design: Design, seed: int) -> TrialTable:
    """One study: its observers and images are drawn anew with every seed."""
    rng = np.random.default_rng(seed)
    d_prime = rng.normal(design.d_prime, design.d_prime_sd, design.observers)
    criterion = rng.normal(design.criterion, design.criterion_sd, design.observers)
    pace = np.exp(design.seen_sd * rng.normal(size=design.observers))
    own, others = (_seen(pace * many) for many in (design.seen, design.others_seen))
    pools = [(GENERATOR, design.images, own), ("", design.real_images, own + others)]
    if design.others_seen:
        pools.append(("other", design.images, others))
    parts = [
        _answers(name, _shown(images, seen, rng), d_prime, criterion, design.look_sd, rng)
        for name, images, seen in pools
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    count = len(columns["observer"])
    blank = {"text": as_text([""] * count), "number": np.full(count, np.nan)}
    numeric = ("position", "rt_ms", "exposure_ms", "shown_ms")
    return TrialTable(
        *(columns.get(name, blank["number" if name in numeric else "text"]) for name in COLUMNS)
    )


def _seen(wanted):
    return np.maximum(np.rint(wanted), 0).astype(np.intp)


def _shown(images, seen, rng):
    """Each observer sees random images, none twice."""
    places = rng.random((len(seen), images)).argsort(axis=1)
    return places < seen[:, None]


def _answers(name, shown, d_prime, criterion, look_sd, rng):
    observer, image = np.nonzero(shown)
    look = rng.normal(0, look_sd, shown.shape[1])
    side = 0.5 if name else -0.5
    evidence = side * d_prime[observer] - look[image] + rng.normal(size=len(observer))
    truths = as_text(["real", "fake"])
    said = truths[(evidence > criterion[observer]).astype(np.intp)]
    ids = as_text(f"{name}{number}" for number in range(shown.shape[1]))
    people = as_text(f"o{number}" for number in range(shown.shape[0]))
    everywhere = np.zeros(len(observer), dtype=np.intp)
    return {
        "observer": people[observer],
        "stimulus": ids[image],
        "generator": as_text([name])[everywhere],
        "truth": truths[[1 if name else 0]][everywhere],
        "response": said,
    }
