"""Features of a whole pool: streamed through an extractor once, and kept by content."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metrics.errors import MetricError
from metrics.extractors.base import Extractor, Features, Images, identity, require_images
from metrics.rows import require_finite
from pools import store

READ_IMAGES = 64
"""Images read at once: a progress call every half second on one core."""

Progress = Callable[[int, int], object]
"""Called with (images done, images in all); what it returns is ignored."""


class ImagePool(Protocol):
    """Images as pools/store.py keeps them: uint8, shape (N, H, W, C), read in batches."""

    @property
    def shape(self) -> tuple[int, int, int, int]: ...
    def __len__(self) -> int: ...
    def batches(self, size: int) -> Iterator[Images]: ...
    def content_hash(self) -> str: ...


@dataclass(frozen=True)
class ArrayPool:
    """An array of uint8 images (N, H, W, C) that reads, and is cached, like a pool."""

    images: Images

    def __post_init__(self) -> None:
        require_images(self.images)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        count, height, width, channels = self.images.shape
        return count, height, width, channels

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int) -> Iterator[Images]:
        return (self.images[start : start + size] for start in range(0, len(self), size))

    def content_hash(self) -> str:
        return store.content_hash(self.shape, self.batches(store.SHARD_IMAGES))


@dataclass(frozen=True)
class FeatureCache:
    """Features in a folder, one file for each content hash and extractor."""

    folder: Path

    def get(self, content_hash: str, extractor: Extractor) -> Features | None:
        """Return what was put for these pixels and this extractor; None if absent or damaged."""
        try:
            with np.load(self._path(content_hash, extractor), allow_pickle=False) as kept:
                return Features(kept["features"], kept.get("probabilities"))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def put(self, content_hash: str, extractor: Extractor, features: Features) -> None:
        """Keep features; a reader sees the whole file or none, also if the writer is killed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[np.float32]] = {"features": features.features}
        if features.probabilities is not None:
            arrays["probabilities"] = features.probabilities
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as part:
            try:
                np.savez(part, allow_pickle=False, **arrays)
                part.close()
                Path(part.name).replace(self._path(content_hash, extractor))
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise

    def _path(self, content_hash: str, extractor: Extractor) -> Path:
        key = f"{content_hash}\n{identity(extractor)}"
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"


def pool_features(
    pool: ImagePool,
    extractor: Extractor,
    *,
    cache: FeatureCache | None = None,
    progress: Progress | None = None,
) -> Features:
    """Return the features of all images of a pool, in its order, from the cache if they are there.

    Memory holds the features and one batch of images. Raises NotFinite naming the first image
    whose features are NaN or infinite; such features are never kept.
    """
    report = progress or _silent
    if cache is None:
        return _extracted(pool, extractor, report)
    content_hash = pool.content_hash()
    kept = cache.get(content_hash, extractor)
    if kept is None:
        kept = _extracted(pool, extractor, report)
        cache.put(content_hash, extractor, kept)
    report(len(pool), len(pool))
    return kept


def _extracted(pool: ImagePool, extractor: Extractor, progress: Progress) -> Features:
    parts: list[Features] = []
    done = 0
    for images in pool.batches(READ_IMAGES):
        part = extractor.extract(images)
        require_finite(part.features, first_image=done)
        parts.append(part)
        done += len(part)
        progress(done, len(pool))
    if done != len(pool):
        raise MetricError(f"a pool of {len(pool):,} images gave {done:,}")
    return _joined(parts)


def _joined(parts: list[Features]) -> Features:
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    return Features(
        np.concatenate([part.features for part in parts]),
        np.concatenate(probabilities) if probabilities else None,
    )


def _silent(done: int, total: int) -> None:
    pass
