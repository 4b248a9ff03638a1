"""Makes a shipped pack again: `python -m pools pack NAME SOURCE OUT`."""

from __future__ import annotations

import argparse
import sys

from pools.datasets import DATASETS
from pools.packs import COUNTS, write_pack
from pools.sources import SourceError, load
from terminal.writing import named_path


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit status: 1 if the source is refused."""
    options = _parser().parse_args(arguments)
    try:
        halves = {split: load(options.source, split=split) for split in COUNTS}
        write_pack(options.name, halves, options.out)
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pools", description=__doc__)
    pack = parser.add_subparsers(required=True).add_parser("pack", help="write a pack")
    pack.add_argument("name", choices=sorted(DATASETS), help="which data set it is")
    pack.add_argument("source", help="the full data set: a folder of idx files, an archive, …")
    pack.add_argument("out", type=named_path, help="the pack to write, NAME.zip")
    return parser


if __name__ == "__main__":
    sys.exit(main())
