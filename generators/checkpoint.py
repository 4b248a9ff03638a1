"""Tensors and their description in one safetensors file, written whole or not at all."""

import json
import os
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pools.whole_file import replaced_whole

FORMAT_VERSION = 1
_KEY = "uncanny"
Number = TypeVar("Number", int, float)


class CheckpointError(ValueError):
    """A file that is damaged, of another kind or of another run; the message says which."""


def write(path: str | Path, kind: str, tensors: Mapping[str, Tensor], about: Any) -> None:
    """Replaces `path` in one step: a process killed at any moment leaves the old or the new.

    `about` is any JSON value; `kind` is the word that `read` asks for. Raises OSError where there is
    no room, or no such folder.
    """
    path = Path(path)
    header = json.dumps({"kind": kind, "version": FORMAT_VERSION, "about": about})
    try:
        with replaced_whole(path) as unfinished:
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
                unfinished,
                metadata={_KEY: header},
            )
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
    except SafetensorError as error:
        raise OSError(f"cannot write {path}: {error}") from error


def read(path: str | Path, kind: str) -> tuple[dict[str, Tensor], Any]:
    """The tensors and the `about` value of a file that `write` wrote as this kind."""
    if Path(path).is_dir():
        raise CheckpointError(
            f"{path} is a folder: name the file in it, such as generator.safetensors"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata.get(_KEY, "{}"))
            if header.get("kind") != kind or header.get("version") != FORMAT_VERSION:
                raise CheckpointError(f"{path} is safetensors, but no {kind} made here")
            return {name: file.get_tensor(name) for name in file.keys()}, header["about"]  # noqa: SIM118
    except CheckpointError:
        raise
    except (SafetensorError, ValueError, AttributeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is no {kind}, or is damaged or cut short: {error}"
        ) from error
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with `prefix.` before each name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `prefixed` marked, by their own names."""
    start = f"{prefix}."
    return {name[len(start) :]: t for name, t in tensors.items() if name.startswith(start)}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Loads the weights; CheckpointError if a name or shape differs, or one of them is no number."""
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        raise CheckpointError(f"{path} does not fit its own config: {lines}") from error
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{path} is damaged: {name} holds what is no number")


def amount(about: Mapping[str, Any], name: str, kind: type[Number], path: str | Path) -> Number:
    """What `about` says under a name, of this kind and 0 or more, else CheckpointError."""
    found = about.get(name)
    if type(found) is not kind or not 0 <= found < inf:
        raise CheckpointError(f"{path} must say its {name}, 0 or more, got {found!r}")
    return found
