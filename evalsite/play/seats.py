"""How many may play at once: the rest of the web process stays free for those who take part in studies."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

SEATS = 2
"""In each web process, which has four threads."""

RETRY_AFTER_S = 1


class Busy(Exception):
    """Every seat is taken; it can be asked again in a moment."""


_seats = BoundedSemaphore(SEATS)


@contextmanager
def seat() -> Iterator[None]:
    """Hold one of the seats for as long as a network runs; raises Busy if there is none."""
    if not _seats.acquire(blocking=False):
        raise Busy
    try:
        yield
    finally:
        _seats.release()
