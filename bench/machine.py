"""The machine a benchmark runs on: how busy it is, and how to keep it busy."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TIMES = Path("/proc/stat")  # Linux alone has it
STEERING = ("OPENBLAS_", "MKL_", "OMP_", "KMP_", "DNNL_", "ONEDNN_")
QUIET = 0.1


@dataclass
class Busy:
    """The share of all cores' time that was used, by anything; None where the system does not say."""

    share: float | None = None


@contextmanager
def watched() -> Iterator[Busy]:
    """What it yields knows at the end how busy the machine was in between."""
    busy, before = Busy(), core_times()
    yield busy
    if before and (after := core_times()):
        used, total = (late - early for late, early in zip(after, before, strict=True))
        busy.share = used / total if total else 0.0


def core_times(path: Path = TIMES) -> tuple[int, int] | None:
    """All cores' time since the start: used, and in all, in ticks of the system."""
    if not path.exists():
        return None
    times = [int(field) for field in path.read_text().splitlines()[0].split()[1:9]]
    idle, waiting = times[3:5]
    return sum(times) - idle - waiting, sum(times)


def await_quiet(patience_s: float) -> None:
    """Return when a tenth of the cores' time or less is used for a second, or patience is at its end."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        with watched() as busy:
            time.sleep(1)
        if (busy.share or 0) <= QUIET:
            return


@contextmanager
def busy_cores() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """An endless loop on each core, in these processes."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def machine() -> dict[str, object]:
    """What a figure of time depends on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.system(),
        "told": told(),
    }


def told() -> dict[str, str]:
    """What the environment tells the libraries that compute: they are then not as they come."""
    return {name: os.environ[name] for name in sorted(os.environ) if name.startswith(STEERING)}
