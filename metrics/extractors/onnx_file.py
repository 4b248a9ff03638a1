"""Any network as an ONNX file, which only a confined process ever opens."""

from __future__ import annotations

import hashlib
import json
import subprocess
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.errors import MetricError, NotFinite
from metrics.extractors.base import Features, Floats32, Images
from metrics.extractors.fitting import fitted, words
from metrics.extractors.onnx_wire import SHAPE, SIZE, WIDTHS
from metrics.extractors.passes import in_passes
from sandbox.errors import SandboxError, SandboxFailedError
from sandbox.launch import Confined, start
from sandbox.recognise import check_upload
from sandbox.tiers import insecure_allowed

CHILD = "metrics.extractors.onnx_child"
BATCH_IMAGES = 16
"""Where the network leaves it open."""
LARGEST_BATCH, LARGEST_SIDE_PX = 1_024, 2_048
LARGEST_WIDTH = 65_536
"""Numbers an image, of features or of classes."""
SIGNATURE_BYTES = 10_000
TIMEOUT_S = 120.0
MEMORY_MB = 4_096
CPU_S = 24 * 3_600
"""A last resort: what one pass may take is bounded by the timeout."""


@dataclass(frozen=True)
class Signature:
    """What the network takes: type, images a pass, channels, side (None: any), and how it is scaled."""

    dtype: str
    batch: int
    channels: int
    side_px: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def prepared(self, images: Images) -> NDArray[Any]:
        """Return uint8 images (n, H, W, C) as the network takes them, (n, C, H, H)."""
        square = fitted(images, self.side_px, self.channels).transpose(0, 3, 1, 2)
        if self.dtype == "uint8":
            return np.ascontiguousarray(square)
        mean, std = (
            np.reshape(each, (-1, 1, 1)).astype(np.float32) for each in (self.mean, self.std)
        )
        return np.ascontiguousarray((square.astype(np.float32) / 255 - mean) / std)


