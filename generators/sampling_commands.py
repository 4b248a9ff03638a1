"""The commands that make images: sample, translate, and the export of what makes them."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from generators.class_names import listed, number_of
from generators.noise import check_classes, labels_in_turn
from generators.onnx_export import ENCODER, GENERATOR, export
from generators.onnx_sampling import inspect_onnx, sample_onnx
from generators.outputs import save_images
from generators.sampling import TrainedGenerator, load_generator, sample
from generators.translating import (
    Originals,
    check_direction,
    originals,
    translates,
    translations,
)
from pools.sources import ImageSet, load
from sandbox.tiers import insecure_allowed
from terminal.writing import named_path, require_another

LARGEST_SEED = 2**63 - 1

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parsers(commands: "Subparsers") -> None:
    """The commands of this module."""
    _add_sample(commands.add_parser("sample", help="make a pool of images"))
    _add_translate(commands.add_parser("translate", help="make images of images"))
    _add_export(commands.add_parser("export", help="write a generator as an ONNX network"))


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generator", type=named_path, metavar="GENERATOR.safetensors|MODEL.onnx")
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
        "--out",
        type=named_path,
        required=True,
        metavar="POOL.zarr|FILE.npz|FOLDER",
        help="must be new",
    )
    parser.add_argument(
        "--truncation",
        type=float,
        metavar="T",
        help="redraw each component of the noise until it is within ±T: less variety, surer images",
    )
    parser.add_argument(
        "--label",
        action="append",
        metavar="CLASS",
        dest="labels",
        help="draw this class, by its name or its number from 0; may be repeated: they take turns",
    )
    parser.add_argument("--classes", type=int, help="of an ONNX network that does not name them")
    parser.set_defaults(run=_sample)


def _add_translate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generator", type=named_path, metavar="GENERATOR.safetensors")
    parser.add_argument("inputs", metavar="SOURCE", help="the images, as its data set has them")
    parser.add_argument(
        "--out",
        type=named_path,
        required=True,
        metavar="FOLDER|FILE.npz|POOL.zarr",
        help="must be new",
    )
    parser.add_argument("--back", action="store_true", help="the other way, which a CycleGAN knows")
    _add_split(parser)
    parser.set_defaults(run=_translate)


def _add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split", choices=("train", "test"), help="of a SOURCE that has both: train, if left out"
    )


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generator", type=named_path, metavar="GENERATOR.safetensors")
    parser.add_argument("--out", type=named_path, required=True, metavar="MODEL.onnx")
    parser.add_argument(
        "--network", default=GENERATOR, help=f"another of the file's: {ENCODER} or back"
    )
    parser.add_argument(
        "--mixtures", action="store_true", help="take shares of the classes in place of a label"
    )
    parser.set_defaults(run=_export)


def _sample(options: argparse.Namespace) -> None:
    if options.count is not None and options.count < 1:
        raise ValueError(f"--count must be at least 1, got {options.count}")
    if not 0 <= options.seed <= LARGEST_SEED:
        raise ValueError(f"--seed must be from 0 to {LARGEST_SEED}, got {options.seed}")
    generator = None if options.generator.suffix == ".onnx" else load_generator(options.generator)
    if generator and options.classes is not None:
        raise ValueError(
            f"--classes is for an ONNX network: {options.generator} says itself that it has "
            f"{generator.shape.class_count}"
        )
    if generator and translates(generator):
        _sample_of_images(options, generator)
        return
    for option in ("inputs", "split"):
        if getattr(options, option) is not None:
            raise ValueError(
                f"--{option} is for a generator that translates images: this one needs none"
            )
    if options.count is None:
        raise ValueError("--count N is missing: how many images to make")
    if generator:
        _sample_of_noise(options, generator)
    else:
        _sample_onnx(options)


def _sample_of_noise(options: argparse.Namespace, generator: TrainedGenerator) -> None:
    shape = generator.shape
    classes = _classes(options, shape.class_count, generator.class_names)
    labels = generator.labels(0, options.count, classes)
    with _bar(options.count) as bar:
        batches = sample(
            generator,
            options.count,
            seed=options.seed,
            truncation=options.truncation,
            classes=classes,
            progress=bar,
        )
        size = (shape.resolution_px, shape.channels)
        save_images(options.out, batches, options.count, *size, labels)


def _classes(
    options: argparse.Namespace, class_count: int | None, names: Sequence[str]
) -> list[int] | None:
    """The classes that are asked for, None for all; ValueError for some that there are not."""
    if options.labels is None:
        return None
    if not class_count:
        check_classes([], class_count)
    return [_class(label, class_count or 0, names) for label in options.labels]


def _class(label: str, class_count: int, names: Sequence[str]) -> int:
    found = number_of(label, names, class_count)
    if found is not None:
        return found
    numbers = f"from 0 to {class_count - 1}"
    if names:
        raise ValueError(
            f"--label must be one of the classes {listed(names)}, or its number, {numbers}: got {label!r}"
        )
    raise ValueError(
        f"--label must be the number of a class, {numbers}: this file does not name its classes; "
        f"got {label!r}"
    )


def _sample_of_images(options: argparse.Namespace, generator: TrainedGenerator) -> None:
    title = generator.config.title
    if options.inputs is None:
        raise ValueError(f"{title!r} makes images of images: say which with --inputs SOURCE")
    for option in ("truncation", "labels"):
        if getattr(options, option) is not None:
            name = option.removesuffix("s")
            raise ValueError(f"--{name} is for noise, but {title!r} makes images of images")
    data = _fitting(options, generator)
    task = generator.config.translation
    given = originals(task, data.images, data.labels, options.count, seed=options.seed)
    _save_translations(options, generator, given)


def _translate(options: argparse.Namespace) -> None:
    generator = load_generator(options.generator)
    check_direction(generator, back=options.back)
    data = _fitting(options, generator)
    kept = None if generator.config.translation.task == "classes" else data.labels
    _save_translations(options, generator, Originals(data.images, kept), back=options.back)


def _fitting(options: argparse.Namespace, generator: TrainedGenerator) -> ImageSet:
    """The inputs asked for, in the size and with the channels of the generator's images."""
    shape = generator.shape
    size = {"resolution_px": shape.resolution_px, "channels": shape.channels}
    return load(options.inputs, split=options.split or "train", **size)


