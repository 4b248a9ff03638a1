"""The commands: what each is asked, and what it prints."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from generators.animation import MOMENTS, animate, read_sheets, strip
from generators.checkpoint import CheckpointError
from generators.config import Config, ConfigError, available_configs, load_config, parse_override
from generators.data import Images
from generators.distributed import processes
from generators.health import Verdict
from generators.onnx_export import ENCODER, GENERATOR, export
from generators.onnx_sampling import inspect_onnx, sample_onnx
from generators.outputs import OutputError, save_images
from generators.run_folder import RunFolder, RunFolderError
from generators.sampling import TrainedGenerator, load_generator, sample
from generators.training import Progress, Trainer, TrainingDiverged
from generators.translating import check_direction, originals, translates, translations
from pools.errors import PoolError, SourceError
from pools.sources import ImageSet, load
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
    _add_health(commands.add_parser("health", help="say how a training went, and why"))
    _add_animate(commands.add_parser("animate", help="show the samples through a training"))
    _add_sample(commands.add_parser("sample", help="make a pool of images"))
    _add_translate(commands.add_parser("translate", help="make images of images"))
    export_command = commands.add_parser("export", help="write a generator as an ONNX network")
    export_command.add_argument("generator", type=Path, metavar="GENERATOR.safetensors")
    export_command.add_argument("--out", type=Path, required=True, metavar="MODEL.onnx")
    export_command.add_argument(
        "--network", default=GENERATOR, help=f"another of the file's: {ENCODER} or back"
    )
    export_command.add_argument(
        "--mixtures", action="store_true", help="take shares of the classes in place of a label"
    )
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


def _add_health(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="what train wrote into")
    parser.add_argument("--json", action="store_true", help="the verdicts as JSON")
    parser.set_defaults(run=_health)


def _add_animate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="what train wrote into")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.webp|FILE.png",
        help="an animation, or a strip of moments",
    )
    parser.add_argument("--moments", type=int, default=MOMENTS, metavar="K", help="in a strip")
    parser.set_defaults(run=_animate)


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generator", type=Path, metavar="GENERATOR.safetensors|MODEL.onnx")
    parser.add_argument(
        "--count", type=int, metavar="N", help="may be left out with --inputs: all of them"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument(
        "--inputs",
        metavar="SOURCE",
        help="the images that a generator which translates images is to make others of",
    )
    _add_split(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="POOL.zarr|FILE.npz|FOLDER", help="must be new"
    )
    parser.add_argument(
        "--truncation",
        type=float,
        metavar="T",
        help="redraw each component of the noise until it is within ±T: less variety, surer images",
    )
    parser.add_argument("--classes", type=int, help="of an ONNX network that does not name them")
    parser.set_defaults(run=_sample)


def _add_translate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generator", type=Path, metavar="GENERATOR.safetensors")
    parser.add_argument("inputs", metavar="SOURCE", help="the images, as its data set has them")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER|FILE.npz|POOL.zarr", help="must be new"
    )
    parser.add_argument("--back", action="store_true", help="the other way, which a CycleGAN knows")
    _add_split(parser)
    parser.set_defaults(run=_translate)


def _add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split", choices=("train", "test"), default="train", help="of a SOURCE that has both"
    )


def _config(options: argparse.Namespace) -> Config:
    config = load_config(options.config, **dict(map(parse_override, options.overrides)))
    if options.seed is None:
        return config
    return Config.from_dict(replace(config, seed=options.seed).as_dict())


def _train(options: argparse.Namespace) -> None:
    config = _config(options)
    data = load(options.data, resolution_px=options.resolution)
    folder = RunFolder(options.out)
    with processes() as share:
        trainer = folder.start(config, data, resume=options.resume, share=share)
        if share.first:
            _train_and_tell(folder, trainer)
        else:
            trainer.advance()


def _train_and_tell(folder: RunFolder, trainer: Trainer) -> None:
    with _training_bar(trainer) as show:
        verdicts = folder.train(trainer, on_progress=show, on_verdict=_announce)
    print(_named(verdicts), file=sys.stderr)
    print(folder.generator_path)


def _announce(verdict: Verdict) -> None:
    """Above the bar."""
    tqdm.write(_in_words(verdict), file=sys.stderr)


def _in_words(verdict: Verdict) -> str:
    return f"{verdict.name} since {verdict.since_images:,} images: {verdict.evidence}"


def _named(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(verdict.name for verdict in verdicts) or "healthy"


def _health(options: argparse.Namespace) -> None:
    verdicts = RunFolder(options.folder).verdicts()
    if options.json:
        print(json.dumps([verdict.as_dict() for verdict in verdicts], indent=2))
    else:
        print("\n".join(map(_in_words, verdicts)) or "healthy")


def _animate(options: argparse.Namespace) -> None:
    if options.out.suffix not in (".webp", ".png"):
        raise ValueError(f"--out must end in .webp or .png, got {str(options.out)!r}")
    sheets = read_sheets(RunFolder(options.folder).samples_folder)
    moving = options.out.suffix == ".webp"
    options.out.write_bytes(animate(sheets) if moving else strip(sheets, moments=options.moments))
    print(options.out)


def _sample(options: argparse.Namespace) -> None:
    if options.count is not None and options.count < 1:
        raise ValueError(f"--count must be at least 1, got {options.count}")
    generator = None if options.generator.suffix == ".onnx" else load_generator(options.generator)
    if generator and translates(generator):
        _sample_of_images(options, generator)
        return
    if options.inputs is not None:
        raise ValueError("--inputs is for a generator that translates images: this one needs none")
    if options.count is None:
        raise ValueError("--count N is missing: how many images to make")
    if generator:
        _sample_of_noise(options, generator)
    else:
        _sample_onnx(options)


def _sample_of_noise(options: argparse.Namespace, generator: TrainedGenerator) -> None:
    shape = (generator.shape.resolution_px, generator.shape.channels, generator.shape.class_count)
    with _bar(options.count) as bar:
        batches = sample(
            generator,
            options.count,
            seed=options.seed,
            truncation=options.truncation,
            progress=bar,
        )
        save_images(options.out, batches, options.count, *shape)


def _sample_of_images(options: argparse.Namespace, generator: TrainedGenerator) -> None:
    title = generator.config.title
    if options.inputs is None:
        raise ValueError(f"{title!r} makes images of images: say which with --inputs SOURCE")
    if options.truncation is not None:
        raise ValueError(f"--truncation is for noise, but {title!r} makes images of images")
    data = _fitting(options, generator)
    task = generator.config.translation
    given = originals(task, data.images, data.labels, options.count, seed=options.seed)
    _save_translations(options, generator, given.images)


def _translate(options: argparse.Namespace) -> None:
    generator = load_generator(options.generator)
    check_direction(generator, back=options.back)
    images = _fitting(options, generator).images
    _save_translations(options, generator, images, back=options.back)


def _fitting(options: argparse.Namespace, generator: TrainedGenerator) -> ImageSet:
    """The inputs asked for, in the size and with the channels of the generator's images."""
    shape = generator.shape
    size = {"resolution_px": shape.resolution_px, "channels": shape.channels}
    return load(options.inputs, split=options.split, **size)


def _save_translations(
    options: argparse.Namespace,
    generator: TrainedGenerator,
    images: Images,
    *,
    back: bool = False,
) -> None:
    shape = generator.shape
    with _bar(len(images)) as bar:
        batches = translations(generator, images, back=back, progress=bar)
        save_images(options.out, batches, len(images), shape.resolution_px, shape.channels, 0)


def _sample_onnx(options: argparse.Namespace) -> None:
    if options.truncation is not None:
        raise ValueError("--truncation is for a GENERATOR.safetensors, not for an ONNX network")
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
    export(options.generator, options.out, options.network, soft_labels=options.mixtures)
    print(options.out)


def _configs(options: argparse.Namespace) -> None:
    for name in available_configs():
        config = load_config(name)
        print(f"{name:16}{config.images:>9,} images  {config.description}")
