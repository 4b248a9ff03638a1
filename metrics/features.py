"""Features of whole pools: computed in ranges, once, and handed over in an order of their own."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metrics import parallel
from metrics.errors import MetricError
from metrics.extractors import catalog
from metrics.extractors.base import (
    Extractor,
    Features,
    Floats32,
    Images,
    StreamingExtractor,
    identity,
)
from metrics.feature_cache import Digests, Entry, FeatureCache, Part, Whole
from metrics.gaussian import Gaussian
from metrics.image_pools import ImagePool, digests, read_at
from metrics.rows import require_finite
from pools.store import Labels

__all__ = [
    "FeatureCache",
    "PoolFeatures",
    "PoolProgress",
    "Progress",
    "extract_range",
    "features_of",
    "pool_features",
]

READ_IMAGES = 64
"""Images read, and reported, at once."""

RANGE_IMAGES = 512
"""Images of the largest part of the cache: what a process holds in memory, and loses if it is killed."""

TASKS_A_WORKER = 8

Progress = Callable[[int, int], object]
"""Called with (images done, images in all); what it returns is ignored."""

PoolProgress = Callable[[int, int], object]
"""Called with (which of the pools, its images done); what it returns is ignored."""


@dataclass(frozen=True)
class PoolFeatures:
    """The features (n, d) of a pool's images, sorted by digest, so that their order tells nothing.

    `probabilities` (n, k) is None where the extractor has no classes, `labels` (n,) where the pool
    has none. `order` (n,) holds each row's position in the pool. `extractor` is the line that
    tells extractors apart, `name` the extractor's name, `images` the pool itself. Arrays are
    mapped from disk.
    """

    features: Floats32
    probabilities: Floats32 | None
    digests: Digests
    order: NDArray[np.int64]
    labels: Labels | None
    extractor: str
    name: str
    images: ImagePool

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def gaussian(self) -> Gaussian:
        """The normal distribution fitted to the features."""
        return Gaussian.of_features(self.features)

    def first(self, n: int) -> PoolFeatures:
        """The first n images in the order of digests, which is a draw that no seed moves."""
        return self if n >= len(self) else self._taken(slice(n))

    def of_classes(self, labels: Labels) -> PoolFeatures:
        """The images of some classes, in the same order; of a pool without labels, none."""
        own = np.empty(0, np.int64) if self.labels is None else self.labels
        return self._taken(np.flatnonzero(np.isin(own, labels)))

    def _taken(self, rows: slice | NDArray[np.int64]) -> PoolFeatures:
        return replace(
            self,
            features=self.features[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            digests=self.digests[rows],
            order=self.order[rows],
            labels=None if self.labels is None else self.labels[rows],
        )

    def pixels(self, n: int) -> Images:
        """The images of the first n rows, in the order of the rows."""
        return read_at(self.images, self.order[:n])


def extract_range(
    pool: ImagePool,
    extractor: Extractor,
    start: int,
    stop: int,
    cache: FeatureCache,
    *,
    content_hash: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Compute the features of images start to stop (exclusive) into the cache: a unit of work.

    What is there already is not computed again, so a range that comes twice costs nothing, and
    ranges may overlap; one that is broken off leaves what was computed of it. Any ranges that cover
    a pool make the same features bit for bit. `content_hash` spares reading the pool for it where it
    is known. Raises NotFinite naming the first image whose features are NaN or infinite.
    """
    entry = cache.entry(content_hash or pool.content_hash(), extractor)
    _require_range(pool, start, stop)
    gaps = entry.gaps(start, stop)
    total = stop - start
    done = total - sum(last - first for first, last in gaps)
    for first, last in gaps:
        with closing(_kept(entry, _extracted(pool, extractor, first, last))) as counts:
            for images in counts:
                done += images
                if progress:
                    progress(done, total)
    if progress and not gaps:
        progress(total, total)


