"""How fast the attacks are beside Foolbox and torchattacks, and how often they fool, in one run.

Every side takes the same weights, images, ε and steps, and is timed from images to which of them fool.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from bench.attacks_case import CASES, Case, network
from bench.attacks_peers import PEERS
from bench.machine import machine
from bench.metrics_environment import Peers, find_peers
from bench.metrics_process import Done, Outcome, Task, TaskFailed, alternate, attempt, side
from classifiers.training import as_input
from generators.adversarial.defences.fitting import fit
from generators.adversarial.defences.objectives import plain
from pools.sources import load

PINS = Path(__file__).with_name("attacks_peers.txt")
MODULE = "bench.attacks_peers"
OURS = "ours"
DATA = "mnist"
TRAINING_STEPS = 300


def prepare(folder: Path, images: int) -> dict[str, str]:
    """Train the network once, by seed, and keep it with the images; return where."""
    train, test = load(DATA), load(DATA, split="test", limit=images)
    assert train.labels is not None
    assert test.labels is not None
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = network()
    fit(made, plain, as_input(train.images), torch.from_numpy(train.labels), steps=TRAINING_STEPS)
    paths = {name: str(folder / name) for name in ("weights.pt", "images.npy", "labels.npy")}
    torch.save(made.state_dict(), paths["weights.pt"])
    np.save(paths["images.npy"], as_input(test.images).contiguous().numpy())
    np.save(paths["labels.npy"], test.labels)
    return {Path(path).stem: path for path in paths.values()}


def measure(cases: Sequence[Case], repeats: int, images: int, peers: Peers) -> dict[str, Any]:
    """Return all that is printed."""
    before = machine()
    with tempfile.TemporaryDirectory(prefix="bench-attacks-") as folder:
        given = prepare(Path(folder), images)
        rows = [compare(case, given, repeats, peers) for case in cases]
    return {
        "rows": rows,
        "images": images,
        "repeats": repeats,
        "machine": before | {"load_at_the_end": machine()["load"]},
        "versions": {
            "ours": {"torch": version("torch")},
            "peers": peers.versions,
            "absent": peers.absent,
        },
    }


def compare(case: Case, given: Mapping[str, str], repeats: int, peers: Peers) -> dict[str, Any]:
    """Have all sides do a case in turn, each in its own process on one core; keep the medians."""
    print(f"timing {case.name}", file=sys.stderr, flush=True)
    core = sorted(os.sched_getaffinity(0))[:1]
    sides = {OURS: (Path(sys.executable), "bench.attacks_ours")}
    absent: dict[str, Outcome] = dict(peers.absent)
    if peers.python is not None:
        sides |= {name: (peers.python, MODULE) for name in PEERS if name not in absent}
    with ExitStack() as stack:
        turns = {}
        for name, (python, module) in sides.items():
            process = stack.enter_context(side(python, module, core))
            task = Task(name, {"case": asdict(case), **given})
            try:
                process.prepare(task)
                process.do(task)  # the first time is slower
            except TaskFailed as error:
                absent[name] = str(error)
            else:
                turns[name] = partial(attempt, process, task)
        found = dict(zip(turns, alternate(list(turns.values()), repeats), strict=True))
    return row(case, found | absent)


def row(case: Case, found: Mapping[str, Outcome]) -> dict[str, Any]:
    """Seconds and success rates of each side, and how many times ours the peers' seconds are."""
    ours = found[OURS]
    if not isinstance(ours, Done):
        raise TaskFailed(ours)
    return asdict(case) | {
        "ours": {"seconds": ours.seconds, "cpu_s": ours.cpu_s, "success": ours.value},
        "peers": {name: _beside(ours, found[name]) for name in PEERS},
    }


def _beside(ours: Done, peer: Outcome) -> dict[str, Any]:
    if isinstance(peer, str):
        return {"absent": peer}
    return {
        "seconds": peer.seconds,
        "cpu_s": peer.cpu_s,
        "success": peer.value,
        "ratio": peer.seconds / ours.seconds,
        "cpu_ratio": peer.cpu_s / ours.cpu_s,
    }


def as_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """What people read."""
    return "\n".join(_line(row) for row in rows)


def _line(row: Mapping[str, Any]) -> str:
    ours = row["ours"]
    beside = "; ".join(_words(name, peer) for name, peer in row["peers"].items())
    return f"{row['name']}: {ours['seconds']:.3g} s, {ours['success']:.1%} fooled; {beside}"


def _words(name: str, peer: Mapping[str, Any]) -> str:
    if "absent" in peer:
        return f"{name} absent: {peer['absent']}"
    return (
        f"{name} {peer['seconds']:.3g} s, {peer['success']:.1%}: {peer['ratio']:.2f} × "
        f"({peer['cpu_ratio']:.2f} × in cpu time)"
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options; exits with a line for those that make no sense."""
    parser = argparse.ArgumentParser(prog="python -m bench.attacks", description=__doc__)
    names = [case.name for case in CASES]
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="ATTACK")
    parser.add_argument(
        "--repeats", type=int, default=5, metavar="N", help="turns of each side (default: 5)"
    )
    parser.add_argument(
        "--images", type=int, default=1_000, metavar="N", help="attacked (default: 1000)"
    )
    options = parser.parse_args(arguments)
    for name in ("repeats", "images"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    return options


def main() -> None:
    """Measure and print."""
    options = parse()
    cases = [case for case in CASES if case.name in options.only]
    result = measure(cases, options.repeats, options.images, find_peers(PINS, MODULE, PEERS))
    print(json.dumps(result, indent=2) if options.json else as_lines(result["rows"]))


if __name__ == "__main__":
    main()
