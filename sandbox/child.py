"""The confined process, whatever it computes: it locks itself in, then answers over pipes."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from sandbox.confine import Limits, confine, limit_resources
from sandbox.errors import REFUSED, UNAVAILABLE, ModelRefusedError, SandboxUnavailableError

Answer = Callable[[dict[str, Any]], None]
"""Reads the network from standard input and writes what was asked for to standard output."""


def main(argument: str, answer: Answer) -> int:
    """Confines itself as the JSON says, then answers what it asks; returns the exit status."""
    request = json.loads(argument)
    limits = Limits(**request["limits"])
    try:
        if request["tier"] == "insecure":
            limit_resources(limits)
        else:
            confine(limits, inside_bubblewrap=request["tier"] == "bubblewrap")
        answer(request["asked"])
    except SandboxUnavailableError as error:
        return _fail(UNAVAILABLE, str(error))
    except ModelRefusedError as error:
        return _fail(REFUSED, str(error))
    except MemoryError:
        return _fail(REFUSED, f"the network needs more than {limits.memory_mb} MiB of memory")
    return 0


def write(data: bytes) -> None:
    """Sends bytes to the parent at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def end(status: int) -> None:
    """Leaves at once: tearing an interpreter down needs calls that are no longer allowed."""
    os._exit(status)


def _fail(status: int, message: str) -> int:
    os.write(2, b"\x00" + message.encode(errors="replace"))
    return status
