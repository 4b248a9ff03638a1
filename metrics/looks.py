"""What images look like apart from any extractor's features, taken in one reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.distances import Indices
from metrics.duplicates import Prints
from metrics.extractors.base import Floats32, Images
from metrics.thumbnails import coarse_pixels


@dataclass(frozen=True)
class Looks:
    """Of n images: what tells duplicates apart, and coarse pixels (n, 144), near for near copies."""

    prints: Prints
    coarse: Floats32

    def __len__(self) -> int:
        return len(self.coarse)

    @classmethod
    def of(cls, images: Images) -> Looks:
        """Return those of uint8 images (n, H, W, 1 or 3)."""
        return cls(Prints.of(images), coarse_pixels(images))

    @classmethod
    def joined(cls, parts: Sequence[Looks]) -> Looks:
        """Return those of all images of one or more parts, in order."""
        prints = Prints.joined([part.prints for part in parts])
        return cls(prints, np.concatenate([part.coarse for part in parts]))

    def taken(self, rows: Indices) -> Looks:
        """Return those of some images, in the order of `rows`."""
        return Looks(self.prints.taken(rows), self.coarse[rows])
