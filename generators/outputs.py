"""Where sampled images are put: a pool, an .npz file, or a folder of PNG files."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generators.data import Images
from pools.stimulus import encode
from pools.store import create

Labels = NDArray[np.int64]


class OutputError(ValueError):
    """A place that images cannot be written to, and why."""


def save_images(
    out: Path,
    batches: Iterable[Images],
    count: int,
    resolution_px: int,
    channels: int,
    labels: Labels | None,
) -> None:
    """Writes `count` images from image 0 on to `out`, whose suffix tells the kind.

    `.zarr` and `.npz` hold their labels (count,) too, if there are any. Nothing is at `out` before
    all is written. Raises OutputError if `out` exists, or is being written.
    """
    _check_new(out)
    if out.suffix not in ("", ".zarr", ".npz"):
        raise OutputError(f"{out} must be a folder, or end in .zarr or .npz")
    out.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(out) as place:
        if out.suffix == ".zarr":
            _save_pool(place, batches, (count, resolution_px, channels), labels)
        elif out.suffix == ".npz":
            _save_npz(place, batches, labels)
        else:
            _save_folder(place, batches, count)


def _check_new(out: Path) -> None:
    if out.exists():
        raise OutputError(f"there is something at {out} already: choose a new place")


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """A place beside `out` that becomes it at the end; what is left there by a killed process goes."""
    place = out.with_name(f".unfinished-{out.name}")
    with _alone(place.with_name(f"{place.name}.lock"), out):
        _remove(place)
        try:
            yield place
            _check_new(out)
            place.rename(out)
        finally:
            _remove(place)


@contextmanager
def _alone(lock: Path, out: Path) -> Iterator[None]:
    """Holds the lock, which ends with its process; OutputError if another one holds it."""
    with lock.open("a") as file:
        if not _taken(file.fileno(), lock):
            raise OutputError(
                f"another process is writing {out}: let it end, or choose a new place"
            )
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _taken(descriptor: int, lock: Path) -> bool:
    """Whether the open file was free, and is still the lock: who held it before has removed its own."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # a file system that knows no locks
        return True


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _save_pool(
    out: Path, batches: Iterable[Images], shape: tuple[int, int, int], labels: Labels | None
) -> None:
    count, resolution_px, channels = shape
    pool = create(
        out,
        count=count,
        resolution_px=resolution_px,
        channels=channels,
        labelled=labels is not None,
    )
    start = 0
    for images in batches:
        stop = start + len(images)
        pool.write(start, images, None if labels is None else labels[start:stop])
        start = stop


def _save_npz(out: Path, batches: Iterable[Images], labels: Labels | None) -> None:
    arrays: dict[str, NDArray[Any]] = {"images": np.concatenate(list(batches))}
    if labels is not None:
        arrays["labels"] = labels
    np.savez_compressed(out, allow_pickle=False, **arrays)


def _save_folder(out: Path, batches: Iterable[Images], count: int) -> None:
    out.mkdir()
    digits = len(str(count - 1))
    images = (image for batch in batches for image in batch)
    for index, image in enumerate(images):
        (out / f"{index:0{digits}}.png").write_bytes(encode(image))
