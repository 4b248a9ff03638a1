"""How fast and how exact the metrics are, beside the packages that people use, in one run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import metrics_arithmetic, metrics_network
from bench.machine import machine, told
from bench.metrics_environment import Peers, find_peers
from bench.metrics_rows import Found, as_lines
from bench.metrics_sides import Bench

PARTS: Mapping[str, Callable[[Bench], Sequence[Found]]] = {
    "frechet": metrics_arithmetic.frechet,
    "inception": metrics_network.inception,
    "resize": metrics_network.resize,
    "end_to_end": metrics_network.end_to_end,
    "kid": metrics_arithmetic.kid,
    "prdc": metrics_arithmetic.prdc,
    "memory": metrics_network.memory,
    "workers": metrics_network.workers,
    "gpu": metrics_network.gpu,
}
LIBRARIES = ("torch", "numpy", "scipy", "pillow")


def measure(options: argparse.Namespace, peers: Peers) -> dict[str, Any]:
    """Return all that is printed."""
    found: list[dict[str, Any]] = []
    before = machine()
    with tempfile.TemporaryDirectory(prefix="bench-metrics-") as folder:
        bench = Bench(
            Path(folder),
            peers,
            sorted(os.sched_getaffinity(0)),
            options.repeats,
            options.images,
            options.large,
        )
        for name in options.only:
            print(f"timing {name}", file=sys.stderr, flush=True)
            found += [each.as_dict() for each in PARTS[name](bench)]
    return {
        "rows": [each for each in found if "ratio" in each],
        "quantities": [each for each in found if "unit" in each],
        "repeats": options.repeats,
        "machine": before | {"load_at_the_end": machine()["load"]},
        "versions": {
            "ours": {name: version(name) for name in LIBRARIES},
            "peers": peers.versions,
            "absent": peers.absent,
        },
    }


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options; exits with a line for those that make no sense."""
    parser = argparse.ArgumentParser(prog="python -m bench.metrics", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(PARTS),
        metavar="PARTS",
        help=f"some of {','.join(PARTS)}",
    )
    parser.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="turns of each side (default: 3)"
    )
    parser.add_argument(
        "--images",
        type=int,
        default=300,
        metavar="N",
        help="in each folder measured from end to end, and for the workers (default: 300)",
    )
    parser.add_argument(
        "--large", action="store_true", help="also what takes many minutes and much memory"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.only if name not in PARTS]:
        parser.error(f"--only needs some of {', '.join(PARTS)}, got {', '.join(unknown)}")
    for name, least in (("repeats", 1), ("images", 2)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(options, name)}")
    return options


def main() -> None:
    """Measure and print."""
    options = parse()
    for name, value in told().items():
        print(f"{name}={value} is set: it steers the libraries of every side", file=sys.stderr)
    result = measure(options, find_peers())
    if options.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print(as_lines([*result["rows"], *result["quantities"]]))


if __name__ == "__main__":
    main()
