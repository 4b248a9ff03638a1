"""The ways to confine a process on this machine, the best one first."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxUnavailableError

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
PROJECT_PACKAGES = ("sandbox", "generators", "metrics")
"""Whose code a confined process may read."""
INSECURE_VARIABLE = "UNCANNY_INSECURE_SANDBOX"


@dataclass(frozen=True)
class Tier:
    """A way to confine a process: its name, and what the command begins with."""

    name: str
    prefix: tuple[str, ...] = ()


def insecure_allowed() -> bool:
    """Whether the environment allows to run strangers' networks unconfined."""
    return os.environ.get(INSECURE_VARIABLE, "").lower() in {"1", "true", "yes", "on"}


def best_tier(*, allow_insecure: bool = False) -> Tier:
    """Bubblewrap where it works, else the child confines itself; insecure only if that is allowed.

    Raises SandboxUnavailableError where there is neither, as outside Linux.
    """
    if allow_insecure:
        return Tier("insecure")
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailableError(
            f"networks of others are run on Linux only, this is {sys.platform}"
        )
    bubblewrap = shutil.which("bwrap")
    if bubblewrap and _works(bubblewrap):
        return Tier("bubblewrap", _bubblewrap(bubblewrap))
    return Tier("landlock")


def _works(bubblewrap: str) -> bool:
    trial = [bubblewrap, "--unshare-all", "--ro-bind", "/", "/", "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def _bubblewrap(program: str) -> tuple[str, ...]:
    """Only the interpreter and the packages are to be seen, and they cannot be written."""
    command = [program, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]  # noqa: S108, the child's own
    system = [Path(name) for name in ("/usr", "/lib", "/lib64", "/sbin", "/etc/ld.so.cache")]
    project = [PROJECT_FOLDER / name for name in PROJECT_PACKAGES]
    for path in [*system, Path(sys.prefix), Path(sys.base_prefix), *project]:
        command += ["--ro-bind-try", str(path), str(path)]
    return (*command, "--chdir", "/", "--")
