"""A seeded state dict with the names and shapes of the FID Inception-v3, for parity without its weights."""

import json
import math
import zlib
from pathlib import Path

import torch

SHAPES = Path(__file__).with_name("inception_state_shapes.json")


def seeded_state_dict(seed=0):
    """Draw each tensor by a generator of its own, seeded by the crc32 of its name."""
    shapes = json.loads(SHAPES.read_text())
    return {name: _drawn(name, shape, seed) for name, shape in shapes.items()}


def _drawn(name, shape, seed):
    random = torch.Generator().manual_seed((zlib.crc32(name.encode()) + seed) % 2**31)
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.long)
    if name.endswith("running_var"):
        return 0.5 + torch.rand(shape, generator=random)
    if name.endswith("bn.weight"):
        return 0.8 + 0.4 * torch.rand(shape, generator=random)
    return _scale(name, shape) * torch.randn(shape, generator=random)


def _scale(name, shape):
    if len(shape) > 1:
        return math.sqrt(2.0 / math.prod(shape[1:]))
    return 0.01 if name == "fc.bias" else 0.1
