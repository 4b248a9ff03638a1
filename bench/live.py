"""A real site in a folder of its own: started as an operator starts it, talked to, and ended."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EMAIL, PASSWORD = "researcher@example.org", "quiet gallery 42"
"""With which the owner of what `fill` makes logs in."""

PATIENCE_S = 120
"""A busy machine is no failure."""

FOREIGN = ("DATABASE_URL", "BROKER_URL", "UNCANNY_POOL_STORE", "DEBUG", "ALLOWED_HOSTS", "PORT")


class SiteFailed(RuntimeError):
    """The site did not do what it was asked; the message carries what it said."""


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    condition: Callable[[], Any], *, what: str, within_s: float = PATIENCE_S, poll_s: float = 0.1
) -> Any:
    """The first true value of `condition`; raises SiteFailed naming `what` did not come."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise SiteFailed(f"waited {within_s:.0f} s in vain for {what}")
        time.sleep(poll_s)
    return value


@dataclass(frozen=True)
class _Running:
    """A process of this machine."""

    command: str
    known_by: str
    parent: int


def _running() -> dict[int, _Running]:
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (command := (entry / "cmdline").read_bytes()):
                known_by = (entry / "environ").read_bytes() + command
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                found[int(entry.name)] = _Running(
                    command.decode(errors="replace").replace("\0", " ").strip(),
                    known_by.decode(errors="replace"),
                    parent=int(after_name[1]),
                )
    return found


def _new_output() -> Path:
    handle, path = tempfile.mkstemp(prefix="uncanny-up-", suffix=".out")
    os.close(handle)
    return Path(path)


@dataclass
class Site:
    """`manage.py up` in a data folder of its own, on a port of its own.

    `env` is added to the environment of everything it starts.
    """

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    output_path: Path = field(default_factory=_new_output)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """All that `up` has said since its last start."""
        return self.output_path.read_text() if self.output_path.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        own = {"UNCANNY_DATA_DIR": str(self.folder), "SECRET_KEY": "for-one-run-only"}
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        return {**kept, **own, **self.env}

    def start(self, *options: str, within_s: float = PATIENCE_S) -> float:
        """Start it and wait until it answers; the seconds that took."""
        began = time.monotonic()
        self.launch("--no-demo", *options)
        wait_until(lambda: self._is_up() or self._has_ended(), within_s=within_s, what=self.url)
        if self._has_ended():
            raise SiteFailed(f"the site ended at its start:\n{self.output}")
        return time.monotonic() - began

    def launch(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start it and wait for nothing."""
        command = [sys.executable, "manage.py", "up", "--port", str(self.port), *options]
        with self.output_path.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def _is_up(self) -> bool:
        return "Uncanny is at" in self.output

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self, number: int = signal.SIGINT, *, within_s: float = PATIENCE_S) -> int:
        """End it as Ctrl-C does (or by another signal); its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def destroy(self) -> None:
        """End everything of this site, gently first; for the end of a test or benchmark."""
        with suppress(subprocess.TimeoutExpired):
            self.stop(within_s=20)
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.output_path.unlink(missing_ok=True)

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def manage(self, *command: str) -> str:
        """What `manage.py COMMAND` prints in this site's folder; raises SiteFailed if it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise SiteFailed(f"manage.py {command[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def fill(self, **wanted: Any) -> dict[str, str]:
        """Call `bench.filling.fill` within this site: a data set, a pool and studies."""
        script = f"from bench.filling import fill; fill(**{wanted!r})"
        printed = self.manage("shell", "--no-imports", "-c", script)
        filled: dict[str, str] = json.loads(printed.splitlines()[-1])
        return filled

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from the site's SQLite database."""
        address = f"file:{self.folder / 'uncanny.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as database:
            return database.execute(query, values).fetchall()

    def processes(self) -> dict[int, str]:
        """The command lines of all that runs for this site, by process id (Linux only).

        Known by the data folder in the environment or the command line, or as children of those: the
        broker writes its title over its environment.
        """
        running = _running()
        marks = (f"UNCANNY_DATA_DIR={self.folder}\0", f"{self.folder}/")
        own = {pid for pid, each in running.items() if any(mark in each.known_by for mark in marks)}
        own |= {pid for pid, each in running.items() if each.parent in own}
        return {pid: running[pid].command for pid in own if pid != os.getpid()}

    def pid_of(self, words: str) -> int:
        """The first process of this site whose command line has `words` in it."""
        found = [pid for pid, command in self.processes().items() if words in command]
        if not found:
            raise SiteFailed(f"no process with {words!r} among {sorted(self.processes().values())}")
        return min(found)
