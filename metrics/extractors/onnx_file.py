"""Any network as an ONNX file, run in a confined process: features, and probabilities if it has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classifiers.onnx_network import MEMORY_MB, TIMEOUT_S, OnnxNetwork, require_independence
from metrics.errors import NotFinite, classifiers_told
from metrics.extractors.base import Features, Floats32, Images
from metrics.extractors.fitting import fitted, words
from metrics.extractors.passes import in_passes


class OnnxFile:
    """The first output of a network as features (n, d), the second, if any, as logits of classes.

    The file is what classifiers.onnx_network takes. A fixed H decides on the size to which images are
    brought; an open one takes them as they are. Grey becomes RGB by repetition, RGB grey by luma.

    The network is a stranger's: a confined process runs it, on one CPU thread, each pass within
    `timeout_s` seconds and all within `memory_mb` MiB. It ends with this object. Raises MetricError
    with what was got and wanted, or why the network cannot be run here.
    """

    def __init__(
        self, path: Path | str, *, timeout_s: float = TIMEOUT_S, memory_mb: int = MEMORY_MB
    ) -> None:
        with classifiers_told():
            self._network = OnnxNetwork(path, timeout_s=timeout_s, memory_mb=memory_mb)
        self._takes, short = self._network.takes, self._network.checksum[:8]
        self._independent = False
        self.name = f"onnx-{short}"
        self.version = f"{Path(path).name} {short}, ONNX Runtime, {self._takes.dtype}"
        self.resize = words(self._takes.side_px, self._takes.channels)

    @classifiers_told()
    def extract(self, images: Images) -> Features:
        """Return features (n, d) and, of a network with two outputs, probabilities (n, k)."""
        found = in_passes(images, self._takes.batch, self._pass)
        if not self._independent:
            self._require_independence(images[:1])
        return found

    def _require_independence(self, image: Images) -> None:
        """Refuses a network that gives an image other features beside other images."""
        beside = np.random.default_rng(0).integers(0, 256, (self._takes.batch, *image.shape[1:]))
        company = np.concatenate([image, beside[1:].astype(np.uint8)])
        alone = in_passes(image, self._takes.batch, self._pass).features[0]
        require_independence(self._network.path, alone, self._pass(company).features[0])
        self._independent = True

    def _pass(self, images: Images) -> Features:
        square = fitted(images, self._takes.side_px, self._takes.channels).transpose(0, 3, 1, 2)
        features, logits = self._network.outputs(square.astype(np.float32) / np.float32(255))
        return Features(features, None if logits is None else _softmax(logits))


def _softmax(logits: Floats32) -> Floats32:
    """Return probabilities (n, k), computed in float64; raises NotFinite."""
    if not np.isfinite(logits).all():
        raise NotFinite("logits need to be finite numbers, got NaN or infinity")
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: Floats32 = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities
