import time
from pathlib import Path

import numpy as np
import pytest

from metrics import mapped
from metrics.mapped import small_in_memory


@pytest.fixture
def array(tmp_path):
    np.save(tmp_path / "mapped.npy", np.arange(1_000_000.0))
    return np.load(tmp_path / "mapped.npy", mmap_mode="r")


def resident_bytes():
    """What the system counts of the mapped file as memory of this process."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    found = (
        next(each for each in lines if each.startswith("Rss:"))
        for line in lines
        if "mapped.npy" in line
    )
    return sum(int(each.split()[1]) * 1024 for each in found)


def test_what_was_read_of_a_large_array_is_let_go_and_can_be_read_again(array, monkeypatch):
    monkeypatch.setattr(mapped, "LARGE_BYTES", 1_000_000)
    expected = np.arange(1_000_000.0).sum()
    assert array.sum() == expected
    assert resident_bytes() > 7_000_000
    with small_in_memory([array, None, np.zeros(200_000)]):
        deadline = time.monotonic() + 10
        while resident_bytes() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert resident_bytes() == 0
        assert array.sum() == expected
    assert array.sum() == expected


def test_small_arrays_are_left_alone(array):
    array.sum()
    with small_in_memory([array]):
        time.sleep(3 * mapped.EVERY_S)
        assert resident_bytes() > 7_000_000