def _save_translations(
    options: argparse.Namespace,
    generator: TrainedGenerator,
    given: Originals,
    *,
    back: bool = False,
) -> None:
    size, count = (generator.shape.resolution_px, generator.shape.channels), len(given.images)
    with _bar(count) as bar:
        batches = translations(generator, given.images, back=back, progress=bar)
        save_images(options.out, batches, count, *size, given.labels)


def _sample_onnx(options: argparse.Namespace) -> None:
    if options.truncation is not None:
        raise ValueError("--truncation is for a GENERATOR.safetensors, not for an ONNX network")
    insecure = insecure_allowed()
    found = inspect_onnx(options.generator, class_count=options.classes, allow_insecure=insecure)
    classes = _classes(options, found.class_count, found.class_names)
    with _bar(options.count) as bar:
        batches = sample_onnx(
            options.generator,
            options.count,
            seed=options.seed,
            resolution_px=found.resolution_px,
            channels=found.channels,
            class_count=options.classes,
            classes=classes,
            progress=bar,
            allow_insecure=insecure,
        )
        every = range(found.class_count or 0)
        labels = labels_in_turn(classes or every, 0, options.count) if every else None
        size = (found.resolution_px, found.channels)
        save_images(options.out, batches, options.count, *size, labels)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar, as a function to be called with the number of images so far."""
    with tqdm(total=total, unit="image", unit_scale=True) as bar:

        def show(images: int) -> None:
            bar.update(images - bar.n)

        yield show


def _export(options: argparse.Namespace) -> None:
    require_another(options.out, options.generator)
    export(options.generator, options.out, options.network, soft_labels=options.mixtures)
    print(options.out)
