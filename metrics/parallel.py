"""Work shared out to processes of one thread each, which is the fastest use of the cores there are."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import current_thread, main_thread
from typing import Any, Protocol, TypeVar

from metrics.errors import MetricError, WorkerDied
from pools.errors import PoolError, SourceError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
STOP_S = 5.0

Task_contra = TypeVar("Task_contra", contravariant=True)
Task = TypeVar("Task")

Report = Callable[[int], object]
"""Called with how much of a task is done; what it returns is ignored."""


class Job(Protocol[Task_contra]):
    """What is done with every task; it is pickled, once for each process."""

    def do(self, task: Task_contra, report: Report) -> None: ...


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def run(
    job: Job[Task], tasks: Sequence[Task], *, workers: int, report: Callable[[int, int], object]
) -> None:
    """Do all tasks: in this process if there is one worker, else in that many, of one thread each.

    `report` is called with (position of a task, how much of it is done). The first error of a task
    ends the rest and is raised here as the same MetricError or OSError; WorkerDied if a process ends by
    itself. However this function ends, no process is left.
    """
    if workers < 1:
        raise MetricError(f"at least 1 worker is needed, got {workers}")
    if workers == 1:
        for index, task in enumerate(tasks):
            job.do(task, partial(report, index))
    else:
        with _processes(job, min(workers, len(tasks))) as processes:
            _share_out(tasks, processes, report)


def _share_out(
    tasks: Sequence[Task],
    processes: dict[Connection, BaseProcess],
    report: Callable[[int, int], object],
) -> None:
    """Give every process a task, and the next when it has done it."""
    waiting = iter(enumerate(tasks))
    busy: dict[Connection, int] = {}

    def next_task(connection: Connection) -> None:
        busy.pop(connection, None)
        for index, task in waiting:
            busy[connection] = index
            with _watched(processes[connection]):
                connection.send(task)
            return

    for connection in processes:
        next_task(connection)
    while busy:
        ready = wait(list(busy))
        for connection in [each for each in busy if each in ready]:
            kind, value = _received(connection, processes[connection])
            if kind == "done":
                report(busy[connection], value)
            elif kind == "ended":
                next_task(connection)
            else:
                raise value


def _received(connection: Connection, process: BaseProcess) -> tuple[str, Any]:
    with _watched(process):
        message: tuple[str, Any] = connection.recv()
    return message


@contextmanager
def _watched(process: BaseProcess) -> Iterator[None]:
    """Have an end of the process, noticed in here, raised as WorkerDied."""
    try:
        yield
    except (EOFError, ConnectionError):
        process.join(STOP_S)
        raise WorkerDied(
            f"a process that computed features ended by itself ({_end(process.exitcode)}); "
            "what was finished is kept where there is a cache"
        ) from None


def _end(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"{signal.Signals(-exitcode).name}, as when memory runs out"
    return f"exit status {exitcode}"


@contextmanager
def _processes(job: Job[Task], count: int) -> Iterator[dict[Connection, BaseProcess]]:
    """Start processes that wait for tasks; they are gone when the context ends."""
    context = get_context("spawn")
    processes: dict[Connection, BaseProcess] = {}
    try:
        resource_tracker.ensure_running()  # it lets SIGINT through again as it starts
        with _inherited():
            for _ in range(count):
                here, there = context.Pipe()
                process: BaseProcess = context.Process(
                    target=_serve, args=(job, there), daemon=True
                )
                process.start()
                there.close()
                processes[here] = process
        yield processes
    finally:
        for connection, process in processes.items():
            connection.close()
            process.terminate()
        for process in processes.values():
            process.join()


@contextmanager
def _inherited() -> Iterator[None]:
    """Have what is started in here use one thread, and leave Ctrl-C to this process.

    Libraries read the environment as they are loaded, and an interruption may come sooner than any
    line of a new process: both are settled before it starts.
    """
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with _interruption_put_off():
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _interruption_put_off() -> Iterator[None]:
    """Let Ctrl-C wait until the end of this context: a process half started would complain.

    A mask is not enough: it is of one thread, and any other may take the signal for all.
    """
    if current_thread() is not main_thread():  # where Python lets no handler be set, nor runs one
        yield
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


def _serve(job: Job[Task], connection: Connection) -> None:
    """Do what comes until the other end is gone."""
    with suppress(EOFError, ConnectionError):
        while True:
            connection.send(_answer(job, connection.recv(), connection))


def _answer(job: Job[Task], task: Task, connection: Connection) -> tuple[str, Any]:
    try:
        job.do(task, lambda done: connection.send(("done", done)))
    except ConnectionError:
        raise
    except MetricError as error:
        return "failed", type(error)(str(error))
    except (PoolError, SourceError) as error:
        return "failed", MetricError(str(error))
    except OSError as error:
        return "failed", OSError(str(error))
    except Exception:
        return "failed", RuntimeError(traceback.format_exc())
    return "ended", None
