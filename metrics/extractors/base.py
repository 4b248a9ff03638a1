"""What an extractor is, and what it gives: features and class probabilities in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metrics.errors import ImageMismatch

Images = NDArray[np.uint8]
Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """Float32 features (n, d) and class probabilities (n, k), None where there are no classes."""

    features: Floats32
    probabilities: Floats32 | None

    def __len__(self) -> int:
        return len(self.features)


class Extractor(Protocol):
    """Turns uint8 images (n, H, W, C), C 1 or 3, into features, each image by itself."""

    @property
    def name(self) -> str:
        """The name it is asked for by, and that figures carry."""

    @property
    def version(self) -> str:
        """Which weights, and which precision."""

    @property
    def resize(self) -> str:
        """How images are brought to the network's size."""

    def extract(self, images: Images) -> Features:
        """Return the features of n ≥ 1 images; batching changes no digit."""


@runtime_checkable
class StreamingExtractor(Extractor, Protocol):
    """One that is faster if it is given all chunks of images at once."""

    def stream(self, chunks: Iterable[Images]) -> Iterator[Features]:
        """Yield what `extract` returns of each chunk; some may be taken before one is yielded."""


def identity(extractor: Extractor) -> str:
    """Return the line that tells extractors apart; features of different lines never mix."""
    return f"{extractor.name} ({extractor.version}; {extractor.resize})"


def require_images(images: Images) -> None:
    """Raise ImageMismatch unless images are uint8 of shape (n, H, W, 1 or 3), none empty."""
    shape = images.shape
    if images.dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3) or 0 in shape:
        raise ImageMismatch(
            "an extractor needs uint8 images of shape (n, height, width, 1 or 3), "
            f"got {images.dtype} of shape {shape}"
        )
