"""What is known of a defence so far, in a folder: its networks, what they were trained on, what was measured."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from classifiers.file import About, load, save
from classifiers.network import Network
from generators.adversarial.defences.worth import Share, UnderAttack, Worth

Settings = Mapping[str, Any]
"""What decides on the outcome; plain values, as JSON has them."""


@dataclass(frozen=True)
class Trained:
    """How a defence was asked to be trained, the files of its networks, and the seconds it took."""

    settings: Settings
    files: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Measured:
    """What is known of its worth so far, and how that was asked to be measured."""

    settings: Settings
    worth: Worth


@dataclass(frozen=True)
class Folder:
    """Where defences are kept: of each, files of weights, `NAME.json` and `NAME.worth.json`."""

    path: Path

    def trained(self, name: str, settings: Settings) -> Trained | None:
        """What was trained with these settings and is there; None if nothing is."""
        found = self.last_trained(name)
        return found if found and found.settings == settings else None

    def last_trained(self, name: str) -> Trained | None:
        """What is there, however it was trained."""
        try:
            known = json.loads(self._trained(name).read_text())
            found = Trained(known["settings"], tuple(known["files"]), float(known["seconds"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return found if all((self.path / file).is_file() for file in found.files) else None

    def measured(self, name: str, settings: Settings) -> Worth | None:
        """As far as it was measured with these settings."""
        try:
            known = json.loads(self._measured(name).read_text())
            return _worth(known["worth"]) if known["settings"] == settings else None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def keep_trained(self, name: str, trained: Trained) -> None:
        write(self._trained(name), json.dumps(asdict(trained), indent=2))

    def keep_measured(self, name: str, measured: Measured) -> None:
        write(self._measured(name), json.dumps(asdict(measured), indent=2))

    def save(self, name: str, networks: Sequence[Network], abouts: Sequence[About]) -> list[str]:
        """Writes the networks as classifiers' files, and returns their names."""
        stems = [name] if len(networks) == 1 else [f"{name}-{i + 1}" for i in range(len(networks))]
        for stem, network, about in zip(stems, networks, abouts, strict=True):
            state = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
            save(self.path / f"{stem}.safetensors", state, about)
        return [f"{stem}.safetensors" for stem in stems]

    def networks(self, trained: Trained) -> list[Network]:
        """Raises ClassifierError for a file that was damaged."""
        return [load(self.path / file)[0] for file in trained.files]

    def _trained(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def _measured(self, name: str) -> Path:
        return self.path / f"{name}.worth.json"


def _worth(known: Mapping[str, Any]) -> Worth:
    under = {
        name: UnderAttack(
            Share(**found["held"]), Share(**found["right"]), found["seconds"], found["auc"]
        )
        for name, found in known["under"].items()
    }
    return Worth(Share(**known["clean"]), under)


def write(path: Path, text: str) -> None:
    """Writes in one step: a process killed at any moment leaves the old file or the new."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
