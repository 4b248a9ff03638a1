"""What stays the same through a run: the codes that are shown, and the reference batches of virtual norms."""

import numpy as np
import torch
from torch import Tensor, nn

from generators.config import Config
from generators.feed import FIRST, RealImages
from generators.networks.layers import REFERENCE_ROWS, Reference
from generators.networks.shape import ImageShape
from generators.noise import balanced_labels, noise

SHOWN, IN_A_ROW = 60, 10


def draw_fixed(
    generator: nn.Module, config: Config, shape: ImageShape, device: torch.device
) -> tuple[Tensor, int]:
    """The same codes' images (60, C, H, W) at any time of a run, and how many are in a row."""
    z, labels = fixed_codes(config, SHOWN, device), fixed_labels(shape, SHOWN, device)
    return generator(z, labels), IN_A_ROW


def fixed_codes(config: Config, count: int, device: torch.device) -> Tensor:
    """The first codes (count, z_dim) of the run's seed."""
    return torch.from_numpy(noise(config.seed, 0, count, config.z_dim)).to(device)


def fixed_labels(shape: ImageShape, count: int, device: torch.device) -> Tensor | None:
    """As many labels (count,), each class in turn; None without classes."""
    if not shape.class_count:
        return None
    return torch.from_numpy(balanced_labels(shape.class_count, 0, count)).to(device)


def references(config: Config, shape: ImageShape, data: RealImages) -> dict[str, Reference]:
    """The reference batch of each network with virtual norms: the same in every process of a run."""
    found = {}
    if config.generator.normalisation == "virtual":
        device = data.images.device
        found["generator"] = Reference(
            fixed_codes(config, REFERENCE_ROWS, device),
            fixed_labels(shape, REFERENCE_ROWS, device),
        )
    if config.discriminator.normalisation == "virtual":
        found["discriminator"] = _real_reference(config.seed, data, bool(shape.class_count))
    return found


def _real_reference(seed: int, data: RealImages, with_labels: bool) -> Reference:
    random = np.random.Generator(np.random.Philox(key=np.array([seed, FIRST], np.uint64)))
    rows = torch.from_numpy(random.integers(len(data), size=REFERENCE_ROWS))
    index = rows.to(data.images.device)
    labels = data.labels[index] if with_labels and data.labels is not None else None
    return Reference(data.take(index), labels)
