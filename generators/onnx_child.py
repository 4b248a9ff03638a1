"""The confined process that samples: a network comes in by standard input, raw images go out."""

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.random
from numpy.typing import NDArray

from generators.noise import BLOCK_IMAGES, labels_in_turn, noise
from generators.onnx_network import Network, read_network
from sandbox import child
from sandbox.errors import ModelRefusedError
from sandbox.network import Session, shaped

TOLERANCE = 0.01


@dataclass(frozen=True)
class Request:
    """What the parent asks for; `count` 0 asks for the signature instead of images."""

    count: int = 0
    start: int = 0
    seed: int = 0
    resolution_px: int = 0
    channels: int = 0
    class_count: int | None = None
    classes: list[int] | None = None


class Sampler:
    """A network, loaded, with the layout and range of its images learned from the first block."""

    def __init__(
        self,
        data: bytes,
        network: Network,
        class_count: int | None,
        classes: list[int] | None = None,
    ) -> None:
        self.network = network
        self.class_count = _class_count(network, class_count)
        self.classes = classes or range(self.class_count or 0)
        self.block = network.noise.batch or BLOCK_IMAGES
        self._session = Session(data)
        self._signed: bool | None = None

    def images(self, seed: int, first: int) -> NDArray[np.uint8]:
        """The block of images from `first`, uint8 (block, H, W, C)."""
        output = self._run(seed, first)
        if output.dtype != np.uint8:
            output = self._levels(output)
        return _channels_last(output, self.block)

    def _run(self, seed: int, first: int) -> NDArray[Any]:
        shape = self.network.noise
        codes = noise(seed, first, self.block, int(np.prod(shape.shape)))
        feed: dict[str, NDArray[Any]] = {shape.name: shaped(codes, shape)}
        if self.network.label and self.class_count:
            labels = labels_in_turn(self.classes, first, self.block)
            feed[self.network.label.name] = shaped(labels, self.network.label)
        (output,) = self._session.run([self.network.output], feed, f"{self.block} codes")
        if not isinstance(output, np.ndarray) or output.dtype.kind not in "fu":
            raise ModelRefusedError(
                f"the output is {getattr(output, 'dtype', type(output).__name__)}, wanted float "
                "images in [−1, 1] or [0, 1], or uint8"
            )
        return output

    def _levels(self, output: NDArray[Any]) -> NDArray[np.uint8]:
        values = output.astype(np.float32)
        if not np.isfinite(values).all():
            raise ModelRefusedError("the images hold NaN or infinite values, wanted finite ones")
        low, high = float(values.min()), float(values.max())
        if self._signed is None:
            self._signed = low < -TOLERANCE
        lowest = -1 if self._signed else 0
        if low < lowest - TOLERANCE or high > 1 + TOLERANCE:
            raise ModelRefusedError(
                f"the images range from {low:.4g} to {high:.4g}, wanted [−1, 1] or [0, 1] "
                "throughout: end the network with tanh or a sigmoid"
            )
        scaled = (values - lowest) * (255 / (1 - lowest))
        levels: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        return levels


def _class_count(network: Network, given: int | None) -> int | None:
    count = network.class_count or given
    if network.label and not count:
        raise ModelRefusedError(
            f"the network takes the label {network.label.name!r} but does not say how many classes "
            "there are: add the metadata property 'class_count', or state their number"
        )
    return count


def _channels_last(images: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    shape = images.shape
    if len(shape) == 4 and shape[0] == count:
        if shape[1] in (1, 3) and shape[2] == shape[3]:
            return images.transpose(0, 2, 3, 1)
        if shape[3] in (1, 3) and shape[1] == shape[2]:
            return images
    raise ModelRefusedError(
        f"{count} codes give an output of shape {shape}, wanted ({count}, C, H, H) or "
        f"({count}, H, H, C) with 1 or 3 channels"
    )


def answer(asked: dict[str, Any]) -> None:
    """Writes the signature as JSON, or exactly count × H × W × C bytes of images."""
    request, data = Request(**asked), sys.stdin.buffer.read()
    network = read_network(data)
    sampler = Sampler(data, network, request.class_count, request.classes)
    images = sampler.images(request.seed, 0)
    if request.count == 0:
        found: dict[str, Any] = {"resolution_px": images.shape[1], "channels": images.shape[3]}
        found["class_count"] = sampler.class_count if network.label else None
        found["class_names"] = list(network.class_names) if network.label else []
        child.write(json.dumps({**asdict(network.noise), **found}, ensure_ascii=False).encode())
        return
    if (images.shape[1], images.shape[3]) != (request.resolution_px, request.channels):
        raise ModelRefusedError(
            f"the network makes {images.shape[1]} px images with {images.shape[3]} channels, "
            f"wanted {request.resolution_px} px with {request.channels}: resize inside the network"
        )
    _write_range(sampler, request)


def _write_range(sampler: Sampler, request: Request) -> None:
    end = request.start + request.count
    for first in range(request.start - request.start % sampler.block, end, sampler.block):
        inside = slice(max(request.start - first, 0), end - first)
        child.write(sampler.images(request.seed, first)[inside].tobytes())


if __name__ == "__main__":
    child.end(child.main(sys.argv[1], answer))
