"""Images from wherever they come: folders, archives, arrays, shipped packs and pools."""

from __future__ import annotations

import tarfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np

from pools import store
from pools.archives import file_at, files_in_folder, files_in_tar, files_in_zip
from pools.cifar import has_cifar, source_of_cifar
from pools.emoji import MAGIC as FONT_MAGIC
from pools.emoji import source_of_emoji
from pools.entries import Entry, File, ImageSet, Source
from pools.errors import (
    MAX_LISTED,
    BadImages,
    PoolError,
    Rejected,
    Rejection,
    SourceError,
    SourceWarning,
)
from pools.files import listed, source_of_files
from pools.foreign import START_BYTES, require_pictures, told
from pools.idx import MAGIC, has_idx, labels_name, source_of_idx, source_of_pair
from pools.npy import MAGIC as NPY_MAGIC
from pools.npy import has_npy, source_of_npy, source_of_one_npy
from pools.packs import available_packs, has_pack, pack_path, source_of_pack
from pools.resize import fit, resized, with_channels
from pools.store import Images, Pool
from pools.stylegan import has_stylegan, source_of_stylegan
from pools.unpack import is_compressed, unpacked
from pools.webdataset import has_webdataset, source_of_webdataset
from pools.zarr_array import opened_array, source_of_zarr

__all__ = [
    "BadImages",
    "Entry",
    "ImageSet",
    "Rejected",
    "Rejection",
    "Source",
    "SourceError",
    "import_images",
    "load",
    "open_source",
]

FEWEST_IMAGES = 2
"""In an upload: no figure can be had of fewer."""

Progress = Callable[[int, int], None]
"""Called with the number of images done, and of all."""

ZIP_MAGIC = b"PK"
ZARR = ("zarr.json", ".zarray", ".zgroup")
"""What lies in every Zarr folder, the last two in those of format 2, which pools are not."""

NO_IMAGES = "it is no folder, zip, tar, .npz, .npy, .zarr or idx file, and no shipped pack"


def open_source(path: str | Path, *, split: str = "train") -> Source:
    """The images at `path`, none of them decoded yet, in an order that never changes.

    `path` is a folder (flat, or a sub-folder a class), a zip or tar(.gz, .bz2, .xz) of one, an
    .npz or .npy, a pool (.zarr or URL), a plain Zarr array in a folder, idx files or a folder of
    them, CIFAR-10's python archive, images beside StyleGAN's `dataset.json`, a WebDataset tar, a
    font of emoji, or the name of a shipped pack. `split` is "train" or "test"; what is not divided is all "train".
    Raises SourceError if it cannot be read.
    """
    if split not in ("train", "test"):
        raise SourceError(f'split must be "train" or "test", got {split!r}')
    with ExitStack() as stack:
        try:
            source = _source(path, split, stack)
        except Exception as error:  # whatever hostile bytes bring about, the source is refused
            raise SourceError(f"cannot take images from {path}: {error}") from error
        return replace(source, resources=stack.pop_all())


def load(
    path: str | Path,
    *,
    resolution_px: int | None = None,
    channels: int | None = None,
    split: str = "train",
    limit: int | None = None,
) -> ImageSet:
    """All images (or the first `limit`) of a source in memory, as `fit` makes them.

    Without `resolution_px` the images must all be of one size, which they keep; without
    `channels` they are RGB if any of them is. Raises BadImages naming every file that could not
    be taken, SourceError if the source cannot be read; warns with SourceWarning of what is left out.

    >>> load("mnist", limit=3).images.shape
    (3, 28, 28, 1)
    """
    change = _untouched if resolution_px is None else partial(resized, resolution_px=resolution_px)
    rejected: list[Rejected] = []
    images: list[Images] = []
    labels: list[int | None] = []
    with open_source(path, split=split) as source:
        if source.warning:
            warnings.warn(f"{path}: {source.warning}", SourceWarning, stacklevel=1)
        for entry, image in _accepted(islice(source, limit), rejected, change):
            images.append(image)
            labels.append(entry.label)
            if images[-1].shape[:2] != images[0].shape[:2]:
                rejected.append(Rejected(entry.name, _other_size(image, images[0])))
    if rejected:
        raise BadImages(rejected)
    if not images:
        raise SourceError(f"at least 1 image must be taken from {path}, got a limit of {limit}")
    channels = channels or max(image.shape[2] for image in images)
    return ImageSet(
        np.stack([with_channels(image, channels) for image in images]),
        np.array(labels, np.int64) if source.labelled else None,
        source.class_names,
    )


def import_images(
    source: Source,
    url: str | Path,
    *,
    resolution_px: int,
    channels: int,
    progress: Progress | None = None,
    max_rejected_listed: int = MAX_LISTED,
) -> Pool:
    """A new pool at `url` with every image of a source, or, if one cannot be taken, nothing.

    Goes through the whole source, a shard of the pool in memory at a time. Raises BadImages with
    every file that was refused (the message lists the first `max_rejected_listed`), PoolError if
    the pool cannot be written; either way nothing is left at `url`.
    """
    pool = store.create(
        url,
        count=len(source),
        resolution_px=resolution_px,
        channels=channels,
        labelled=source.labelled,
    )
    try:
        rejected = _fill(pool, source, progress or _no_progress)
        if rejected:
            raise BadImages(rejected, max_listed=max_rejected_listed)
    except BaseException:
        store.remove(url)
        raise
    return pool


