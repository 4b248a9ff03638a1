"""Import real images as a data set: all of them, or, if one is bad, none."""

import tempfile
from argparse import ArgumentParser
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from evalsite.catalog import services
from evalsite.catalog.models import Pool
from pools import emoji, mirrors, sources
from pools.datasets import DATASETS, Known
from pools.errors import PoolError, SourceError

LARGEST_DEFAULT_PX = 256


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name",
            nargs="?",
            help="what the site will call it; --download and --emoji have a name of their own",
        )
        parser.add_argument(
            "source",
            nargs="?",
            help="idx files, a folder (flat, or a sub-folder a class), zip, tar, .npz, .npy, .zarr, "
            "a CIFAR-10 python archive, or the name of a shipped pack",
        )
        parser.add_argument("--test", help="a source of held-out images, if not in the same place")
        parser.add_argument(
            "--download", choices=sorted(mirrors.SHA256), help="fetch a public set first"
        )
        parser.add_argument(
            "--emoji",
            nargs="?",
            const=emoji.FONT,
            metavar="FONT",
            help=f"colour pictures from the bitmaps of a font: {emoji.FONT} of Debian's package"
            f" {emoji.PACKAGE}, or where its file lies",
        )
        parser.add_argument("--resolution", type=int, help="width and height, in pixels")
        parser.add_argument("--channels", type=int, choices=[1, 3], help="1 for grey, 3 for colour")
        parser.add_argument("--description", default="")
        parser.add_argument("--licence", default="", help="under which the images may be used")
        parser.add_argument("--origin", default="", help="where they come from")

    def handle(self, *args: Any, **options: Any) -> None:
        if [bool(options[key]) for key in ("source", "download", "emoji")].count(True) != 1:
            raise CommandError("give one of a SOURCE, --download and --emoji")
        known = known_as(options)
        options["name"] = options["name"] or (known.title if known else "")
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            try:
                self._import(options, Path(folder), stack)
            except (services.Refused, SourceError, PoolError) as error:
                raise CommandError(f"nothing was imported: {error}") from error

    def _import(self, options: dict[str, Any], folder: Path, stack: ExitStack) -> None:
        known = known_as(options)
        splits = self._splits(options, folder)
        for opened in splits.values():
            stack.enter_context(opened)
            if opened.warning:
                self.stdout.write(f"warning: {opened.warning}")
        resolution_px, channels = shape_of(splits[Pool.Split.TRAIN])
        if options["emoji"]:
            resolution_px = emoji.RESOLUTION_PX
        if options["resolution"] is not None:
            resolution_px = options["resolution"]
        dataset = services.import_dataset(
            options["name"],
            splits,
            resolution_px=resolution_px,
            channels=options["channels"] or channels,
            description=options["description"],
            licence=options["licence"] or (known.licence if known else ""),
            origin=options["origin"] or (known.source if known else ""),
            class_names=known.class_names if known else (),
            progress=Bar("reading", stack),
        )
        counts = ", ".join(f"{p.count:,} {p.get_split_display()}" for p in dataset.pools.all())
        self.stdout.write(f"{dataset}: {counts} images of {dataset.resolution_px} px")

    def _splits(self, options: dict[str, Any], folder: Path) -> dict[str, sources.Source]:
        if options["emoji"]:
            return {Pool.Split.TRAIN.value: emoji.source_of_emoji(options["emoji"])}
        source = options["source"]
        if options["download"]:
            source = mirrors.download(options["download"], folder, progress=self._tell)
        return open_splits(source, options["test"])

    def _tell(self, name: str, received_bytes: int) -> None:
        self.stdout.write(f"\r{name}: {received_bytes / 2**20:.1f} MB", ending="")


class Bar:
    """A progress bar that begins again when the total changes."""

    def __init__(self, words: str, stack: ExitStack) -> None:
        self._words, self._stack = words, stack
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None or self._bar.total != total or done < self._bar.n:
            self._bar = self._stack.enter_context(tqdm(total=total, desc=self._words, delay=1))
        self._bar.update(done - self._bar.n)


def known_as(options: dict[str, Any]) -> Known | None:
    """What is known of the set that is asked for by name."""
    return (
        emoji.KNOWN if options["emoji"] else DATASETS.get(options["download"] or options["source"])
    )


def open_splits(source: str | Path, test: str | None) -> dict[str, sources.Source]:
    """The training images, and the held-out ones where `test` or the source itself has any."""
    splits = {Pool.Split.TRAIN.value: sources.open_source(source, split="train")}
    if test:
        splits[Pool.Split.TEST.value] = held_out(test)
        return splits
    with suppress(SourceError):  # most sources are not divided
        splits[Pool.Split.TEST.value] = sources.open_source(source, split="test")
    return splits


def held_out(test: str) -> sources.Source:
    """The held-out images of a source that is divided, all of one that is not."""
    try:
        return sources.open_source(test, split="test")
    except SourceError:
        return sources.open_source(test)


def shape_of(source: sources.Source) -> tuple[int, int]:
    """Resolution and channels that suit the first image that can be decoded."""
    for entry in source:
        try:
            height, width, channels = entry.decode().shape
        except sources.Rejection:
            continue
        return min(height, width, LARGEST_DEFAULT_PX), channels
    return LARGEST_DEFAULT_PX, 3
