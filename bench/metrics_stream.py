"""Images without end and an extractor that costs nothing, for what depends on their number alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from metrics.extractors.base import Features, Images

SIDE_PX = 32
DIMENSIONS = 2048
IMAGE_BYTES = SIDE_PX * SIDE_PX * 3
COUNTER_BYTES = 32
"""What Philox gives for one step of its counter."""


@dataclass(frozen=True)
class StreamedPool:
    """Images of noise, made as they are read: any range of them, each always the same."""

    count: int
    seed: int = 0
    labels: None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.count, SIDE_PX, SIDE_PX, 3

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int) -> Images:
        at = start * (IMAGE_BYTES // COUNTER_BYTES)
        noise = np.random.Philox(key=self.seed, counter=at)
        raw = noise.random_raw((stop - start) * IMAGE_BYTES // 8)
        return raw.view(np.uint8).reshape(-1, SIDE_PX, SIDE_PX, 3)

    def batches(self, size: int) -> Iterator[Images]:
        for start in range(0, self.count, size):
            yield self.read(start, min(start + size, self.count))

    def content_hash(self) -> str:
        return f"noise {self.seed}, {self.count} images"


class CheapExtractor:
    """The first 2,048 bytes of an image, from 0 to 1: as many features as Inception-v3 gives."""

    name, version, resize = "bytes", "first 2,048", "none"

    def extract(self, images: Images) -> Features:
        rows = images.reshape(len(images), -1)[:, :DIMENSIONS]
        return Features(rows.astype(np.float32) / 255, None)
