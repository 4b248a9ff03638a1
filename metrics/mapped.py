"""Arrays mapped from disk that are larger than memory should look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from mmap import MADV_DONTNEED, mmap
from threading import Event, Thread
from typing import Any

from numpy.typing import NDArray

LARGE_BYTES = 64 * 1024 * 1024
EVERY_S = 0.1


@contextmanager
def small_in_memory(arrays: Iterable[NDArray[Any] | None]) -> Iterator[None]:
    """While this lasts, what was read of large mapped arrays is not held in memory for long.

    The system counts every page that was read as this process's until it needs the memory for
    something else; nothing but time tells that a page has been used, so a thread lets go of all of
    them ten times a second. What is read again comes from the system's cache, or the disk.
    """
    maps = [found for each in arrays if each is not None and (found := _map_of(each))]
    done = Event()
    thread = Thread(target=_let_go, args=(maps, done), daemon=True)
    if maps:
        thread.start()
    try:
        yield
    finally:
        done.set()
        if maps:
            thread.join()


def _map_of(array: NDArray[Any]) -> mmap | None:
    base: object = array.base
    return base if isinstance(base, mmap) and array.nbytes > LARGE_BYTES else None


def _let_go(maps: list[mmap], done: Event) -> None:
    while not done.wait(EVERY_S):
        for each in maps:
            each.madvise(MADV_DONTNEED)
