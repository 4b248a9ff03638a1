"""The environment in which the peers live: made once, from pinned versions."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.metrics_process import Task, TaskFailed, side

PINS = Path(__file__).with_name("peers.txt")
MODULE = "bench.metrics_peers"
PEERS = ("pytorch-fid", "clean-fid", "torch-fidelity", "torchmetrics", "prdc")
VERSIONS = Task("versions")


@dataclass(frozen=True)
class Peers:
    """The peers' interpreter, None if there is none; versions of all there, and why others are not."""

    python: Path | None
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def pinned(text: str) -> list[str]:
    """Return the requirements of a file of pins, in its order.

    >>> pinned("# why\\ntorch==2.13.0\\n\\nprdc==0.2\\n")
    ['torch==2.13.0', 'prdc==0.2']
    """
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def folder(pins: Path = PINS) -> Path:
    """Return where the environment of these pins belongs, in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = hashlib.sha256(f"{sys.version}\n{pins.read_text()}".encode()).hexdigest()[:12]
    return Path(cache) / "uncanny" / f"peers-{key}"


def find_peers(pins: Path = PINS, module: str = MODULE, names: Sequence[str] = PEERS) -> Peers:
    """Make the environment of these pins unless it is there, and look at which peers can be imported.

    What cannot be had is absent and no error: without a network that is all of them, and it is
    tried again the next time.
    """
    home = folder(pins)
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        _make(home, python, pinned(pins.read_text()))
    return _looked_at(python, module, names)


def _make(home: Path, python: Path, pins: Sequence[str]) -> None:
    _say(f"making an environment for the peers in {home}")
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=True)
    torch, *rest = pins
    if not _install(python, torch):
        return
    if _install(python, "--no-deps", *rest):
        (home / "complete").touch()
        return
    _say("not all of these can be had: installing one by one")
    for pin in rest:
        _install(python, "--no-deps", pin)


def _install(python: Path, *what: str) -> bool:
    _say(f"installing {' '.join(what)}")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.call([*pip, *what], stdout=sys.stderr) == 0


def _looked_at(python: Path, module: str, names: Sequence[str]) -> Peers:
    try:
        with side(python, module, [min(os.sched_getaffinity(0))]) as peers:
            peers.prepare(VERSIONS)
            found = peers.do(VERSIONS).value
    except (TaskFailed, OSError) as error:
        return Peers(None, absent=dict.fromkeys(names, f"no environment: {error}"))
    return Peers(python, found["versions"], found["absent"])


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