class OnnxFile:
    """The first output of a network as features (n, d), the second, if any, as logits of classes.

    The file is one ONNX network of standard operators with its weights inside, from images
    (n, 1 or 3, H, H) to one or two outputs (n, d). Uint8 images go in as 0 to 255; float ones as
    (x / 255 - mean) / std, where `mean` and `std` are metadata properties of the file: one number,
    or three with commas between, by default 0 and 1. A fixed H decides on the size to which images are
    brought; an open one takes them as they are. Grey becomes RGB by repetition, RGB grey by luma.

    The network is a stranger's: a process without files, network or other processes runs it, on one
    CPU thread, each pass within `timeout_s` seconds and all within `memory_mb` MiB. It ends with this
    object. Raises MetricError with what was got and wanted, or why the network cannot be run here.
    """

    def __init__(
        self, path: Path | str, *, timeout_s: float = TIMEOUT_S, memory_mb: int = MEMORY_MB
    ) -> None:
        data = _read(Path(path))
        checksum = hashlib.sha256(data).hexdigest()
        self.name = f"onnx-{checksum[:8]}"
        self._path = path
        self._resources = ExitStack()
        weakref.finalize(self, self._resources.close)
        with self._told():
            self._process = self._resources.enter_context(_started(timeout_s, memory_mb))
            self._takes = _signature(self._process, data)
        self._independent = False
        self.version = f"{Path(path).name} {checksum[:8]}, ONNX Runtime, {self._takes.dtype}"
        self.resize = words(self._takes.side_px, self._takes.channels)

    def extract(self, images: Images) -> Features:
        """Return features (n, d) and, of a network with two outputs, probabilities (n, k)."""
        with self._told():
            found = in_passes(images, self._takes.batch, self._pass)
            if not self._independent:
                self._require_independence(images[:1])
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Ends the process on any error of the sandbox, and tells it as a MetricError."""
        try:
            yield
        except SandboxError as error:
            self._resources.close()
            raise MetricError(f"{self._path}: {error}") from error

    def _require_independence(self, image: Images) -> None:
        """Refuses a network that gives an image other features beside other images."""
        beside = np.random.default_rng(0).integers(0, 256, (self._takes.batch, *image.shape[1:]))
        company = np.concatenate([image, beside[1:].astype(np.uint8)])
        alone = in_passes(image, self._takes.batch, self._pass).features[0]
        accompanied = self._pass(company).features[0]
        if not np.allclose(alone, accompanied, rtol=1e-3, atol=1e-5, equal_nan=True):
            raise MetricError(
                f"{self._path} mixes the images of a pass, wanted each by itself: export the network "
                "for evaluation, as network.eval()"
            )
        self._independent = True

    def _pass(self, images: Images) -> Features:
        prepared = self._takes.prepared(images)
        self._process.send(SHAPE.pack(*prepared.shape), prepared.tobytes())
        width, classes = WIDTHS.unpack(self._process.read(WIDTHS.size))
        if not 1 <= width <= LARGEST_WIDTH or classes > LARGEST_WIDTH:
            raise SandboxFailedError(
                f"the network gives {width:,} features and {classes:,} classes an image, wanted 1 to "
                f"{LARGEST_WIDTH:,} of each"
            )
        features = self._rows(len(images), width)
        return Features(features, _softmax(self._rows(len(images), classes)) if classes else None)

    def _rows(self, count: int, width: int) -> Floats32:
        return np.frombuffer(self._process.read(4 * count * width), "<f4").reshape(count, width)


def _read(path: Path) -> bytes:
    try:
        check_upload(path)
        return path.read_bytes()
    except (SandboxError, OSError) as error:
        raise MetricError(f"{path}: {error}") from error


def _started(timeout_s: float, memory_mb: int) -> Confined:
    return start(
        CHILD, {}, subprocess.PIPE, timeout_s=timeout_s, memory_mb=memory_mb, cpu_s=CPU_S,
        allow_insecure=insecure_allowed(),
    )  # fmt: skip


def _signature(process: Confined, data: bytes) -> Signature:
    """Send the network and return what it says of itself, trusting none of it."""
    process.send(SIZE.pack(len(data)), data)
    (length,) = SIZE.unpack(process.read(SIZE.size))
    if length > SIGNATURE_BYTES:
        raise SandboxFailedError("the process sent too long a signature")
    return _parsed(process.read(length))


def _parsed(words: bytes) -> Signature:
    try:
        found = json.loads(words)
        mean, std = (tuple(float(number) for number in found[key]) for key in ("mean", "std"))
        batch, channels = int(found["batch"] or BATCH_IMAGES), int(found["channels"])
        side_px = None if found["side_px"] is None else int(found["side_px"])
        signature = Signature(str(found["dtype"]), batch, channels, side_px, mean, std)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise SandboxFailedError("the process sent no signature") from error
    _require_possible(signature)
    return signature


def _require_possible(found: Signature) -> None:
    """Raises SandboxFailedError unless images can be prepared for such a network."""
    scales = all(len(each) in (1, found.channels) for each in (found.mean, found.std))
    sizes = 1 <= found.batch <= LARGEST_BATCH and 1 <= (found.side_px or 1) <= LARGEST_SIDE_PX
    if not (scales and sizes and found.channels in (1, 3) and found.dtype in ("float32", "uint8")):
        raise SandboxFailedError(
            f"the network takes {found}, wanted at most {LARGEST_BATCH:,} images a pass of at most "
            f"{LARGEST_SIDE_PX:,} px, and as many numbers in mean and std as channels, or 1"
        )
    if 0 in found.std:
        raise SandboxFailedError("the metadata property 'std' needs numbers other than 0")


def _softmax(logits: Floats32) -> Floats32:
    """Return probabilities (n, k), computed in float64; raises NotFinite."""
    if not np.isfinite(logits).all():
        raise NotFinite("logits need to be finite numbers, got NaN or infinity")
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: Floats32 = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities
