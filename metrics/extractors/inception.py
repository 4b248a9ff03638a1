"""Inception-v3 as the papers on FID, IS and KID use it, under each of three published protocols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch.backends import cudnn
from torch.nn.utils import convert_conv2d_weight_memory_format

from metrics.errors import UnknownName
from metrics.extractors import activations
from metrics.extractors.base import Features, Floats32, Images
from metrics.extractors.device import best_device, on_device
from metrics.extractors.inception_network import InceptionNetwork, fold_batch_norm
from metrics.extractors.inception_runtime import RuntimeNetwork
from metrics.extractors.passes import streamed
from metrics.extractors.resize import Kernel, bicubic, bilinear, bilinear_tf1, resize
from metrics.extractors.tensors import digest, read_tensors
from metrics.extractors.weights import INCEPTION, find

SIZE_PX = 299
BATCH_IMAGES = {"cpu": 4, "cuda": 64}
"""Images in every pass, blank ones if need be. Four fit a processor's caches; a GPU wants more."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PREVIEW = "-bf16"

T = TypeVar("T")


@dataclass(frozen=True)
class Protocol:
    """How pixels in [0, 255] become the network's input: resized, then (x - centre) / centre."""

    kernel: Kernel
    centre: float
    words: str


PROTOCOLS: Mapping[str, Protocol] = {
    "tf1": Protocol(bilinear_tf1, 128.0, "TensorFlow 1's bilinear"),
    "pytorch-fid": Protocol(bilinear, 127.5, "torch's bilinear, half-pixel centres"),
    "clean": Protocol(bicubic, 128.0, "Pillow's antialiased bicubic, clipped, not rounded"),
}
"""tf1: the original FID and IS, and torch-fidelity; clean: clean-fid (Parmar et al. 2022)."""


class Inception:
    """TensorFlow's Inception-v3 of 2015-12-05: 2,048 pooled features, 1,008 class probabilities.

    Features equal those of torch-fidelity 0.4 ("tf1"), pytorch-fid 0.3 ("pytorch-fid") and clean-fid
    0.1.35 ("clean") on the same weights within 1e-5 of their scale; none of the three rounds the
    resized pixels. Grey images are repeated in three channels. Probabilities are the softmax of the
    logits without their bias, as the inception score of Salimans et al. (2016) was computed and as
    torch-fidelity does.

    `weights` is the published state dict, a path to its file, or None to have it found (see
    weights.find). `precision` "bfloat16" is a preview, several times faster where the processor or
    GPU computes in it and slower elsewhere; name and version say so, for it moves figures by up to a
    few per cent. `device` is "cuda" where there is one, else "cpu"; the caller decides on torch's
    threads. Float32 on a processor is ONNX Runtime's work, on as many threads as torch was given; all
    else is torch's. On a GPU, TF32 is off: its 10 bits would move features by 1e-3. Raises MetricError
    without the weights, and UnknownName for another protocol, precision or device.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor] | Path | str | None = None,
        protocol: str = "tf1",
        precision: str = "float32",
        device: str | None = None,
    ) -> None:
        self._protocol = _one_of(PROTOCOLS, protocol, "a protocol")
        self._dtype = _one_of(DTYPES, precision, "a precision")
        self._device = torch.device(device or best_device())
        self._batch = _one_of(BATCH_IMAGES, self._device.type, "a device")
        preview = precision == "bfloat16"
        state, known = _read(weights)
        self._network = _network(state, self._device, self._dtype)
        self.name = f"{protocol}{PREVIEW if preview else ''}"
        made = f"Inception-v3 {known[:8]}, {precision}{' preview' if preview else ''}"
        runtime = ", ONNX Runtime" if isinstance(self._network, RuntimeNetwork) else ""
        self.version = on_device(f"{made}{runtime}", self._device)
        self.resize = f"{self._protocol.words}, to {SIZE_PX} × {SIZE_PX} px"

    def extract(self, images: Images) -> Features:
        """Return features (n, 2048) and probabilities (n, 1008) of n ≥ 1 images of any size."""
        return next(self.stream([images]))

    def stream(self, chunks: Iterable[Images]) -> Iterator[Features]:
        """Yield what `extract` returns of each chunk; the next is taken while one is computed."""
        return streamed(chunks, self._batch, self._pass, self._threads())

    def activations(self, images: Images) -> list[Floats32]:
        """Return (n, 64, 73, 73), (n, 192, 35, 35), (n, 768, 17, 17) and (n, 2048, 8, 8)."""
        return activations.in_passes(images, self._batch, self._stages, self._threads())

    def _threads(self) -> int:
        """Return how many passes run side by side: torch spreads each over all cores by itself."""
        return torch.get_num_threads() if isinstance(self._network, RuntimeNetwork) else 1

    @torch.inference_mode()
    def _pass(self, images: Images) -> Features:
        with cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            features, logits = self._network(self._prepared(images))
        probabilities = torch.softmax(logits.double(), dim=1).float()
        return Features(features.cpu().numpy(), probabilities.cpu().numpy())

    @torch.inference_mode()
    def _stages(self, images: Images) -> list[Floats32]:
        with cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            stages = self._network.stages(self._prepared(images))
        return [stage.float().cpu().numpy() for stage in stages]

    def _prepared(self, images: Images) -> Tensor:
        """Return images resized and scaled, (n, 3, 299, 299)."""
        pixels = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).float()
        centre = self._protocol.centre
        scaled = (resize(pixels, SIZE_PX, self._protocol.kernel) - centre) / centre
        repeated = scaled.to(self._dtype).expand(-1, 3, -1, -1)
        return repeated.contiguous(memory_format=torch.channels_last)


def create(name: str) -> Inception:
    """Load "tf1", "pytorch-fid" or "clean", or one with "-bf16" for its preview; see Inception."""
    protocol = name.removesuffix(PREVIEW)
    return Inception(None, protocol, "float32" if protocol == name else "bfloat16")


def _one_of(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        raise UnknownName(f"{what} needs to be one of {', '.join(known)}, got {name!r}")
    return known[name]


def _read(weights: Mapping[str, Tensor] | Path | str | None) -> tuple[Mapping[str, Tensor], str]:
    """Return the published state dict and the checksum that it goes by."""
    if isinstance(weights, Mapping):
        return weights, digest(weights)
    return read_tensors(find(INCEPTION, weights))[0], INCEPTION.sha256


def _network(
    state: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
) -> InceptionNetwork | RuntimeNetwork:
    with torch.device("meta"):
        network = InceptionNetwork().eval().requires_grad_(False)
    network.load_state_dict(fold_batch_norm(state), assign=True)
    if (device.type, dtype) == ("cpu", torch.float32):
        return RuntimeNetwork(network)
    return convert_conv2d_weight_memory_format(network.to(device, dtype), torch.channels_last)
