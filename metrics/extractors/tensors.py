"""Tensors from a file of weights, and what tells them apart; a bad file is a MetricError here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from classifiers import tensors
from metrics.errors import classifiers_told

read_tensors = classifiers_told()(tensors.read_tensors)
fill = classifiers_told()(tensors.fill)


def digest(state: Mapping[str, Tensor]) -> str:
    """Return the hex SHA-256 of names, shapes and values, in whatever kind of file they came."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def renamed(name: str, changes: Sequence[tuple[str, str]]) -> str:
    """Return the name of a tensor after each change of a part of it, in order."""
    for old, new in changes:
        name = name.replace(old, new)
    return name