def pool_features(
    pool: ImagePool,
    extractor: Extractor,
    *,
    cache: FeatureCache | None = None,
    content_hash: str | None = None,
    recipe: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> PoolFeatures:
    """Return the features of all images of one pool: see `features_of`."""
    (found,) = features_of(
        [pool],
        extractor,
        cache=cache,
        hashes=[content_hash] if content_hash else None,
        recipe=recipe,
        workers=workers,
        progress=(lambda _, done: progress(done, len(pool))) if progress else None,
    )
    return found


def features_of(
    pools: Sequence[ImagePool],
    extractor: Extractor,
    *,
    cache: FeatureCache | None = None,
    hashes: Sequence[str] | None = None,
    recipe: str | None = None,
    workers: int = 1,
    progress: PoolProgress | None = None,
) -> list[PoolFeatures]:
    """Return the features of all images of some pools, computing those that the cache has not.

    Features lie on disk, without a cache in a temporary folder, and are mapped: memory holds a
    range of them for each worker. One worker is this process, on as many threads as it has; more
    are processes of one thread each, which create the extractor by its name, `recipe`, or without
    one get a pickled copy. `hashes` are the pools' content hashes, where they are known.

    Raises NotFinite naming the first image whose features are NaN or infinite, WorkerDied.
    """
    hashes = hashes or [pool.content_hash() for pool in pools]
    with tempfile.TemporaryDirectory(prefix="features-") as folder:
        kept = cache or FeatureCache(Path(folder))
        given = recipe if recipe and workers > 1 else extractor
        job = Extraction(tuple(pools), tuple(hashes), given, kept)
        entries = [kept.entry(each, extractor) for each in hashes]
        for _ in range(2):  # once more if what was kept turns out to be damaged
            _fill(job, entries, workers, progress or _silent)
            found = [
                _of_pool(whole, pool, extractor)
                for entry, pool in zip(entries, pools, strict=True)
                if (whole := entry.intact() or entry.assemble(len(pool)))
            ]
            if len(found) == len(pools):
                return found
    raise MetricError(f"features cannot be read back from {kept.folder}")


Task = tuple[int, int, int]
"""Which pool, and which images of it: start to stop (exclusive)."""


@dataclass(frozen=True)
class Extraction:
    """Features of ranges of some pools, as a job for processes: it travels, its network does not."""

    pools: tuple[ImagePool, ...]
    hashes: tuple[str, ...]
    extractor: str | Extractor
    cache: FeatureCache

    @cached_property
    def network(self) -> Extractor:
        return catalog.create(self.extractor) if isinstance(self.extractor, str) else self.extractor

    def do(self, task: Task, report: Callable[[int], object]) -> None:
        """Extract one range; `report` hears how many of its images are done."""
        index, start, stop = task
        extract_range(
            self.pools[index],
            self.network,
            start,
            stop,
            self.cache,
            content_hash=self.hashes[index],
            progress=lambda done, _: report(done),
        )


def _fill(job: Extraction, entries: Sequence[Entry], workers: int, progress: PoolProgress) -> None:
    """Compute what the cache has not."""
    gaps = [
        (index, *gap)
        for index, (pool, entry) in enumerate(zip(job.pools, entries, strict=True))
        for gap in entry.gaps(0, len(pool))
    ]
    tasks = _tasks(gaps, workers)
    done, done_of_task = list(map(len, job.pools)), [0] * len(tasks)
    for index, start, stop in gaps:
        done[index] -= stop - start

    def report(task: int, now: int) -> None:
        index = tasks[task][0]
        done[index] += now - done_of_task[task]
        done_of_task[task] = now
        progress(index, done[index])

    for index, images in enumerate(done):
        progress(index, images)
    parallel.run(job, tasks, workers=workers, report=report)


def _tasks(gaps: Sequence[Task], workers: int) -> list[Task]:
    """Ranges small enough that workers end together, in multiples of what is read at once.

    One worker has nobody to wait for, and makes no pause between ranges where there is one.
    """
    if workers == 1:
        return list(gaps)
    missing = sum(stop - start for _, start, stop in gaps)
    reads = -(-missing // (workers * TASKS_A_WORKER * READ_IMAGES))
    size = min(max(reads, 1) * READ_IMAGES, RANGE_IMAGES)
    return [
        (index, at, min(at + size, stop))
        for index, start, stop in gaps
        for at in range(start, stop, size)
    ]


def _kept(entry: Entry, parts: Generator[Part, None, None]) -> Generator[int, None, None]:
    """Put parts into the cache, some joined to one, and yield how many images each has.

    Whatever ends this, the parts that came before it are kept.
    """
    waiting: list[Part] = []

    def put() -> None:
        joined = _joined(waiting)
        waiting.clear()
        entry.put(joined)

    with closing(parts):
        try:
            for part in parts:
                waiting.append(part)
                yield len(part.digests)
                if len(waiting) * READ_IMAGES >= RANGE_IMAGES:
                    put()
        finally:
            if waiting:
                put()


def _extracted(
    pool: ImagePool, extractor: Extractor, first: int, last: int
) -> Generator[Part, None, None]:
    """Yield the features of READ_IMAGES images at a time; more may have been read."""
    read: deque[tuple[int, Digests]] = deque()

    def chunks() -> Iterator[Images]:
        for at in range(first, last, READ_IMAGES):
            images = _read(pool, at, min(at + READ_IMAGES, last))
            read.append((at, digests(images)))
            yield images

    with closing(_features(extractor, chunks())) as found:
        for rows in found:
            at, of_images = read.popleft()
            require_finite(rows.features, first_image=at)
            yield Part(at, rows, of_images)


def _features(extractor: Extractor, chunks: Iterator[Images]) -> Generator[Features, None, None]:
    if isinstance(extractor, StreamingExtractor):
        yield from extractor.stream(chunks)
    else:
        yield from map(extractor.extract, chunks)


def _read(pool: ImagePool, start: int, stop: int) -> Images:
    images = pool.read(start, stop)
    if len(images) != stop - start:
        raise MetricError(f"a pool of {len(pool):,} images gave {start + len(images):,}")
    return images


def _joined(parts: Sequence[Part]) -> Part:
    probabilities = [
        each.rows.probabilities for each in parts if each.rows.probabilities is not None
    ]
    rows = Features(
        np.concatenate([each.rows.features for each in parts]),
        np.concatenate(probabilities) if probabilities else None,
    )
    return Part(parts[0].start, rows, np.concatenate([each.digests for each in parts]))


def _of_pool(whole: Whole, pool: ImagePool, extractor: Extractor) -> PoolFeatures:
    labels = pool.labels
    return PoolFeatures(
        whole.features,
        whole.probabilities,
        whole.digests,
        whole.order,
        None if labels is None else labels[whole.order],
        identity(extractor),
        extractor.name,
        pool,
    )


def _silent(pool: int, done: int) -> None:
    pass


def _require_range(pool: ImagePool, start: int, stop: int) -> None:
    if not 0 <= start < stop <= len(pool):
        raise MetricError(f"a range needs to lie within 0 to {len(pool):,}, got {start} to {stop}")
