"""The commands around a training: train, health, animate, configs."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tqdm import tqdm

from generators.animation import MOMENTS, animate, read_sheets, strip
from generators.config import Config, available_configs, load_config, parse_override
from generators.distributed import processes
from generators.health import Verdict
from generators.networks.shape import LARGEST_PX, SMALLEST_PX
from generators.run_folder import RunFolder
from generators.training import Progress, Trainer
from pools.sources import load
from terminal.writing import named_path

EMPTY_NAMED = 5  # of the classes without images, so many

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parsers(commands: "Subparsers") -> None:
    """The commands of this module."""
    _add_train(commands.add_parser("train", help="train a config on images"))
    _add_health(commands.add_parser("health", help="say how a training went, and why"))
    _add_animate(commands.add_parser("animate", help="show the samples through a training"))
    commands.add_parser("configs", help="list the shipped configs").set_defaults(run=_configs)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="the name of a shipped config, or a file")
    parser.add_argument(
        "--data",
        required=True,
        metavar="SOURCE",
        help="folder, archive, .npz, .zarr or idx of images, or a shipped set such as mnist",
    )
    parser.add_argument(
        "--out", type=named_path, required=True, metavar="DIR", help="the folder of the run"
    )
    parser.add_argument("--seed", type=int, help="instead of the config's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="another value of the config, such as adam.beta1=0.9; may be repeated",
    )
    parser.add_argument("--resolution", type=int, metavar="PX", help="resize the images")
    parser.add_argument("--resume", action="store_true", help="go on where DIR was left, if it was")
    parser.set_defaults(run=_train)


def _add_health(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=named_path, metavar="DIR", help="what train wrote into")
    parser.add_argument("--json", action="store_true", help="what health.json holds")
    parser.set_defaults(run=_health)


def _add_animate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=named_path, metavar="DIR", help="what train wrote into")
    parser.add_argument(
        "--out",
        type=named_path,
        required=True,
        metavar="FILE.webp|FILE.png",
        help="an animation, or a strip of moments",
    )
    parser.add_argument("--moments", type=int, default=MOMENTS, metavar="K", help="in a strip")
    parser.set_defaults(run=_animate)


def _config(options: argparse.Namespace) -> Config:
    config = load_config(options.config, **dict(map(parse_override, options.overrides)))
    if options.seed is None:
        return config
    return Config.from_dict(replace(config, seed=options.seed).as_dict())


def _train(options: argparse.Namespace) -> None:
    config = _config(options)
    _check_resolution(options.resolution)
    data = load(options.data, resolution_px=options.resolution)
    with processes() as share, RunFolder(options.out) as folder:
        trainer = folder.start(config, data, resume=options.resume, share=share)
        if share.first:
            _train_and_tell(folder, trainer)
        else:
            trainer.advance()


def _check_resolution(resolution_px: int | None) -> None:
    """Before images are read and resized for nothing."""
    if resolution_px is not None and not SMALLEST_PX <= resolution_px <= LARGEST_PX:
        raise ValueError(
            f"--resolution must be from {SMALLEST_PX} to {LARGEST_PX} px, got {resolution_px}"
        )


def _train_and_tell(folder: RunFolder, trainer: Trainer) -> None:
    _warn_of_no_classes(trainer)
    _warn_of_empty_classes(trainer)
    with _training_bar(trainer) as show:
        verdicts = folder.train(trainer, on_progress=show, on_verdict=_announce)
    names = ", ".join(verdict.name for verdict in verdicts)
    print(names or _without_verdict(folder), file=sys.stderr)
    print(folder.generator_path)


def _warn_of_no_classes(trainer: Trainer) -> None:
    """As of a folder of images, by a recipe that draws by class."""
    if trainer.config.conditional and not trainer.shape.class_count:
        print(
            "the images have no classes: the generator will draw without, as if conditional=false",
            file=sys.stderr,
        )


def _warn_of_empty_classes(trainer: Trainer) -> None:
    """As where labels are counted from 1: class 0 is drawn all the same, by a network that never saw it."""
    count, labels = trainer.shape.class_count, trainer.data.labels
    if not count or labels is None:
        return
    empty = (labels.bincount(minlength=count) == 0).nonzero().flatten().tolist()
    if empty:
        names = ", ".join(map(str, empty[:EMPTY_NAMED])) + (
            ", …" if len(empty) > EMPTY_NAMED else ""
        )
        print(
            f"{len(empty)} of {count} classes have no images to learn from, but will be drawn: {names}. "
            "Number classes from 0 without gaps, or set conditional=false",
            file=sys.stderr,
        )


def _announce(verdict: Verdict) -> None:
    """Above the bar."""
    tqdm.write(_in_words(verdict), file=sys.stderr)


def _in_words(verdict: Verdict) -> str:
    return f"{verdict.name} since {verdict.since_images:,} images: {verdict.evidence}"


def _without_verdict(folder: RunFolder) -> str:
    return "healthy" if folder.is_judged() else "too few reports and samples to be judged by"


def _health(options: argparse.Namespace) -> None:
    folder = RunFolder(options.folder)
    verdicts = folder.verdicts()
    if options.json:
        print(json.dumps(folder.health(), indent=2))
    else:
        print("\n".join(map(_in_words, verdicts)) or _without_verdict(folder))


def _animate(options: argparse.Namespace) -> None:
    if options.out.suffix not in (".webp", ".png"):
        raise ValueError(f"--out must end in .webp or .png, got {str(options.out)!r}")
    sheets = read_sheets(RunFolder(options.folder).samples_folder)
    moving = options.out.suffix == ".webp"
    options.out.write_bytes(animate(sheets) if moving else strip(sheets, moments=options.moments))
    print(options.out)


@contextmanager
def _training_bar(trainer: Trainer) -> Iterator[Callable[[Progress], None]]:
    total, done = trainer.images_total, trainer.images_seen
    with tqdm(total=total, initial=done, unit="image", unit_scale=True, mininterval=0.5) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(_in_short(progress.values), refresh=False)
            bar.update(progress.images_seen - bar.n)

        yield show


def _in_short(values: Mapping[str, float]) -> str:
    """The losses alone.

    >>> _in_short({"d_loss": 0.69315, "d_real": 0.5})
    'd_loss 0.693'
    """
    losses = ((name, value) for name, value in values.items() if name.endswith("_loss"))
    return " ".join(f"{name} {value:.3f}" for name, value in losses)


def _configs(options: argparse.Namespace) -> None:
    for name in available_configs():
        config = load_config(name)
        print(f"{name:16}{config.images:>9,} images  {config.description}")
