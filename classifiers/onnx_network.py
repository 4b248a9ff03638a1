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

from classifiers.errors import ClassifierError
from classifiers.onnx_wire import SHAPE, SIZE, WIDTHS
from sandbox.errors import SandboxError, SandboxFailedError
from sandbox.launch import Confined, start
from sandbox.recognise import check_upload
from sandbox.tiers import insecure_allowed

CHILD = "classifiers.onnx_child"
BATCH_IMAGES = 16
"""Where the network leaves it open."""
LARGEST_BATCH, LARGEST_SIDE_PX = 1_024, 2_048
LARGEST_WIDTH = 65_536
"""Numbers an image, of each output."""
SIGNATURE_BYTES = 10_000
TIMEOUT_S = 120.0
MEMORY_MB = 4_096
CPU_S = 24 * 3_600
"""A last resort: what one pass may take is bounded by the timeout."""

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Signature:
    """What the network takes: type, images a pass, channels, side (None: any), and how it is scaled."""

    dtype: str
    batch: int
    channels: int
    side_px: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def scaled(self, images: Floats32) -> NDArray[Any]:
        """Return float32 images (n, C, H, H) in [0, 1] as the network takes them."""
        if self.dtype == "uint8":
            return np.ascontiguousarray((255 * images).round().astype(np.uint8))
        mean, std = (
            np.reshape(each, (-1, 1, 1)).astype(np.float32) for each in (self.mean, self.std)
        )
        return np.ascontiguousarray((images - mean) / std)


class OnnxNetwork:
    """A network with one or two outputs (n, d), in a process of its own.

    The file is one ONNX network of standard operators with its weights inside, from images
    (n, 1 or 3, H, H). Uint8 images go in as 0 to 255; float ones as (x - mean) / std, where `mean` and
    `std` are metadata properties of the file: one number, or three with commas between, by default 0
    and 1.

    The network is a stranger's: a process without files, network or other processes runs it, on one
    CPU thread, each pass within `timeout_s` seconds and all within `memory_mb` MiB. It ends with this
    object. Raises ClassifierError with what was got and wanted, or why the network cannot be run here.
    """

    def __init__(
        self, path: Path | str, *, timeout_s: float = TIMEOUT_S, memory_mb: int = MEMORY_MB
    ) -> None:
        data = _read(Path(path))
        self.path = Path(path)
        self.checksum = hashlib.sha256(data).hexdigest()
        self._resources = ExitStack()
        weakref.finalize(self, self._resources.close)
        with self._told():
            self._process = self._resources.enter_context(_started(timeout_s, memory_mb))
            self.takes = _signature(self._process, data)

    def outputs(self, images: Floats32) -> tuple[Floats32, Floats32 | None]:
        """Return both outputs (n, d) for n = takes.batch images (n, C, H, H) in [0, 1].

        The second is None of a network that has one alone. Raises ClassifierError.
        """
        with self._told():
            fed = self.takes.scaled(images)
            self._process.send(SHAPE.pack(*fed.shape), fed.tobytes())
            first, second = WIDTHS.unpack(self._process.read(WIDTHS.size))
            if not 1 <= first <= LARGEST_WIDTH or second > LARGEST_WIDTH:
                raise SandboxFailedError(
                    f"the network gives {first:,} and {second:,} numbers an image, wanted 1 to "
                    f"{LARGEST_WIDTH:,} of each"
                )
            rows = self._rows(len(images), first)
            return rows, self._rows(len(images), second) if second else None

    def _rows(self, count: int, width: int) -> Floats32:
        return np.frombuffer(self._process.read(4 * count * width), "<f4").reshape(count, width)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Ends the process on any error of the sandbox, and tells it as a ClassifierError."""
        try:
            yield
        except SandboxError as error:
            self._resources.close()
            raise ClassifierError(f"{self.path}: {error}") from error


def require_independence(path: Path, alone: Floats32, accompanied: Floats32) -> None:
    """Raise ClassifierError unless an image (d,) comes out the same beside others as beside blanks."""
    if not np.allclose(alone, accompanied, rtol=1e-3, atol=1e-5, equal_nan=True):
        raise ClassifierError(
            f"{path} mixes the images of a pass, wanted each by itself: export the network "
            "for evaluation, as network.eval()"
        )


def _read(path: Path) -> bytes:
    try:
        check_upload(path)
        return path.read_bytes()
    except (SandboxError, OSError) as error:
        raise ClassifierError(f"{path}: {error}") from error


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
