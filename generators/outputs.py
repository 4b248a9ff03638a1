"""Where sampled images are put: a pool, an .npz file, or a folder of PNG files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from generators.data import Images
from generators.noise import balanced_labels
from pools.stimulus import encode
from pools.store import create


class OutputError(ValueError):
    """A place that images cannot be written to, and why."""


def save_images(
    out: Path,
    batches: Iterable[Images],
    count: int,
    resolution_px: int,
    channels: int,
    class_count: int,
) -> None:
    """Writes `count` images from image 0 on to `out`, whose suffix tells the kind.

    `.zarr` and `.npz` hold the labels too, if there are classes. Raises OutputError if `out` exists.
    """
    if out.exists():
        raise OutputError(f"there is something at {out} already: choose a new place")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".zarr":
        _save_pool(out, batches, (count, resolution_px, channels), class_count)
    elif out.suffix == ".npz":
        _save_npz(out, batches, class_count)
    elif out.suffix:
        raise OutputError(f"{out} must be a folder, or end in .zarr or .npz")
    else:
        _save_folder(out, batches, count)


def _save_pool(
    out: Path, batches: Iterable[Images], shape: tuple[int, int, int], class_count: int
) -> None:
    count, resolution_px, channels = shape
    pool = create(
        out,
        count=count,
        resolution_px=resolution_px,
        channels=channels,
        labelled=class_count > 0,
    )
    start = 0
    for images in batches:
        labels = balanced_labels(class_count, start, len(images)) if class_count else None
        pool.write(start, images, labels)
        start += len(images)


def _save_npz(out: Path, batches: Iterable[Images], class_count: int) -> None:
    arrays = {"images": np.concatenate(list(batches))}
    if class_count:
        arrays["labels"] = balanced_labels(class_count, 0, len(arrays["images"]))
    np.savez_compressed(out, allow_pickle=False, **arrays)


def _save_folder(out: Path, batches: Iterable[Images], count: int) -> None:
    out.mkdir()
    digits = len(str(count - 1))
    images = (image for batch in batches for image in batch)
    for index, image in enumerate(images):
        (out / f"{index:0{digits}}.png").write_bytes(encode(image))
