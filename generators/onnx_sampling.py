"""Images from an uploaded ONNX network, which only a confined process ever opens."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generators.class_names import read_names
from sandbox.errors import SandboxFailedError
from sandbox.launch import Confined, start
from sandbox.recognise import LARGEST_MB, check_upload

CHILD = "generators.onnx_child"
INSPECT_TIMEOUT_S = 60.0
MEMORY_MB = 2_048
SIGNATURE_BYTES = 500_000  # names of classes may be long, and of four bytes a character


@dataclass(frozen=True)
class OnnxSignature:
    """What a network takes and makes.

    `noise_shape` is one code's; `batch` is None if free, `class_count` None without labels,
    `class_names` empty if the file does not name its classes.
    """

    noise_shape: tuple[int, ...]
    batch: int | None
    class_count: int | None
    resolution_px: int
    channels: int
    class_names: tuple[str, ...] = ()


def inspect_onnx(
    path: str | Path,
    *,
    class_count: int | None = None,
    timeout_s: float = INSPECT_TIMEOUT_S,
    memory_mb: int = MEMORY_MB,
    largest_mb: int = LARGEST_MB,
    allow_insecure: bool = False,
) -> OnnxSignature:
    """Checks the file, makes one block of images in the sandbox, and says what it found.

    `class_count` is for networks that take a label without naming the number of classes. Raises
    ModelRefusedError, SandboxFailedError, SandboxUnavailableError.
    """
    asked = {"class_count": class_count}
    check_upload(Path(path), largest_mb=largest_mb)
    with _start(Path(path), asked, timeout_s, memory_mb, allow_insecure) as process:
        answer = b""
        for data in process.chunks():
            answer += data
            if len(answer) > SIGNATURE_BYTES:
                raise SandboxFailedError("the process sent too long a signature")
    return _signature(answer)


def sample_onnx(
    path: str | Path,
    count: int,
    *,
    seed: int,
    resolution_px: int,
    channels: int,
    batch: int = 256,
    start: int = 0,
    class_count: int | None = None,
    classes: Sequence[int] | None = None,
    timeout_s: float = 600.0,
    memory_mb: int = MEMORY_MB,
    largest_mb: int = LARGEST_MB,
    progress: Callable[[int], None] | None = None,
    allow_insecure: bool = False,
) -> Iterator[NDArray[np.uint8]]:
    """Images `start` to `start + count` of the pool of `seed`, uint8 (≤ batch, H, W, C) batches.

    Image i depends on the seed, i and its class alone; `classes` take turns, all of them if None, and
    must be some that the network has. `timeout_s` bounds the time spent waiting for the
    process, `memory_mb` its address space, `largest_mb` the file. Raises ModelRefusedError,
    SandboxFailedError, SandboxUnavailableError, and ValueError for an impossible range.
    """
    if min(count, batch) < 1 or min(start, seed) < 0:
        raise ValueError(
            f"count and batch must be at least 1, start and seed at least 0, "
            f"got {count}, {batch}, {start} and {seed}"
        )
    asked: dict[str, Any] = {
        "count": count,
        "start": start,
        "seed": seed,
        "class_count": class_count,
    }
    asked["classes"] = None if classes is None else list(classes)
    asked |= {"resolution_px": resolution_px, "channels": channels}
    shape = (resolution_px, resolution_px, channels)
    image_bytes = resolution_px * resolution_px * channels
    made = 0
    check_upload(Path(path), largest_mb=largest_mb)
    with _start(Path(path), asked, timeout_s, memory_mb, allow_insecure) as process:
        for data in process.exactly(count * image_bytes, batch * image_bytes):
            images = np.frombuffer(data, np.uint8).reshape(-1, *shape)
            made += len(images)
            yield images
            if progress:
                progress(made)


def _start(
    path: Path, asked: dict[str, Any], timeout_s: float, memory_mb: int, allow_insecure: bool
) -> Confined:
    with path.open("rb") as file:
        return start(
            CHILD, asked, file, timeout_s=timeout_s, memory_mb=memory_mb,
            allow_insecure=allow_insecure,
        )  # fmt: skip


def _signature(answer: bytes) -> OnnxSignature:
    try:
        found = json.loads(answer)
        class_count = _whole_or_none(found["class_count"])
        return OnnxSignature(
            tuple(int(side) for side in found["shape"]),
            _whole_or_none(found["batch"]),
            class_count,
            int(found["resolution_px"]),
            int(found["channels"]),
            read_names(found["class_names"], class_count or 0),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SandboxFailedError("the process sent no signature") from error


def _whole_or_none(value: Any) -> int | None:
    return None if value is None else int(value)
