"""A trained classifier in one safetensors file: weights, and what they were trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from classifiers.errors import ClassifierError
from classifiers.network import Form, Network, without_weights
from classifiers.tensors import fill, read_tensors
from pools.whole_file import replaced_whole

KEY = "uncanny_classifier"
LARGEST_MB = 64


@dataclass(frozen=True)
class About:
    """What a classifier was trained on, and how well it tells held-out images apart (0 to 1)."""

    data: str
    class_names: tuple[str, ...]
    resolution_px: int
    channels: int
    steps: int
    seed: int
    accuracy: float
    held_out: int
    """How many images the accuracy is over."""

    @property
    def form(self) -> Form:
        return Form(self.resolution_px, self.channels, len(self.class_names))


def save(path: Path, state: Mapping[str, Tensor], about: About) -> None:
    """Write the file in one step: a process killed at any moment leaves the old one or the new."""
    try:
        with replaced_whole(path) as unfinished:
            save_file(dict(state), unfinished, metadata={KEY: json.dumps(asdict(about))})
    except SafetensorError as error:  # a full disk among others
        raise OSError(f"cannot write {path}: {error}") from error


def load(path: Path) -> tuple[Network, About]:
    """Return the network, ready to be asked; raises ClassifierError for any file that `save` did not write."""
    if path.is_file() and path.stat().st_size > LARGEST_MB * 2**20:
        size_mb = path.stat().st_size / 2**20
        raise ClassifierError(f"{path} has {size_mb:.0f} MiB, wanted at most {LARGEST_MB}")
    state, metadata = read_tensors(path)
    about = _about(metadata.get(KEY), path)
    return fill(without_weights(about.form), state, path), about


def _about(text: str | None, path: Path) -> About:
    if text is None:
        raise ClassifierError(f"{path} is no classifier trained by python -m classifiers train")
    try:
        found = json.loads(text)
        return About(
            data=str(found["data"]),
            class_names=tuple(str(name) for name in found["class_names"]),
            accuracy=float(found["accuracy"]),
            **{
                key: int(found[key])
                for key in ("resolution_px", "channels", "steps", "seed", "held_out")
            },
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ClassifierError(f"{path} does not say what it was trained on: {error!r}") from error
