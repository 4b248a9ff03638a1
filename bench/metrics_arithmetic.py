"""What is timed on features alone: Fréchet distances, KID, precision and its kin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metrics_process import Done, Outcome, Task
from bench.metrics_rows import Found, Quantity, Row, row_of
from bench.metrics_sides import Bench

Floats = NDArray[np.float64]

DIMENSIONS = 2048
MANY, FEW = 10_000, 1000
FRECHET_TARGETS = {
    "full rank": {"pytorch-fid": 12.0, "torch-fidelity": 3.0},
    "n < d": {"pytorch-fid": 40.0, "torch-fidelity": 10.0},
}
PAIRWISE, LARGE = 5000, 50_000
LARGE_MB = 4000
KID_TARGET, PRDC_TARGET = 4.0, 3.0
SEED = 2020
"""What torch-fidelity draws its subsets with."""


def frechet(bench: Bench) -> list[Found]:
    """Our distance beside pytorch-fid's (SciPy's sqrtm) and torch-fidelity's (NumPy's eigvals)."""
    return [
        *_frechet(bench, "full rank", full_rank(MANY)),
        *_frechet(bench, "n < d", few(FEW)),
        _with_interval(bench),
    ]


def kid(bench: Bench) -> list[Found]:
    """All pairs, and all pairs with 100 subsets beside, against the peers' 100 subsets."""
    paths = _pairwise(bench, PAIRWISE)
    peers = {
        name: Task(f"kid_{name}", paths | {"seed": SEED})
        for name in ("torch-fidelity", "torchmetrics")
    }
    (exact, both), theirs = bench.in_turn(
        bench.one_core, [_kid(paths, subsets=0), _kid(paths, subsets=100)], peers, warm=True
    )
    what = f"KID, n = {PAIRWISE:,}, d = {DIMENSIONS:,}, all pairs"
    rows = [
        row_of(what, exact, peer, outcome, target=KID_TARGET) for peer, outcome in theirs.items()
    ]
    rows += [
        row_of(
            f"{what} and 100 subsets",
            both,
            peer,
            outcome,
            **_of_equal_subsets(both, peer, outcome),
        )
        for peer, outcome in theirs.items()
    ]
    return [*rows, *_large(bench, "KID", _kid, subsets=0)]


def prdc(bench: Bench) -> list[Found]:
    """Precision, recall, density and coverage beside the package prdc."""
    paths = _pairwise(bench, PAIRWISE)
    task = _prdc(paths)
    (ours,), theirs = bench.in_turn(bench.one_core, [task], {"prdc": task}, warm=True)
    outcome = theirs["prdc"]
    error = None
    if isinstance(outcome, Done):
        error = max(abs(ours.value[name] - value) for name, value in outcome.value.items())
    what = f"precision, recall, density, coverage, n = {PAIRWISE:,}, d = {DIMENSIONS:,}"
    row = row_of(what, ours, "prdc", outcome, target=PRDC_TARGET, error=error)
    return [row, *_large(bench, "precision, recall, density, coverage", _prdc)]


def _frechet(bench: Bench, name: str, data: tuple[Mapping[str, Floats], float]) -> list[Found]:
    arrays, exact = data
    statistics = bench.path(f"{name}.npz")
    np.savez(statistics, **arrays)
    given = {"statistics": statistics}
    peers = {"pytorch-fid": Task("sqrtm", given), "torch-fidelity": Task("eigvals", given)}
    (ours,), theirs = bench.in_turn(bench.one_core, [Task("frechet", given)], peers)
    return [
        row_of(
            f"Fréchet distance, d = {DIMENSIONS:,}, {name}",
            ours,
            peer,
            outcome,
            target=FRECHET_TARGETS[name][peer],
            error=_relative(ours, exact),
            peer_error=_relative(outcome, exact),
        )
        for peer, outcome in theirs.items()
    ]


