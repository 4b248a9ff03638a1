"""Images from a trained generator: image i of a seed is the same in any range or batch."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators import checkpoint
from generators.checkpoint import CheckpointError
from generators.class_names import read_names
from generators.config import Config, ConfigError
from generators.data import Images
from generators.models import kept
from generators.networks import ImageShape, ShapeError
from generators.networks.layers import release_spectrally
from generators.noise import BLOCK_IMAGES, check_classes, check_truncation, labels_in_turn, noise

KIND = "generator"


@dataclass(frozen=True)
class TrainedGenerator:
    """A network ready to sample, with its config and the shape of its images.

    `others` are the networks that were trained beside it, by name: an `encoder`, … `class_names` are
    those of its data set, in the order of their numbers; none if it is unconditional, had no names or is
    of a file that kept none.
    """

    network: nn.Module
    config: Config
    shape: ImageShape
    images_seen: int
    others: dict[str, nn.Module] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()

    @property
    def has_classes(self) -> bool:
        """Whether the network takes a label beside the noise."""
        return self.shape.class_count > 0

    def labels(
        self, start: int, count: int, classes: Sequence[int] | None = None
    ) -> NDArray[np.int64] | None:
        """The classes (count,) that images from `start` on are asked for, None without classes.

        They take turns: `classes`, or all of them.
        """
        if not self.has_classes:
            return None
        return labels_in_turn(classes or range(self.shape.class_count), start, count)


def default_device() -> torch.device:
    """The CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_device(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on the device, its filters laid out channels-last."""
    return network.to(device=device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def describe(
    config: Config, shape: ImageShape, images_seen: int, class_names: Sequence[str] = ()
) -> dict[str, Any]:
    """What a generator file says about itself."""
    return {
        "config": config.as_dict(),
        "shape": asdict(shape),
        "images_seen": images_seen,
        "class_names": list(class_names),
    }


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
    networks = kept(config, shape)
    for name, network in networks.items():
        checkpoint.fill(network, checkpoint.under(name, tensors) or tensors, path)
        to_device(network, device or default_device()).eval()
    main, seen = networks.pop("generator"), checkpoint.amount(about, "images_seen", int, path)
    names = read_names(about.get("class_names"), shape.class_count)
    return TrainedGenerator(main, config, shape, seen, networks, names)


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
    truncation: float | None = None,
    classes: Sequence[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Images]:
    """Images `start` to `start + count` of the pool of `seed`, as uint8 (≤ batch, H, W, C) batches.

    `generator` is a file, or what was loaded from one. Workers that share a pool each ask for their
    own range. `classes` take turns, all of them if None; `truncation` is that of `noise`. `progress`
    is called with the number of images made so far. Raises CheckpointError if the file is no
    generator, ValueError for a negative count or start, too small a truncation or unknown classes.
    """
    if min(count, start, seed) < 0 or batch < 1:
        raise ValueError(
            f"count, start and seed must be at least 0 and batch at least 1, "
            f"got {count}, {start}, {seed} and {batch}"
        )
    check_truncation(truncation)
    loaded = generator if isinstance(generator, TrainedGenerator) else load_generator(generator)
    if loaded.config.translation.task != "none":
        raise ValueError(f"{loaded.config.title!r} makes images of images, not of noise")
    check_classes(classes, loaded.shape.class_count)
    draw = partial(sample_block, loaded, seed, truncation=truncation, classes=classes)
    return _sample(loaded, range(start, start + count), draw, batch, progress)


def _sample(
    generator: TrainedGenerator,
    wanted: range,
    draw: Callable[[int], Images],
    batch: int,
    progress: Callable[[int], None] | None,
) -> Iterator[Images]:
    held = np.empty((0, *_image_shape(generator)), np.uint8)
    done = 0
    for first in range(wanted.start - wanted.start % BLOCK_IMAGES, wanted.stop, BLOCK_IMAGES):
        block = draw(first)
        inside = slice(max(wanted.start - first, 0), wanted.stop - first)
        held = np.concatenate([held, block[inside]])
        while len(held) >= batch or (len(held) and first + BLOCK_IMAGES >= wanted.stop):
            ready, held = held[:batch], held[batch:]
            done += len(ready)
            yield ready
            if progress:
                progress(done)


def sample_block(
    generator: TrainedGenerator,
    seed: int,
    first: int,
    *,
    truncation: float | None = None,
    classes: Sequence[int] | None = None,
) -> Images:
    """The BLOCK_IMAGES images from `first`, a multiple of BLOCK_IMAGES."""
    device = _device(generator.network)
    codes = noise(seed, first, BLOCK_IMAGES, generator.config.z_dim, truncation)
    z = torch.from_numpy(codes).to(device)
    asked = generator.labels(first, BLOCK_IMAGES, classes)
    labels = None if asked is None else torch.from_numpy(asked).to(device)
    return render(generator.network, z, labels)


@torch.inference_mode()
def encode(generator: TrainedGenerator, images: Images) -> NDArray[np.float32]:
    """The codes (N, z_dim) that the encoder finds for images uint8 (N, H, W, C): a VAE's are the means.

    Raises ValueError if the generator has no encoder or is of other images.
    """
    encoder, wanted = generator.others.get("encoder"), _image_shape(generator)
    if encoder is None:
        raise ValueError(
            f"{generator.config.title!r} has no encoder: train a model 'vae' or 'bigan'"
        )
    if images.dtype != np.uint8 or images.shape[1:] != wanted:
        raise ValueError(
            f"images must be uint8 (N, {', '.join(map(str, wanted))}), "
            f"got {images.dtype} {images.shape}"
        )
    rows = torch.from_numpy(images.copy()).to(_device(encoder)).permute(0, 3, 1, 2)
    blocks = [encoder(block.float() / 127.5 - 1) for block in torch.split(rows, BLOCK_IMAGES)]
    codes: NDArray[np.float32] = torch.cat(blocks)[:, : generator.config.z_dim].cpu().numpy()
    return codes


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _image_shape(generator: TrainedGenerator) -> tuple[int, int, int]:
    shape = generator.shape
    return shape.resolution_px, shape.resolution_px, shape.channels