def _fill(pool: Pool, source: Source, progress: Progress) -> list[Rejected]:
    _, resolution_px, _, channels = pool.shape
    rejected: list[Rejected] = []
    entries = iter(source)
    change = partial(fit, resolution_px=resolution_px, channels=channels)
    for start in range(0, len(pool), pool.shard_images):
        taken = list(_accepted(islice(entries, pool.shard_images), rejected, change))
        if not rejected:
            images = [image for _, image in taken]
            labels = np.array([entry.label for entry, _ in taken]) if source.labelled else None
            pool.write(start, np.stack(images), labels)
        progress(min(start + pool.shard_images, len(pool)), len(pool))
    return rejected


def _untouched(image: Images) -> Images:
    return image


def _no_progress(done: int, total: int) -> None:
    """Tells nobody."""


def _accepted(
    entries: Iterable[Entry], rejected: list[Rejected], change: Callable[[Images], Images]
) -> Iterator[tuple[Entry, Images]]:
    """Images as they are decoded and changed; those that cannot be are added to `rejected`."""
    for entry in entries:
        try:
            yield entry, change(entry.decode())
        except Rejection as reason:
            rejected.append(Rejected(entry.name, str(reason)))


def _other_size(image: Images, first: Images) -> str:
    height_px, width_px = image.shape[:2]
    return (
        f"is {width_px} × {height_px} px, the first image is {first.shape[1]} × {first.shape[0]}: "
        f"give one resolution for all"
    )


def _source(path: str | Path, split: str, stack: ExitStack) -> Source:
    if not str(path):
        raise SourceError("no name was given")
    if str(path) in available_packs():
        return _of_files(path, files_in_zip(pack_path(str(path)), stack), split, stack)
    if "://" in str(path):
        return _of_pool(path, split)
    path = Path(path)
    if any((path / name).is_file() for name in ZARR):
        return _of_zarr(path, split)
    if path.is_dir():
        return _of_files(path, files_in_folder(path), split, stack)
    if not path.exists():
        raise SourceError(f"it does not exist, nor is it one of {', '.join(available_packs())}")
    if not path.is_file():
        raise SourceError("it is neither a file nor a folder: a device or pipe has no end")
    with path.open("rb") as stream:
        start = stream.read(len(ZIP_MAGIC))
    if start == ZIP_MAGIC:
        return _of_files(path, files_in_zip(path, stack), split, stack)
    return _of_stream(path, split, stack)


def _of_stream(path: Path, split: str, stack: ExitStack) -> Source:
    file = file_at(path, path.name)
    plain = unpacked(file, stack) if is_compressed(file) else stack.enter_context(path.open("rb"))
    start = plain.read(len(NPY_MAGIC))
    plain.seek(0)
    if start == NPY_MAGIC:
        _require_train(split)
        return source_of_one_npy(plain, path.name)
    if start.startswith(FONT_MAGIC):
        _require_train(split)
        return source_of_emoji(path)
    if start.startswith(MAGIC):
        _require_train(split)
        labels = path.with_name(labels_name(path.name))
        has_labels = labels != path and labels.is_file()
        return source_of_pair(file, file_at(labels, labels.name) if has_labels else None, stack)
    if not tarfile.is_tarfile(plain):
        plain.seek(0)
        known = told(path.name, plain.read(START_BYTES))
        raise SourceError(known or f"{NO_IMAGES} ({', '.join(available_packs())})")
    plain.seek(0)
    return _of_files(path, files_in_tar(path.name, plain, stack), split, stack)


def _of_files(path: str | Path, files: Sequence[File], split: str, stack: ExitStack) -> Source:
    zarrs = [file.name for file in files if PurePosixPath(file.name).name in ZARR]
    if zarrs:
        place = min(
            (PurePosixPath(name).parent for name in zarrs), key=lambda each: len(each.parts)
        )
        raise SourceError(f"there is Zarr in it: {_advice(path, place)}")
    files = listed(files)
    if has_pack(files):
        return source_of_pack(files, split)
    if has_cifar(files):
        return source_of_cifar(files, split)
    if has_idx(files):
        return source_of_idx(files, split, stack)
    if has_npy(files):
        return source_of_npy(files, split, stack)
    if has_stylegan(files):
        return source_of_stylegan(files, split)
    if has_webdataset(files):
        return source_of_webdataset(files, split)
    require_pictures(files)
    return source_of_files(files, split)


def _advice(path: str | Path, place: PurePosixPath) -> str:
    """How to have what lies at a place in a folder or archive read as Zarr."""
    if Path(path).is_dir():
        return f"name {Path(path) / place} instead"
    folder = f"the folder {place}" if place.parts else "the folder that it was unpacked to"
    return f"Zarr is read from folders alone: unpack it, and name {folder}"


def _require_train(split: str) -> None:
    if split != "train":
        raise SourceError(f"one file or array is not divided, so there are no images for {split}")


def _of_zarr(path: Path, split: str) -> Source:
    array = opened_array(path)
    if array is None:
        return _of_pool(path, split)
    _require_train(split)
    return source_of_zarr(array, path.name)


def _of_pool(url: str | Path, split: str) -> Source:
    if split != "train":
        raise SourceError(f"a pool is not divided, so there are no images for {split}")
    pool = store.open_pool(url)
    if not len(pool):
        raise SourceError("there are no images")
    pool.require_whole()
    labels = pool.labels

    def entries() -> Iterator[Entry]:
        for start in range(0, len(pool), pool.shard_images):
            try:
                images = pool.read(start, min(start + pool.shard_images, len(pool)))
            except PoolError as error:
                raise SourceError(str(error)) from error
            for index, image in enumerate(images, start):
                label = None if labels is None else int(labels[index])
                yield Entry(f"image {index}", label, partial(np.asarray, image))

    return Source(len(pool), labels is not None, entries)
