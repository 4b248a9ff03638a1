"""Tensors from a file of weights, read without running anything that the file holds."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from classifiers.errors import ClassifierError

TENSOR_LIMIT = 10_000
"""More tensors than any network here has; a name costs memory too."""

N = TypeVar("N", bound=nn.Module)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file or a PyTorch state dict, and the file's metadata.

    A state dict has no metadata. Raises ClassifierError for any other file, and for TorchScript, whole
    pickled networks and whatever else would have to run to be loaded.
    """
    try:
        return _safetensors(path) if _is_safetensors(path) else (_state_dict(path), {})
    except SafetensorError as error:
        raise ClassifierError(f"{path} is damaged or cut short: {error}") from error
    except OSError as error:
        raise ClassifierError(f"cannot read {path}: {error.strerror or error}") from error


def _is_safetensors(path: Path) -> bool:
    """Whether the file begins with a header of JSON, after its length."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        if len(names) > TENSOR_LIMIT:
            raise ClassifierError(
                f"{path} has {len(names):,} tensors, wanted at most {TENSOR_LIMIT:,}"
            )
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}


def _state_dict(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).split(". ")[0].splitlines()[0] if str(error) else type(error).__name__
        raise ClassifierError(
            f"{path} is neither safetensors nor a PyTorch state dict that loads without running "
            f"code: {reason}"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise ClassifierError(
            f"{path} needs to hold a state dict, names and tensors, and nothing else"
        )
    return state


def fill(network: N, state: Mapping[str, Tensor], path: Path) -> N:
    """Return the network with these weights, ready to be asked; raises ClassifierError if they do not fit."""
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        reasons = "; ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise ClassifierError(f"{path} does not fit its network: {reasons}") from error
    return network.eval().requires_grad_(False)
