"""Classifiers: networks that name what images show, to measure generators with and to attack."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from classifiers.build import SECONDS, build, held_out
from classifiers.catalog import WANTED, open_classifier
from classifiers.errors import ClassifierError
from classifiers.measuring import labels_for, measured
from classifiers.training import Progress
from pools.errors import PoolError, SourceError
from terminal.ending import ended
from terminal.writing import named_path, require_another


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 after one line on stderr that says what is wrong."""
    options = _parser().parse_args(arguments)
    return ended(
        "error", lambda: options.run(options), foreseen=(ClassifierError, PoolError, SourceError)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m classifiers", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    measure = commands.add_parser("measure", help="say how many images a classifier gets right")
    _add_train(commands.add_parser("train", help="train a small classifier on labelled images"))
    _add_measure(measure)
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", metavar="DATA", help="labelled images: folder, archive, pool or shipped set"
    )
    parser.add_argument(
        "--out",
        type=named_path,
        required=True,
        metavar="FILE.safetensors",
        help="the new classifier",
    )
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="about how long (default: %(default)s)"
    )
    parser.add_argument(
        "--steps", type=int, help="how many steps instead: the same weights again, on any day"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="of weights and batches (default: %(default)s)",
    )
    parser.set_defaults(run=_train)


def _add_measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("classifier", metavar="CLASSIFIER", help=WANTED)
    parser.add_argument("data", metavar="DATA", help="labelled images that it has not learned from")
    parser.add_argument(
        "--resize", action="store_true", help="bring the images to its size and channels"
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=_measure)


def _train(options: argparse.Namespace) -> int:
    require_another(options.out, options.data)
    with _bar("steps") as show:
        about = build(
            options.data, options.out, seconds=options.seconds, steps=options.steps,
            seed=options.seed, progress=show,
        )  # fmt: skip
    print(
        f"{options.out}: {about.accuracy:.2%} of {about.held_out:,} held-out images right after "
        f"{about.steps:,} steps"
    )
    return 0


def _measure(options: argparse.Namespace) -> int:
    victim = open_classifier(options.classifier)
    size_px, channels = victim.resolution_px, victim.channels
    data = (
        held_out(options.data, resolution_px=size_px, channels=channels)
        if options.resize
        else held_out(options.data)
    )
    labels = labels_for(victim, data.labels, data.class_names)
    with _bar("images") as show:
        share = measured(victim, data.images, labels, progress=show)
    if options.json:
        about = {"classifier": victim.name, "data": options.data, "accuracy": asdict(share)}
        print(json.dumps(about, indent=2))
        return 0
    print(
        f"{victim.name}: {share.value:.2%} of {share.n:,} images of {Path(options.data).name} right "
        f"(95 % interval {share.low:.2%} to {share.high:.2%})"
    )
    return 0


@contextmanager
def _bar(unit: str) -> Iterator[Progress]:
    with tqdm(unit=f" {unit}", file=sys.stderr, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
