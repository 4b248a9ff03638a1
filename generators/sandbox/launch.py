"""Starts a confined process and listens to it: exactly the bytes agreed, in time, or an error."""

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from generators.sandbox.errors import (
    REFUSED,
    UNAVAILABLE,
    ModelRefusedError,
    SandboxFailedError,
    SandboxUnavailableError,
)

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
STDERR_KEPT_BYTES = 2_000
READ_BYTES = 1 << 16
ENVIRONMENT = {
    "PYTHONPATH": str(PROJECT_FOLDER),
    "PYTHONDONTWRITEBYTECODE": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Tier:
    """A way to confine a process: its name, and what the command begins with."""

    name: str
    prefix: tuple[str, ...] = ()


def best_tier(*, allow_insecure: bool = False) -> Tier:
    """Bubblewrap where it works, else the child confines itself; insecure only if that is allowed.

    Raises SandboxUnavailableError where there is neither, as outside Linux.
    """
    if allow_insecure:
        return Tier("insecure")
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailableError(
            f"networks of others are run on Linux only, this is {sys.platform}: "
            "upload an archive of images instead"
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
    python = [Path(sys.prefix), Path(sys.base_prefix), PROJECT_FOLDER / "generators"]
    for path in [*system, *python]:
        command += ["--ro-bind-try", str(path), str(path)]
    return (*command, "--chdir", "/", "--")


class Confined:
    """A running `python ARGUMENTS` of a tier, as a context that ends it whatever happens.

    `stdin` is an open file that the process may read; its environment holds nothing of ours.
    """

    def __init__(
        self, tier: Tier, arguments: list[str], stdin: IO[bytes] | int, timeout_s: float
    ) -> None:
        self._left_s = timeout_s
        self._timeout_s = timeout_s
        self._stderr = b""
        self._process = subprocess.Popen(
            [*tier.prefix, sys.executable, "-P", "-s", *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        self._selector = selectors.DefaultSelector()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def chunks(self) -> Iterator[bytes]:
        """What the process writes, until it ends; then raises unless it ended well.

        Raises SandboxFailedError once the process has been waited for longer than the limit.
        """
        while self._selector.get_map():
            for key in self._wait():
                stream = key.fileobj
                data = os.read(key.fd, READ_BYTES)
                if not data:
                    self._selector.unregister(stream)
                elif stream is self._process.stderr:
                    self._stderr = (self._stderr + data)[-STDERR_KEPT_BYTES:]
                else:
                    yield data
        self._check_end()

    def exactly(self, total_bytes: int, chunk_bytes: int) -> Iterator[bytes]:
        """`total_bytes` in chunks of `chunk_bytes`, the last one shorter; neither less nor more."""
        held, given = bytearray(), 0
        for data in self.chunks():
            held += data
            if given + len(held) > total_bytes:
                raise SandboxFailedError(f"the process sent more than {total_bytes} bytes")
            while len(held) >= chunk_bytes:
                yield bytes(held[:chunk_bytes])
                del held[:chunk_bytes]
                given += chunk_bytes
        if given + len(held) < total_bytes:
            raise SandboxFailedError(
                f"the process sent {given + len(held)} of {total_bytes} bytes{self._said()}"
            )
        if held:
            yield bytes(held)

    def _wait(self) -> list[selectors.SelectorKey]:
        started = time.monotonic()
        ready = self._selector.select(max(self._left_s, 0))
        self._left_s -= time.monotonic() - started
        if not ready:
            raise SandboxFailedError(f"the network took longer than {self._timeout_s:g} s")
        return [key for key, _ in ready]

    def _check_end(self) -> None:
        try:
            status = self._process.wait(max(self._left_s, 1))
        except subprocess.TimeoutExpired as error:
            raise SandboxFailedError(
                f"the network took longer than {self._timeout_s:g} s"
            ) from error
        if status == REFUSED:
            raise ModelRefusedError(self._message())
        if status == UNAVAILABLE:
            raise SandboxUnavailableError(
                f"uploaded networks cannot be run here: {self._message()}"
            )
        if status:
            raise SandboxFailedError(f"the process {_ending(status)}{self._said()}")

    def _message(self) -> str:
        return _printable(self._stderr.rpartition(b"\x00")[2])

    def _said(self) -> str:
        return f", saying: {_printable(self._stderr)}" if self._stderr else ""


def _ending(status: int) -> str:
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return "was killed: it used too much time or memory"
    return f"was ended by signal {-status}" if status < 0 else f"failed with status {status}"


def _printable(raw: bytes) -> str:
    """The end of a stranger's words, without control characters."""
    text = raw.decode(errors="replace")
    return re.sub(r"[^\S ]+|[^\x20-\x7e\u2212\u00d7]+", " ", text).strip()[-600:]
