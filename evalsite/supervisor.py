"""Keeps a handful of processes alive: starts them, restarts what dies, and leaves no orphan."""

import contextlib
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
LONGEST_BACKOFF_S = 30.0
STEADY_AFTER_S = 20.0
STOP_WITHIN_S = 8.0


@dataclass
class Child:
    """One process: how it is started, what to wait for, and how it has fared."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self.started_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """Signal the process and all that it has started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Watches children in the order in which they depend on one another."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.children: list[Child] = []
        self._say = say

    def start(self, child: Child) -> Child:
        self.children.append(child)
        child.start()
        return child

    def tend(self) -> None:
        """Restart what has died: at once the first time, then ever later while it keeps dying."""
        now = time.monotonic()
        for child in self.children:
            if child.is_alive:
                continue
            if child.process is not None:
                self._bury(child, now)
            if now >= child.restart_at:
                child.start()

    def _bury(self, child: Child, now: float) -> None:
        assert child.process is not None  # noqa: S101  # the caller has looked
        child.signal(signal.SIGKILL)  # what it had started must not outlive it
        steady = now - child.started_at > STEADY_AFTER_S
        child.failures = 1 if steady else child.failures + 1
        wait_s = 0.0 if child.failures == 1 else min(2.0**child.failures, LONGEST_BACKOFF_S)
        child.restart_at = now + wait_s
        self._say(
            f"{child.name} ended ({child.process.returncode}); "
            f"restarting {'now' if not wait_s else f'in {wait_s:.0f} s'}; see {child.log}"
        )
        child.process = None

    def stop(self) -> None:
        """Stop all but the first together, then the first, on which they depend."""
        _end(self.children[1:])
        _end(self.children[:1])


def _end(children: Sequence[Child]) -> None:
    """Ask the children to end; kill, with all they started, those that do not in time."""
    for child in children:
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_S
    for child in children:
        if child.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - time.monotonic()))
        child.signal(signal.SIGKILL)


def port_is_free(host: str, port: int) -> bool:
    """Whether nobody listens there; raises OSError where nobody can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def wait_for(condition: Callable[[], bool], *, within_s: float, poll_s: float = 0.05) -> bool:
    """Whether `condition` came true in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(poll_s)
    return condition()
