"""`python -m metrics REAL FAKE`: IS, FD and KID between two sets of images."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from tqdm import tqdm

from metrics.errors import MetricError
from metrics.extractors.catalog import EXTRACTORS
from metrics.figures import METRICS
from metrics.measure import Figure, Measurement, measure
from pools.errors import PoolError, SourceError
from pools.sources import load


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 0, or 2 after one line on stderr that says what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        measurement = _measured(options)
    except (MetricError, PoolError, SourceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(measurement.as_dict(), indent=2, ensure_ascii=False))
    else:
        print(table(measurement))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m metrics", description=__doc__)
    kinds = "folder, zip, tar, .npz, .zarr, idx files or the name of a shipped pack"
    parser.add_argument("real", metavar="REAL", help=f"real images: {kinds}")
    parser.add_argument("fake", metavar="FAKE", help="generated images, of the same size")
    parser.add_argument(
        "--metrics",
        default=",".join(METRICS),
        type=lambda text: tuple(text.split(",")),
        help="which of %(default)s (default: all)",
    )
    parser.add_argument("--extractor", default="lite0", help=f"one of {', '.join(EXTRACTORS)}")
    parser.add_argument("--seed", type=int, default=0, help="draws splits and subsets")
    parser.add_argument(
        "--split",
        default="train",
        choices=("train", "test"),
        help="which part of REAL, if it is divided (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _measured(options: argparse.Namespace) -> Measurement:
    real, fake = load(options.real, split=options.split).images, load(options.fake).images
    with tqdm(total=len(real) + len(fake), unit=" images", file=sys.stderr, leave=False) as bar:
        return measure(
            real,
            fake,
            metrics=options.metrics,
            extractor=options.extractor,
            seed=options.seed,
            progress=lambda done, _: bar.update(done - bar.n),
        )


def table(measurement: Measurement) -> str:
    """Return the figures as aligned text, with what they rest on below."""
    header = ("figure", "value", "95 % interval", "n real", "n fake", "as published")
    cells = [header, *(_row(figure) for figure in measurement.figures)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            text.ljust(width) if column in (0, 5) else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    notes = [f"{figure.name}: {figure.note}" for figure in measurement.figures if figure.note]
    return "\n".join(
        [*lines, "", f"extractor {measurement.extractor}", *_resampled(measurement), *notes]
    )


def _row(figure: Figure) -> tuple[str, ...]:
    interval = "–" if figure.low is None else f"{figure.low:.5g} to {figure.high:.5g}"
    published = figure.published
    return (
        figure.name,
        f"{figure.value:.5g}",
        interval,
        "–" if figure.n_real is None else f"{figure.n_real:,}",
        f"{figure.n_fake:,}",
        f"{published.value:.5g} ± {published.spread:.2g} ({published.protocol})"
        if published
        else "",
    )


def _resampled(measurement: Measurement) -> list[str]:
    return [
        f"{figure.name}: interval over {figure.resampled} ({figure.method})"
        for figure in measurement.figures
    ]


if __name__ == "__main__":
    sys.exit(main())
