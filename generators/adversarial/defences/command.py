"""`python -m generators defend DEFENCE`: trains defences, and shows what they are worth."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from tqdm import tqdm

from generators.adversarial.defences.asking import Asked, Source
from generators.adversarial.defences.fitting import Progress
from generators.adversarial.defences.keeping import Folder, write
from generators.adversarial.defences.making import Workshop
from generators.adversarial.defences.recipes import DEFENCES, NONE
from generators.adversarial.defences.report import rows, table
from generators.adversarial.errors import AttackError
from terminal.writing import named_path

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

ALL = "all"
USUAL = Asked("")


def add_parser(subparsers: "Subparsers") -> None:
    """The command `defend`."""
    parser = subparsers.add_parser(
        "defend", help="train classifiers that resist attacks, and measure what they are worth"
    )
    parser.add_argument("defence", metavar="DEFENCE", help=f"{ALL}, or {', '.join(DEFENCES)}")
    parser.add_argument("--data", required=True, metavar="SOURCE", help="labelled images")
    parser.add_argument(
        "--out",
        type=named_path,
        required=True,
        metavar="FOLDER",
        help="what is there is not made again",
    )
    parser.add_argument(
        "--epsilon", type=float, default=USUAL.epsilon, metavar="E",
        help="the largest change of a pixel in [0, 1] (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=USUAL.seconds,
        help="about how long the undefended network is trained, and every defence for as many "
        "steps (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=int, help="how many steps instead: the same weights again, on any day"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=USUAL.seed,
        metavar="S",
        help="of weights, batches and attacks (default: %(default)s)",
    )
    parser.add_argument(
        "--images", type=int, default=USUAL.images, metavar="N",
        help="how many of the held-out images are attacked (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises AttackError, ClassifierError, PoolError or SourceError for what makes no sense."""
    names = _names(options.defence)
    asked = Asked(
        options.data, options.epsilon, options.seconds, options.steps, options.seed, options.images
    )
    source = Source.read(asked.data, asked.seed)
    source.some(asked.images, asked.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(asked, source, Folder(options.out), _bar)
    for name in (NONE, *names):
        workshop.finish(name)
    found = rows(workshop.finished())
    as_json = json.dumps(
        {"asked": asdict(asked), "steps": workshop.steps, "defences": found}, indent=2
    )
    write(options.out / "defences.json", as_json)
    write(options.out / "defences.md", table(found))
    print(as_json if options.json else table(found))


def _names(asked: str) -> list[str]:
    if asked == ALL:
        return list(DEFENCES)
    if asked not in DEFENCES:
        raise AttackError(f"DEFENCE must be {ALL} or one of {', '.join(DEFENCES)}, got {asked!r}")
    return [asked]


@contextmanager
def _bar(name: str) -> Iterator[Progress]:
    """A progress bar on stderr, gone when done."""
    with tqdm(desc=name, file=sys.stderr, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
