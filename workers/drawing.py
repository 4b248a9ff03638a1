"""The images of a pool: from a trained network, an uploaded one, or an archive."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from django.conf import settings

from evalsite.catalog.models import Dataset, Generator, Pool
from evalsite.jobs import Lease
from pools import sources, store

if TYPE_CHECKING:
    from generators.sampling import TrainedGenerator

Batch = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Drawn:
    """Images in batches, and the class (N,) that each was asked to show, None without classes."""

    batches: Iterator[Batch]
    labels: Labels | None


def draw(lease: Lease[Pool], generator: Generator) -> store.Pool:
    """Write the images of a pool, in place of what a worker that died may have left."""
    with tempfile.TemporaryDirectory() as folder:
        local = _fetched(generator, Path(folder))
        if generator.kind == Generator.Kind.ARCHIVE:
            return _read_archive(lease, local, generator.dataset)
        of_kind = _trained if generator.kind == Generator.Kind.TRAINED else _onnx
        return _written(lease, of_kind(local, lease.row, generator.dataset), generator.dataset)


def _fetched(generator: Generator, folder: Path) -> Path:
    """A local copy of the generator's file, wherever it is stored; what it is called there tells nobody anything."""
    stem = "generator" if generator.kind == Generator.Kind.TRAINED else "upload"
    local = folder / f"{stem}{Path(generator.file.name or '').suffix}"
    with generator.file.open() as stored, local.open("wb") as copy:
        shutil.copyfileobj(stored, copy)
    return local


def _trained(path: Path, pool: Pool, dataset: Dataset) -> Drawn:
    from generators.sampling import load_generator

    return drawn_by(
        load_generator(path), dataset, pool.count, seed=pool.seed, classes=pool.classes or None
    )


def drawn_by(
    network: "TrainedGenerator",
    dataset: Dataset,
    count: int,
    *,
    seed: int,
    classes: Sequence[int] | None = None,
    fewer: bool = False,
) -> Drawn:
    """What a trained network makes: of noise or, if it translates images, of as many held-out ones.

    Of noise `classes` take turns, all if None. Too few held-out images are an error or, with `fewer`,
    make as many images as they are.
    """
    from generators.sampling import sample
    from generators.translating import originals, translates, translations

    if not translates(network):
        batches = sample(network, count, seed=seed, classes=classes)
        return Drawn(batches, network.labels(0, count, classes))
    real = dataset.held_out_pool.open()
    images = real.read(0, len(real))
    wanted = None if fewer else count
    given = originals(network.config.translation, images, real.labels, wanted, seed=seed)
    labels = None if given.labels is None else given.labels[:count]
    return Drawn(translations(network, given.images[:count]), labels)


def _onnx(path: Path, pool: Pool, dataset: Dataset) -> Drawn:
    from generators.noise import balanced_labels
    from generators.onnx_sampling import inspect_onnx, sample_onnx

    class_count = len(dataset.class_names) or None
    limits: dict[str, Any] = {
        "class_count": class_count,
        "timeout_s": settings.ONNX_TIMEOUT_S,
        "memory_mb": settings.ONNX_MEMORY_MB,
        "largest_mb": settings.ONNX_MAX_MB,
        "allow_insecure": settings.INSECURE_SANDBOX,
    }
    shows_classes = class_count and inspect_onnx(path, **limits).class_count == class_count
    batches = sample_onnx(
        path,
        pool.count,
        seed=pool.seed,
        resolution_px=dataset.resolution_px,
        channels=dataset.channels,
        **limits,
    )
    labels = balanced_labels(class_count, 0, pool.count) if class_count and shows_classes else None
    return Drawn(batches, labels)


def _written(lease: Lease[Pool], drawn: Drawn, dataset: Dataset) -> store.Pool:
    pool = lease.row
    written = store.create(
        pool.url,
        count=pool.count,
        resolution_px=dataset.resolution_px,
        channels=dataset.channels,
        labelled=drawn.labels is not None,
        overwrite=True,
    )
    report, start = _reporter(lease, "sampled"), 0
    for batch in drawn.batches:
        stop = start + len(batch)
        written.write(start, batch, None if drawn.labels is None else drawn.labels[start:stop])
        report(stop, pool.count)
        start = stop
    return written


def _read_archive(lease: Lease[Pool], path: Path, dataset: Dataset) -> store.Pool:
    store.remove(lease.row.url)
    with sources.open_source(path) as source:
        if len(source) < sources.FEWEST_IMAGES:
            raise sources.SourceError(
                f"an archive needs at least {sources.FEWEST_IMAGES} images, got {len(source)}"
            )
        return sources.import_images(
            in_classes(source, dataset.class_names),
            lease.row.url,
            resolution_px=dataset.resolution_px,
            channels=dataset.channels,
            progress=_reporter(lease, "reading"),
        )


def in_classes(source: sources.Source, names: Sequence[str]) -> sources.Source:
    """The source with its labels as numbers of these classes; without labels if it has others.

    Classes that have names are found by them, those that have none by their numbers.
    """
    own = names if source.class_names is None else source.class_names
    if not source.labelled or not names or not set(own) <= set(names):
        return replace(source, labelled=False)
    numbers = {label: names.index(name) for label, name in enumerate(own)}

    def entries() -> Iterator[sources.Entry]:
        for entry in source:
            label = store.UNLABELLED if entry.label is None else entry.label
            yield replace(entry, label=numbers.get(label, store.UNLABELLED))

    return replace(source, entries=entries, class_names=tuple(names))


def _reporter(lease: Lease[Pool], note: str) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        lease.report(done / total, f"{note} {done:,} of {total:,} images")

    return report
