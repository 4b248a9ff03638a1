"""The four commands: what each is asked, and what it prints."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from generators.checkpoint import CheckpointError
from generators.config import Config, ConfigError, available_configs, load_config, parse_override
from generators.onnx_export import export
from generators.onnx_sampling import inspect_onnx, sample_onnx
from generators.outputs import OutputError, save_images
from generators.run_folder import RunFolder, RunFolderError
from generators.sampling import load_generator, sample
from generators.training import Progress, Trainer, TrainingDiverged
from pools.errors import PoolError, SourceError
from pools.sources import load
from sandbox.errors import SandboxError
from sandbox.tiers import insecure_allowed

# Every error of these is a plain line for the person who typed the command.
FORESEEN = (
    CheckpointError, ConfigError, OutputError, PoolError, RunFolderError, SandboxError, SourceError,
    TrainingDiverged, OSError, ValueError,
)  # fmt: skip
FAILED, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, 2 after printing what is wrong, or 130 if interrupted."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run
    try:
        run(options)
    except FORESEEN as error:
        print(f"generators: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("generators: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m generators", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands.add_parser("train", help="train a config on images"))
    _add_sample(commands.add_parser("sample", help="make a pool of images"))
    export_command = commands.add_parser("export", help="write a generator as an ONNX network")
    export_command.add_argument("generator", type=Path, metavar="GENERATOR.safetensors")
    export_command.add_argument("--out", type=Path, required=True, metavar="MODEL.onnx")
    export_command.set_defaults(run=_export)
    commands.add_parser("configs", help="list the shipped configs").set_defaults(run=_configs)
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="the name of a shipped config, or a file")
    parser.add_argument(
        "--data",
        required=True,
        metavar="SOURCE",
        help="folder, archive, .npz, .zarr or idx of images, or a shipped set such as mnist",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
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


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generator", type=Path, metavar="GENERATOR.safetensors|MODEL.onnx")
    parser.add_argument("--count", type=int, required=True, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="POOL.zarr|FILE.npz|FOLDER", help="must be new"
    )
    parser.add_argument("--classes", type=int, help="of an ONNX network that does not name them")
    parser.set_defaults(run=_sample)


def _config(options: argparse.Namespace) -> Config:
    config = load_config(options.config, **dict(map(parse_override, options.overrides)))
    if options.seed is None:
        return config
    return Config.from_dict(replace(config, seed=options.seed).as_dict())


def _train(options: argparse.Namespace) -> None:
    config = _config(options)
    data = load(options.data, resolution_px=options.resolution)
    folder = RunFolder(options.out)
    trainer = folder.start(config, data, resume=options.resume)
    with _training_bar(trainer) as show:
        folder.train(trainer, on_progress=show)
    print(folder.generator_path)


def _sample(options: argparse.Namespace) -> None:
    if options.count < 1:
        raise ValueError(f"--count must be at least 1, got {options.count}")
    if options.generator.suffix == ".onnx":
        _sample_onnx(options)
        return
    generator = load_generator(options.generator)
    shape = (generator.shape.resolution_px, generator.shape.channels, generator.shape.class_count)
    with _bar(options.count) as bar:
        batches = sample(options.generator, options.count, seed=options.seed, progress=bar)
        save_images(options.out, batches, options.count, *shape)


def _sample_onnx(options: argparse.Namespace) -> None:
    insecure = insecure_allowed()
    found = inspect_onnx(options.generator, class_count=options.classes, allow_insecure=insecure)
    with _bar(options.count) as bar:
        batches = sample_onnx(
            options.generator,
            options.count,
            seed=options.seed,
            resolution_px=found.resolution_px,
            channels=found.channels,
            class_count=options.classes,
            progress=bar,
            allow_insecure=insecure,
        )
        shape = (found.resolution_px, found.channels, found.class_count or 0)
        save_images(options.out, batches, options.count, *shape)


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


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar, as a function to be called with the number of images so far."""
    with tqdm(total=total, unit="image", unit_scale=True) as bar:

        def show(images: int) -> None:
            bar.update(images - bar.n)

        yield show


def _export(options: argparse.Namespace) -> None:
    export(options.generator, options.out)
    print(options.out)


def _configs(options: argparse.Namespace) -> None:
    for name in available_configs():
        config = load_config(name)
        print(f"{name:16}{config.images:>9,} images  {config.description}")
