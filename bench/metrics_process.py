"""Processes that do tasks when told, so that what lives in two environments can be timed in turn.

Both ends are here; nothing but the standard library is, since a peer's environment has no more.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Run = Callable[[], object]
Prepare = Callable[..., Run]
"""Loads what a task needs, warms up, and returns what is timed; that returns what JSON can hold."""


class TaskFailed(Exception):
    """A task raised an error, or its process ended."""


@dataclass(frozen=True)
class Task:
    """Something to do: what the other process calls it, and with what."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return json.dumps([self.name, self.arguments])


@dataclass(frozen=True)
class Done:
    """A task done once.

    `seconds` are on the clock; `cpu_s` those that the process computed, which a busy machine hardly
    moves; `value` is what the task returned; `peak_mb` the most memory the process ever had.
    """

    seconds: float
    cpu_s: float
    value: Any
    peak_mb: float


Outcome = Done | str
"""What a task came to, or why it came to nothing."""


class Side:
    """A process of one environment, which does tasks one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def prepare(self, task: Task) -> None:
        """Have a task made ready."""
        self._send({"prepare": task.key, "task": task.name, "arguments": task.arguments})
        self._answer()

    def start(self, task: Task) -> None:
        """Have a prepared task done, without waiting for it."""
        self._send({"do": task.key})

    def result(self) -> Done:
        """Wait for what was started."""
        return Done(**self._answer())

    def do(self, task: Task) -> Done:
        """Have a prepared task done."""
        self.start(task)
        return self.result()

    def _send(self, order: Mapping[str, object]) -> None:
        assert self._process.stdin
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            self._ended()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._ended()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise TaskFailed(answer["error"])
        return answer

    def _ended(self) -> None:
        raise TaskFailed(f"its process ended by itself, with status {self._process.wait()}")


@contextmanager
def side(python: Path, module: str, cores: Sequence[int]) -> Iterator[Side]:
    """Start `python -m module` on some cores only, with a thread for each; it ends with the context."""
    threads = dict.fromkeys(THREADS, str(len(cores)))
    process = subprocess.Popen(
        [python, "-m", module, ",".join(map(str, cores))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | threads,
        text=True,
    )
    try:
        yield Side(process)
    finally:
        process.kill()
        process.communicate()


def together(sides: Sequence[Side], task: Task) -> Done:
    """Do a prepared task in several processes at once; its value is the list of their values."""
    start = time.perf_counter()
    for each in sides:
        each.start(task)
    done = [each.result() for each in sides]
    seconds = time.perf_counter() - start
    return Done(
        seconds,
        sum(each.cpu_s for each in done),
        [each.value for each in done],
        max(each.peak_mb for each in done),
    )


def attempt(side: Side, task: Task) -> Outcome:
    """Do a prepared task, or say why not."""
    try:
        return side.do(task)
    except TaskFailed as error:
        return str(error)


def warmed(turn: Callable[[], Outcome]) -> Callable[[], Outcome]:
    """Have a turn taken twice, of which the second counts.

    Memory that a virtual machine gave back while others had their turns is there again by then.
    """

    def second() -> Outcome:
        turn()
        return turn()

    return second


def alternate(turns: Sequence[Callable[[], Outcome]], times: int) -> list[Outcome]:
    """Take turns, several times over; return of each the median one, or why there is none."""
    rounds = [[turn() for turn in turns] for _ in range(times)]
    return [_median(outcomes) for outcomes in zip(*rounds, strict=True)]


def _median(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the one whose seconds are the median, the lower of two."""
    done = [each for each in outcomes if isinstance(each, Done)]
    if len(done) < len(outcomes):
        return next(each for each in outcomes if isinstance(each, str))
    return sorted(done, key=lambda each: each.seconds)[(len(done) - 1) // 2]


def serve(tasks: Mapping[str, Prepare]) -> None:
    """Take orders from stdin and answer on stdout until stdin ends; what tasks print goes to stderr."""
    os.sched_setaffinity(0, {int(core) for core in sys.argv[1].split(",")})
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    ready: dict[str, Run] = {}
    for line in sys.stdin:
        try:
            answer = _obeyed(json.loads(line), tasks, ready)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def _obeyed(
    order: Mapping[str, Any], tasks: Mapping[str, Prepare], ready: dict[str, Run]
) -> dict[str, object]:
    if "prepare" in order:
        ready[order["prepare"]] = tasks[order["task"]](**order["arguments"])
        return {}
    run = ready[order["do"]]
    start, cpu_start = time.perf_counter(), time.process_time()
    value = run()
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu_s": cpu_s, "value": value, "peak_mb": peak_mb}
