"""How close generated images come to real ones, in figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tqdm import tqdm

from metrics import judgement
from metrics.errors import MetricError
from metrics.extractors import catalog
from metrics.extractors.base import Extractor
from metrics.features import FeatureCache, PoolProgress
from metrics.measure import (
    ASKED,
    GROUPS,
    Sets,
    measure_features,
    prepare,
    require_seed,
    wanted,
)
from metrics.measurement import Measurement
from metrics.parallel import cores
from metrics.source_pool import SourcePool, open_images
from metrics.statistics_file import (
    Statistics,
    has_images_too,
    is_statistics,
    load_statistics,
    save_statistics,
)
from metrics.table import table
from pools.errors import PoolError, SourceError
from pools.sources import open_source
from terminal.ending import ended
from terminal.writing import named_path, require_another

if TYPE_CHECKING:
    from metrics.sharing import Sharing

ON_CPU = ("lite0", "classifier", "onnx")
WORTH = {"lite0": 1000, "classifier": 1000} | dict.fromkeys(catalog.INCEPTION, 500)
WORTH_OF_OTHERS = 50
"""Images a process must have to do before it is worth its start. One process computes Inception on
all cores nearly as fast as many do."""

NAMES = ("REAL", "FAKE", "the training images", "the held-out images")
OTHER = {"train": "test", "test": "train"}

Side = SourcePool | Statistics
Opened = tuple[Side, Side, SourcePool | None, SourcePool | None]
"""REAL, FAKE, training images, held-out images."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 0, or 2 if there are none or one line on stderr says what is wrong."""
    options = _parser().parse_args(arguments)
    run = _print_shared if options.sharing else _print_measured
    return ended(
        "error",
        lambda: run(options),
        foreseen=(MetricError, PoolError, SourceError),
        interrupted="stopped; with --cache, what was finished is kept",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m metrics", description=__doc__)
    kinds = "folder, zip, tar, .npz, .npy, .zarr, idx files or the name of a shipped pack"
    statistics = "or a statistics file (.npz with mu and sigma)"
    parser.add_argument("real", metavar="REAL", help=f"real images: {kinds}; {statistics}")
    parser.add_argument("fake", metavar="FAKE", help="generated images, in any of these forms")
    parser.add_argument(
        "--metrics",
        type=lambda text: [name.strip() for name in text.split(",")],
        help=f"some of {', '.join(ASKED)}, or a group: {', '.join(GROUPS)}",
    )
    parser.add_argument(
        "--extractor", default="lite0", help=f"{', '.join(catalog.NAMES)} (default: %(default)s)"
    )
    parser.add_argument(
        "--train",
        metavar="SOURCE",
        help="what the generator learned from, where REAL is held out: gives what a perfect "
        "generator would score, and memorisation",
    )
    parser.add_argument(
        "--split",
        default="train",
        choices=("train", "test"),
        help="which part of REAL, if it is divided; the other serves as --train does "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, help="processes, of one thread each (default: one a core)"
    )
    parser.add_argument(
        "--sharing",
        action="store_true",
        help="judge instead what could be shared: what FAKE give away of the training images, and "
        "what a classifier learns from them",
    )
    parser.add_argument(
        "--pictures", metavar="FILE.png", type=named_path, help="draw nearest neighbours"
    )
    parser.add_argument(
        "--cache",
        metavar="DIR",
        type=named_path,
        help="keep features, and take those that are kept",
    )
    parser.add_argument(
        "--save-statistics", metavar="FILE.npz", type=named_path, help="write mu and sigma of REAL"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws splits, subsets and pairs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _print_measured(options: argparse.Namespace) -> int:
    """Print the figures, then write files: a disk that is full costs no figure."""
    sets, measurement = _run(options)
    picture = options.pictures and _picture(sets, measurement)
    if options.json:
        print(json.dumps(measurement.as_dict(), indent=2, ensure_ascii=False))
    else:
        print(table(measurement))
    if options.save_statistics and not isinstance(sets.real, Statistics):
        save_statistics(options.save_statistics, sets.real)
    if picture:
        options.pictures.write_bytes(picture)
    values = [figure.value for figure in measurement.figures]
    return 2 if values and not any(value is not None for value in values) else 0


def _run(options: argparse.Namespace) -> tuple[Sets, Measurement]:
    _require_sense(options)
    given = _given(options)
    network = catalog.create(options.extractor)
    sets = _features(options, given, network)
    with tqdm(bar_format="{desc}", file=sys.stderr, leave=False) as bar:
        measurement = measure_features(
            *sets,
            metrics=_asked(options),
            seed=options.seed,
            network=network,
            telling=lambda name: bar.set_description(f"computing {name}"),
        )
    doubts = [each.warning for each in given if isinstance(each, SourcePool) and each.warning]
    warnings = (*measurement.warnings, *_unused_statistics(options), *doubts)
    return sets, replace(measurement, warnings=warnings)


def _print_shared(options: argparse.Namespace) -> int:
    """Print what could be shared, and return 0."""
    from metrics.sharing import text  # heavy: it trains

    shared = _shared(options)
    plain = options.json and json.dumps(shared.as_dict(), indent=2, ensure_ascii=False)
    print(plain or text(shared))
    return 0


def _shared(options: argparse.Namespace) -> Sharing:
    from metrics.sharing import NEEDED, share

    _require_sense(options)
    if options.metrics or options.pictures or options.save_statistics:
        raise MetricError("--sharing goes without --metrics, --pictures and --save-statistics")
    given = _given(options)
    if sum(isinstance(each, SourcePool) for each in given) < 3:
        raise MetricError(NEEDED)
    sets = _features(options, given, catalog.create(options.extractor))
    with tqdm(bar_format="{desc}", file=sys.stderr, leave=False) as bar:
        return share(
            sets,
            seed=options.seed,
            telling=lambda done, words: bar.set_description(f"{words}, {done:.0%}"),
        )


def _require_sense(options: argparse.Namespace) -> None:
    """Refuse what can be refused before any work."""
    wanted(options.metrics)
    require_seed(options.seed)
    catalog.require_known(options.extractor)
    for path in (options.pictures, options.save_statistics):
        if path and not path.parent.is_dir():
            raise MetricError(f"{path} needs a folder to lie in, {path.parent} is none")
        if path and path.is_dir():
            raise MetricError(f"a file is needed to write to, got the folder {path}")
        if path:
            require_another(path, options.real, options.fake, options.train)
    if options.workers is not None and options.workers < 1:
        raise MetricError(f"at least 1 worker is needed, got {options.workers}")


def _asked(options: argparse.Namespace) -> list[str] | None:
    """Return the metrics asked for, and with pictures what they show."""
    metrics: list[str] | None = options.metrics
    return [*metrics, "memorisation"] if metrics and options.pictures else metrics


def _given(options: argparse.Namespace) -> Opened:
    """Open REAL, FAKE and what stands beside REAL: training images or held-out ones."""
    real = _opened(options.real, options.split, NAMES[0])
    fake = _opened(options.fake, "train", NAMES[1])
    if isinstance(real, SourcePool) and isinstance(fake, SourcePool):
        fake = fake.numbered_as(real)
    if options.save_statistics and isinstance(real, Statistics):
        raise MetricError("--save-statistics needs images as REAL, got a statistics file")
    train = held_out = None
    if options.train is not None:
        train = _images(options.train, "train", NAMES[2])
        train = train.numbered_as(real) if isinstance(real, SourcePool) else train
    elif isinstance(real, SourcePool) and _is_divided(options.real, OTHER[options.split]):
        other = _images(
            options.real, OTHER[options.split], NAMES[2 if options.split == "test" else 3]
        )
        train, held_out = (other, None) if options.split == "test" else (None, other)
    if options.pictures and (train or held_out) is None:
        raise MetricError("--pictures needs training images: give --train, or a divided REAL")
    return real, fake, train, held_out


def _opened(path: str, split: str, name: str) -> SourcePool | Statistics:
    return load_statistics(path) if is_statistics(path) else _images(path, split, name)


def _unused_statistics(options: argparse.Namespace) -> Iterator[str]:
    """Say of files that hold both what was measured: their statistics may be of other images."""
    for name, path in zip(NAMES, (options.real, options.fake), strict=False):
        if has_images_too(path):
            yield (
                f"{name} holds images beside mu and sigma: the images were measured, and its statistics, "
                "which may be of more images than these, were not used"
            )


def _images(path: str, split: str, name: str) -> SourcePool:
    with _bar(f"reading {name}", 0) as bar:
        return open_images(path, split=split, progress=lambda done, total: _show(bar, done, total))


def _is_divided(path: str, other: str) -> bool:
    try:
        open_source(path, split=other).resources.close()
    except SourceError:
        return False
    return True


def _features(options: argparse.Namespace, given: Opened, network: Extractor) -> Sets:
    pools = [
        (name, pool)
        for name, pool in zip(NAMES, given, strict=True)
        if isinstance(pool, SourcePool)
    ]
    total = sum(len(pool) for _, pool in pools)
    with _bar("features", total) as bar:
        return prepare(
            *given,
            network=network,
            cache=options.cache and FeatureCache(options.cache),
            recipe=options.extractor,
            workers=options.workers or _default_workers(options.extractor, total),
            progress=_by_pool(bar, [name for name, _ in pools]),
        )


def _default_workers(name: str, images: int) -> int:
    """One process a core, unless there is less to do, or a GPU that one process keeps busy."""
    from torch import cuda  # heavy, and by now loaded with the extractor

    if not name.startswith(ON_CPU) and cuda.is_available():
        return 1
    worth = WORTH.get(name.partition(":")[0], WORTH_OF_OTHERS)
    return max(min(cores(), images // worth), 1)


def _picture(sets: Sets, measurement: Measurement) -> bytes:
    if (
        measurement.memorisation is None
        or sets.learned is None
        or isinstance(sets.fake, Statistics)
    ):
        raise MetricError("--pictures needs memorisation, which could not be judged")
    return judgement.picture(measurement.memorisation, *sets.learned, sets.fake)


@contextmanager
def _bar(words: str, total: int) -> Iterator[tqdm]:  # type: ignore[type-arg]
    with tqdm(total=total, desc=words, unit=" images", file=sys.stderr, leave=False) as bar:
        yield bar


def _show(bar: tqdm, done: int, total: int) -> None:  # type: ignore[type-arg]
    bar.total = total
    bar.update(done - bar.n)


def _by_pool(bar: tqdm, names: Sequence[str]) -> PoolProgress:  # type: ignore[type-arg]
    """Return what shows images done of all pools, and which pool they belong to."""
    counts = [0] * len(names)

    def show(pool: int, done: int) -> None:
        if done > counts[pool]:
            bar.set_description(f"features of {names[pool]}", refresh=False)
        counts[pool] = done
        bar.update(sum(counts) - bar.n)

    return show
