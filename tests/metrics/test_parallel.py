import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path

import pytest

from metrics.errors import MetricError, NotFinite, WorkerDied
from metrics.parallel import _inherited, cores, run


@dataclass(frozen=True)
class Job:
    """Does what a task says, and leaves a file for every one that it did."""

    folder: object

    def do(self, task, report):
        number, what = task
        report(1)
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "leave":
            os._exit(3)
        if what == "hang":
            time.sleep(600)
        if isinstance(what, Exception):
            raise what
        threads = os.environ.get("OMP_NUM_THREADS")
        (self.folder / str(number)).write_text(f"{os.getpid()} {threads}")
        report(2)


class Stillborn(Job):
    """Ends every process that is given it, before the next one starts."""

    def __reduce__(self):
        while active_children():
            time.sleep(0.01)
        return os._exit, (4,)


def done(folder):
    return sorted(int(path.name) for path in folder.iterdir())


def children():
    """The processes that were started here for work, as the system sees them."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in listed]
    return [line for line in lines if b"spawn_main" in line]


def silent(task, done):
    pass


def test_one_worker_is_this_process(tmp_path):
    heard = []
    tasks = [(0, "work"), (1, "work")]
    run(Job(tmp_path), tasks, workers=1, report=lambda *each: heard.append(each))
    assert heard == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert {path.read_text().split()[0] for path in tmp_path.iterdir()} == {str(os.getpid())}


def test_more_workers_are_others_of_one_thread_each(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    heard = {}
    tasks = [(number, "work") for number in range(5)]
    run(Job(tmp_path), tasks, workers=2, report=lambda task, now: heard.update({task: now}))
    assert done(tmp_path) == [0, 1, 2, 3, 4]
    assert heard == dict.fromkeys(range(5), 2)
    told = [path.read_text().split() for path in tmp_path.iterdir()]
    assert {threads for _, threads in told} == {"1"}
    assert str(os.getpid()) not in {pid for pid, _ in told}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotFinite("NaN in image 7"), NotFinite),
        (ZeroDivisionError("NaN in image 7"), RuntimeError),
        (OSError(28, "No space left for NaN in image 7"), OSError),
    ],
)
def test_an_error_of_a_task_is_raised_here(error, kind, tmp_path):
    with pytest.raises(kind, match="NaN in image 7"):
        run(Job(tmp_path), [(0, error)], workers=2, report=silent)
    assert not children()


def test_a_process_that_is_killed_is_named_and_the_others_end(tmp_path):
    with pytest.raises(WorkerDied, match="SIGKILL, as when memory runs out"):
        run(Job(tmp_path), [(0, "die"), (1, "hang")], workers=2, report=silent)
    assert not children()


def test_a_process_that_leaves_is_named_too(tmp_path):
    with pytest.raises(WorkerDied, match="exit status 3"):
        run(Job(tmp_path), [(0, "leave")], workers=2, report=silent)


def test_a_process_that_ends_before_it_has_a_task_is_named_too(tmp_path):
    with pytest.raises(WorkerDied, match="exit status 4"):
        run(Stillborn(tmp_path), [(0, "work"), (1, "work")], workers=2, report=silent)


def test_an_interruption_leaves_nothing_running(tmp_path):
    def interrupt(task, now):
        assert children()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Job(tmp_path), [(0, "hang"), (1, "hang")], workers=2, report=interrupt)
    assert not children()


def test_no_workers_are_refused(tmp_path):
    with pytest.raises(MetricError, match="at least 1 worker is needed, got 0"):
        run(Job(tmp_path), [(0, "work")], workers=0, report=silent)


def test_there_is_at_least_one_core():
    assert 1 <= cores() <= os.cpu_count()


def test_an_interruption_waits_until_a_process_has_all_it_needs_whichever_thread_takes_it():
    """Threads of numerical libraries block no signal, and what they take interrupts the main one."""
    go = threading.Event()
    other = threading.Thread(target=lambda: go.wait() and signal.raise_signal(signal.SIGINT))
    other.start()
    before, went_on = signal.signal(signal.SIGINT, signal.default_int_handler), []

    def start():
        with _inherited():
            go.set()
            other.join()
            went_on.append(True)

    try:
        with pytest.raises(KeyboardInterrupt):
            start()
        assert went_on
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
