"""Starts a confined process and talks to it: exactly the bytes agreed, in time, or an error."""

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import IO, Any, Self

from sandbox.errors import (
    REFUSED,
    UNAVAILABLE,
    ModelRefusedError,
    SandboxFailedError,
    SandboxUnavailableError,
)
from sandbox.tiers import PROJECT_FOLDER, Tier, best_tier

STDERR_KEPT_BYTES = 2_000
PIPE_BYTES = 1 << 16
ENVIRONMENT = {
    "PYTHONPATH": str(PROJECT_FOLDER),
    "PYTHONDONTWRITEBYTECODE": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def start(
    module: str,
    asked: Mapping[str, Any],
    stdin: IO[bytes] | int,
    *,
    timeout_s: float,
    memory_mb: int,
    cpu_s: int | None = None,
    allow_insecure: bool = False,
) -> "Confined":
    """A process of a module that calls `sandbox.child.main`, to answer what is asked, as JSON.

    `timeout_s` bounds the time spent waiting for it, `memory_mb` its address space and `cpu_s` its
    processor time (by default about `timeout_s`). Raises SandboxUnavailableError.
    """
    tier = best_tier(allow_insecure=allow_insecure)
    limits = {"memory_mb": memory_mb, "cpu_s": cpu_s or int(timeout_s) + 1}
    request = json.dumps({"tier": tier.name, "limits": limits, "asked": dict(asked)})
    return Confined(tier, ["-m", module, request], stdin, timeout_s)


class Confined:
    """A running `python ARGUMENTS` of a tier, as a context that ends it whatever happens.

    `stdin` is an open file that the process may read, or subprocess.PIPE for a conversation: `send`
    a question, then `read` the answer. The process's environment holds nothing of ours.
    """

    def __init__(
        self, tier: Tier, arguments: list[str], stdin: IO[bytes] | int, timeout_s: float
    ) -> None:
        self._left_s = timeout_s
        self._timeout_s = timeout_s
        self._stderr = b""
        self._unsent = memoryview(b"")
        self._unread = bytearray()
        self._heard = self.chunks()
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
        for stream in self._streams():
            os.set_blocking(stream.fileno(), False)
            if stream is not self._process.stdin:
                self._selector.register(stream, selectors.EVENT_READ)

    def _streams(self) -> list[IO[bytes]]:
        process = self._process
        return [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe]

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
        for stream in self._streams():
            stream.close()

    def chunks(self) -> Iterator[bytes]:
        """What the process writes, until it ends; then raises unless it ended well.

        Raises SandboxFailedError once the process has been waited for longer than the limit.
        """
        while self._selector.get_map():
            for key in self._wait():
                stream = key.fileobj
                if stream is self._process.stdin:
                    self._push(key.fd)
                    continue
                data = os.read(key.fd, PIPE_BYTES)
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

    def send(self, *parts: bytes) -> None:
        """Queues a question for standard input and gives the process the whole time again.

        It goes out while the answer is awaited, so that neither side can block the other.
        """
        if self._process.returncode is not None:
            raise SandboxFailedError("the process has ended")
        if self._unread or self._unsent:
            raise SandboxFailedError("the process did not keep to question and answer")
        self._left_s = self._timeout_s
        self._unsent = memoryview(b"".join(parts))
        if self._process.stdin:
            self._selector.register(self._process.stdin, selectors.EVENT_WRITE)

    def read(self, size_bytes: int) -> bytes:
        """The next bytes that the process writes; raises SandboxFailedError if it ends before."""
        while len(self._unread) < size_bytes:
            data = next(self._heard, None)
            if data is None:
                sent = f"{len(self._unread)} of {size_bytes} bytes"
                raise SandboxFailedError(f"the process sent {sent}{self._said()}")
            self._unread += data
        answer = bytes(self._unread[:size_bytes])
        del self._unread[:size_bytes]
        return answer

    def _push(self, pipe: int) -> None:
        try:
            sent = os.write(pipe, self._unsent[:PIPE_BYTES])
        except BrokenPipeError:
            sent = len(self._unsent)  # why it closed, its exit status tells
        self._unsent = self._unsent[sent:]
        if not self._unsent and self._process.stdin:
            self._selector.unregister(self._process.stdin)

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
