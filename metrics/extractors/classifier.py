"""A classifier trained here on a data set of one's own: its classes are the data's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from classifiers.file import load
from classifiers.training import as_input
from metrics.errors import classifiers_told
from metrics.extractors.base import Features, Images
from metrics.extractors.fitting import fitted, words
from metrics.extractors.passes import in_passes

BATCH_IMAGES = 64


class Classifier:
    """The mean over the last map as features (n, 128), probabilities (n, classes) of the data's classes.

    `path` is a file that `python -m classifiers train` wrote. On digits its inception score
    means digits. Figures carry the first 8 digits of the file's SHA-256: those of two classifiers never
    share a column. Float32. Raises MetricError for any other file.
    """

    def __init__(self, path: Path | str) -> None:
        path = Path(path)
        with classifiers_told():
            self._network, self.about = load(path)
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        self.name = f"classifier-{checksum}"
        self.version = (
            f"trained on {self.about.data}, {self.about.accuracy:.2%} of {self.about.held_out:,} "
            "held-out images right, float32"
        )
        self.resize = words(self.about.resolution_px, self.about.channels)

    def extract(self, images: Images) -> Features:
        """Return features and probabilities of n ≥ 1 images."""
        return in_passes(images, BATCH_IMAGES, self._pass)

    @torch.no_grad()
    def _pass(self, images: Images) -> Features:
        square = fitted(images, self.about.resolution_px, self.about.channels)
        features, logits = self._network(as_input(square))
        return Features(features.numpy(), torch.softmax(logits, dim=1).numpy())
