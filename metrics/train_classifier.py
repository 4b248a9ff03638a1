"""`python -m metrics.train_classifier DATA --out FILE.safetensors`: a classifier to measure with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from metrics.classifier.file import About, save
from metrics.classifier.network import without_weights
from metrics.classifier.training import accuracy, form_of, steps_within, train
from metrics.errors import ImageMismatch, MetricError
from metrics.extractors.tensors import fill
from pools.entries import ImageSet
from pools.errors import PoolError, SourceError
from pools.sources import load

SECONDS = 60.0
HELD_OUT = 6
"""Where the data are not divided, one image in six is held out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the file; 0, or 2 after one line on stderr that says what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        about = trained(
            options.data,
            options.out,
            seconds=options.seconds,
            steps=options.steps,
            seed=options.seed,
        )
    except (MetricError, PoolError, SourceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"{options.out}: {about.accuracy:.2%} of {about.held_out:,} held-out images right after "
        f"{about.steps:,} steps"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m metrics.train_classifier", description=__doc__)
    parser.add_argument(
        "data", metavar="DATA", help="labelled images, as python -m metrics reads them"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="about how long (default: %(default)s)"
    )
    parser.add_argument(
        "--steps", type=int, help="how many steps instead: the same weights again, on any day"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser


def trained(
    data: str, out: Path, *, seconds: float = SECONDS, steps: int | None = None, seed: int = 0
) -> About:
    """Train on a labelled source, write the file and return what it says of itself.

    Raises MetricError, PoolError or SourceError, before training if `out` cannot be written.
    """
    _require_place(out, steps, seconds)
    train_set, test_set = _halves(data, seed)
    images, labels = _labelled(train_set, data)
    names = train_set.class_names or tuple(map(str, range(int(labels.max()) + 1)))
    classes = len(names)
    form = form_of(images, labels, classes)
    steps = steps or steps_within(seconds, images, labels, classes=classes, seed=seed)
    with tqdm(total=steps, unit=" steps", file=sys.stderr, leave=False) as bar:
        state = train(
            images, labels, classes=classes, steps=steps, seed=seed,
            progress=lambda done, _: bar.update(done - bar.n),
        )  # fmt: skip
    right = accuracy(fill(without_weights(form), state, out), *_labelled(test_set, data))
    about = About(
        Path(data).name, names, form.resolution_px, form.channels, steps, seed, right,
        held_out=len(test_set.images),
    )  # fmt: skip
    save(out, state, about)
    return about


def _require_place(out: Path, steps: int | None, seconds: float) -> None:
    if not out.absolute().parent.is_dir():
        raise MetricError(f"the folder of {out} needs to exist")
    if seconds <= 0 or (steps is not None and steps < 1):
        raise MetricError(
            f"training needs more than 0 s or steps, got {seconds:g} s, {steps} steps"
        )


def _halves(data: str, seed: int) -> tuple[ImageSet, ImageSet]:
    """Train and test images: as the source is divided, else a sixth held out by seed."""
    whole = load(data)
    try:
        return whole, load(data, split="test")
    except SourceError:
        order = np.random.default_rng(seed).permutation(len(whole.images))
        count = len(order) // HELD_OUT
        return _chosen(whole, order[count:]), _chosen(whole, order[:count])


def _chosen(whole: ImageSet, rows: np.ndarray) -> ImageSet:
    labels = None if whole.labels is None else whole.labels[rows]
    return ImageSet(whole.images[rows], labels, whole.class_names)


def _labelled(images: ImageSet, data: str) -> tuple[np.ndarray, np.ndarray]:
    if images.labels is None:
        raise ImageMismatch(f"a classifier needs labels, the images of {data} have none")
    return images.images, images.labels


if __name__ == "__main__":
    sys.exit(main())
