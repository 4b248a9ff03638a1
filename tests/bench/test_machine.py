"""How busy the machine of a benchmark is."""

import os
import time

import pytest

from bench import machine
from bench.machine import Busy, await_quiet, busy_cores, core_times, told, watched

needs_times = pytest.mark.skipif(not machine.TIMES.exists(), reason="this system has no /proc/stat")


def test_used_time_is_all_but_idle_and_waiting(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  10 20 30 400 50 6 7 8 900 900\ncpu0 1 2 3 4 5 6 7 8 9 0\n")
    assert core_times(stat) == (10 + 20 + 30 + 6 + 7 + 8, 531)


def test_a_system_that_does_not_say_is_not_guessed_at(tmp_path, monkeypatch):
    assert core_times(tmp_path / "stat") is None
    monkeypatch.setattr(machine, "core_times", lambda: None)
    with watched() as busy:
        pass
    assert busy == Busy(None)


@pytest.mark.parametrize(("after", "share"), [((150, 1_200), 0.25), ((100, 1_000), 0.0)])
def test_the_share_is_of_the_time_in_between(after, share, monkeypatch):
    times = iter([(100, 1_000), after])
    monkeypatch.setattr(machine, "core_times", lambda: next(times))
    with watched() as busy:
        pass
    assert busy.share == share


@pytest.mark.parametrize(("used", "waited_s"), [(0.05, 1), (0.5, 4)])
def test_a_busy_machine_is_waited_for_and_not_for_ever(used, waited_s, monkeypatch):
    now_s = 0

    def sleep(seconds):
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(machine, "core_times", lambda: (int(100 * used * now_s), 100 * now_s))
    await_quiet(patience_s=4)
    assert now_s == waited_s


@needs_times
def test_busy_cores_are_busy_until_the_end():
    with watched() as busy, busy_cores() as processes:
        time.sleep(1)
    assert busy.share > 0.5
    assert len(processes) == os.cpu_count()
    assert all(process.poll() is not None for process in processes)


def test_what_libraries_are_told_is_said_beside_the_figures(monkeypatch):
    for name in told():
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("UNCANNY_DATA_DIR", "data")
    assert machine.machine()["told"] == {"OPENBLAS_CORETYPE": "Haswell"}
