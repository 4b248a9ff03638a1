"""Images from a trained generator: image i of a seed is the same in any range or batch."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators import checkpoint
from generators.checkpoint import CheckpointError
from generators.config import Config, ConfigError
from generators.data import Images
from generators.networks import ImageShape, ShapeError, build_generator
from generators.networks.layers import release_spectrally
from generators.noise import BLOCK_IMAGES, balanced_labels, noise

KIND = "generator"


@dataclass(frozen=True)
class TrainedGenerator:
    """A network ready to sample, with its config and the shape of its images."""

    network: nn.Module
    config: Config
    shape: ImageShape
    images_seen: int

    @property
    def has_classes(self) -> bool:
        """Whether the network takes a label beside the noise."""
        return self.shape.class_count > 0

    def labels(self, start: int, count: int) -> NDArray[np.int64] | None:
        """The classes (count,) that images from `start` on are asked for, None without classes."""
        return balanced_labels(self.shape.class_count, start, count) if self.has_classes else None


def default_device() -> torch.device:
    """The CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_device(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on the device, its filters laid out channels-last."""
    return network.to(device=device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def describe(config: Config, shape: ImageShape, images_seen: int) -> dict[str, Any]:
    """What a generator file says about itself."""
    return {"config": config.as_dict(), "shape": asdict(shape), "images_seen": images_seen}


def described(about: Any, path: str | Path) -> tuple[Config, ImageShape]:
    """The config and shape that a file tells of; CheckpointError if they are none."""
    try:
        return Config.from_dict(about["config"]), ImageShape(**about["shape"])
    except (KeyError, TypeError, AttributeError, ConfigError, ShapeError) as error:
        raise CheckpointError(f"{path} describes no network of ours: {error}") from error


def load_generator(path: str | Path, *, device: torch.device | None = None) -> TrainedGenerator:
    """Reads a generator file; CheckpointError if it is damaged, foreign or does not fit itself."""
    tensors, about = checkpoint.read(path, KIND)
    config, shape = described(about, path)
    network = build_generator(config, shape, for_sampling=True)
    checkpoint.fill(network, checkpoint.under("generator", tensors) or tensors, path)
    network = to_device(network, device or default_device())
    return TrainedGenerator(network.eval(), config, shape, about["images_seen"])


@torch.inference_mode()
def render(network: nn.Module, z: Tensor, labels: Tensor | None) -> Images:
    """The network's images for noise (N, z) and labels (N,) as uint8 (N, H, W, C)."""
    return pixels(network(z, labels) if labels is not None else network(z))


def pixels(images: Tensor) -> Images:
    """Images (N, C, H, W) in [−1, 1] as uint8 (N, H, W, C)."""
    levels = (images.float() + 1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    rows: Images = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return rows


def released(network: nn.Module) -> nn.Module:
    """A copy of the network without what only training needs."""
    copied = copy.deepcopy(network)
    release_spectrally(copied)
    return copied


def sample(
    generator: str | Path | TrainedGenerator,
    count: int,
    *,
    seed: int,
    batch: int = 256,
    start: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Images]:
    """Images `start` to `start + count` of the pool of `seed`, as uint8 (≤ batch, H, W, C) batches.

    `generator` is a file, or what was loaded from one. Workers that share a pool each ask for their
    own range. Classes, if any, are those of `TrainedGenerator.labels`. `progress` is called with the
    number of images made so far. Raises CheckpointError if the file is no generator, ValueError for
    a negative count or start.
    """
    if min(count, start, seed) < 0 or batch < 1:
        raise ValueError(
            f"count, start and seed must be at least 0 and batch at least 1, "
            f"got {count}, {start}, {seed} and {batch}"
        )
    loaded = generator if isinstance(generator, TrainedGenerator) else load_generator(generator)
    return _sample(loaded, range(start, start + count), seed, batch, progress)


def _sample(
    generator: TrainedGenerator,
    wanted: range,
    seed: int,
    batch: int,
    progress: Callable[[int], None] | None,
) -> Iterator[Images]:
    held = np.empty((0, *_image_shape(generator)), np.uint8)
    done = 0
    for first in range(wanted.start - wanted.start % BLOCK_IMAGES, wanted.stop, BLOCK_IMAGES):
        block = sample_block(generator, seed, first)
        inside = slice(max(wanted.start - first, 0), wanted.stop - first)
        held = np.concatenate([held, block[inside]])
        while len(held) >= batch or (len(held) and first + BLOCK_IMAGES >= wanted.stop):
            ready, held = held[:batch], held[batch:]
            done += len(ready)
            yield ready
            if progress:
                progress(done)


def sample_block(generator: TrainedGenerator, seed: int, first: int) -> Images:
    """The BLOCK_IMAGES images from `first`, a multiple of BLOCK_IMAGES."""
    device = next(generator.network.parameters()).device
    z = torch.from_numpy(noise(seed, first, BLOCK_IMAGES, generator.config.z_dim)).to(device)
    classes = generator.labels(first, BLOCK_IMAGES)
    labels = None if classes is None else torch.from_numpy(classes).to(device)
    return render(generator.network, z, labels)


def _image_shape(generator: TrainedGenerator) -> tuple[int, int, int]:
    shape = generator.shape
    return shape.resolution_px, shape.resolution_px, shape.channels