def _with_interval(bench: Bench) -> Row:
    path = bench.path("features.npz")
    rng = np.random.default_rng(1)
    real, fake = (_features(rng, MANY).astype(np.float32) for _ in range(2))
    np.savez(path, real=real, fake=fake)
    task = Task("frechet_interval", {"statistics": path})
    (ours,), _ = bench.in_turn(bench.one_core, [task], {})
    return Row(f"Fréchet distance with its interval, from {MANY:,} features a side", ours.seconds)


def full_rank(n: int) -> tuple[dict[str, Floats], float]:
    """Return the moments of n features and of their image under a map, and the exact distance.

    A symmetric positive definite map x ↦ Tx + b is the optimal transport between a Gaussian and its
    image (Brenier), so their distance is |E[Tx + b - x]|² + Tr (T - I) Σ (T - I).
    """
    rng = np.random.default_rng(0)
    rows = _features(rng, n)
    mean, covariance = rows.mean(axis=0), np.cov(rows, rowvar=False)
    there, shift = _map(rng)
    moved = there - np.eye(DIMENSIONS)
    arrays = {
        "real_mean": mean,
        "real_cov": covariance,
        "fake_mean": mean + shift,
        "fake_cov": there @ covariance @ there,
    }
    return arrays, float(shift @ shift + (moved * (covariance @ moved)).sum())


def few(n: int) -> tuple[dict[str, Floats], float]:
    """Return the same for n ≤ d, with the centred rows over √(n - 1) beside."""
    rng = np.random.default_rng(0)
    rows = _features(rng, n)
    mean = rows.mean(axis=0)
    rows = (rows - mean) / np.sqrt(n - 1)
    there, shift = _map(rng)
    image = rows @ there
    arrays = {
        "real_mean": mean,
        "real_rows": rows,
        "real_cov": rows.T @ rows,
        "fake_mean": mean + shift,
        "fake_rows": image,
        "fake_cov": image.T @ image,
    }
    return arrays, float(shift @ shift + ((image - rows) ** 2).sum())


def _map(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return T with eigenvalues from 0.8 to about 1.6, and b."""
    factor = rng.standard_normal((DIMENSIONS, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    shift = 0.01 * rng.standard_normal(DIMENSIONS)
    return 0.8 * np.eye(DIMENSIONS) + 0.2 * factor @ factor.T, shift


def _features(rng: np.random.Generator, n: int) -> Floats:
    """Features whose variances fall as 1/k, as those of a network do, none of them negative."""
    scales = 1 / np.sqrt(np.arange(1, DIMENSIONS + 1))
    return np.abs(rng.standard_normal((n, DIMENSIONS))) * scales


def _pairwise(bench: Bench, n: int) -> dict[str, str]:
    """Keep float32 features of two sets that are near each other; return their paths."""
    rng = np.random.default_rng(2)
    real, fake = (
        np.abs(rng.standard_normal((n, DIMENSIONS), np.float32)) * np.float32(scale)
        for scale in (0.5, 0.51)
    )
    return {"real": bench.kept(f"real-{n}", real), "fake": bench.kept(f"fake-{n}", fake)}


def _kid(paths: Mapping[str, str], *, subsets: int) -> Task:
    return Task("kid", {**paths, "seed": SEED, "subsets": subsets})


def _of_equal_subsets(ours: Done, peer: str, outcome: Outcome) -> dict[str, Any]:
    """Return the error against the one peer that draws its subsets as we do."""
    if peer != "torch-fidelity":
        return {}
    return {"error": _relative(outcome, ours.value), "note": "the peer's kernel is in float32"}


def _prdc(paths: Mapping[str, str]) -> Task:
    return Task("prdc", paths)


def _large(
    bench: Bench, what: str, task: Callable[..., Task], **options: int
) -> list[Row | Quantity]:
    if not bench.large:
        return []
    done = bench.once(bench.cores, task(_pairwise(bench, LARGE), **options))
    what = f"{what}, n = {LARGE:,}, d = {DIMENSIONS:,}"
    return [
        Row(what, done.seconds),
        Quantity(f"{what}: memory at most", done.peak_mb, "MB", at_most=LARGE_MB),
    ]


def _relative(outcome: Outcome, exact: float) -> float | None:
    return abs(outcome.value / exact - 1) if isinstance(outcome, Done) else None
