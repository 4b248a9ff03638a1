"""What can be wrong with a pool, a source of images, or one image of many."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

MAX_LISTED = 20


class PoolError(Exception):
    """A pool that is absent, unreadable or asked for what it does not hold."""


class SourceError(Exception):
    """A folder or file that images cannot be taken from, and why."""


class SourceWarning(UserWarning):
    """A source that can be read, and of which something is left out or seems wrong."""


class Rejection(Exception):
    """One image that cannot be taken; the message is the reason, without its name."""


@dataclass(frozen=True)
class Rejected:
    """A file that was refused: its name inside the source, and the reason."""

    name: str
    reason: str

    def __str__(self) -> str:
        printable = (
            c if c.isprintable() else c.encode("unicode_escape").decode() for c in self.name
        )
        return f"{''.join(printable)}: {self.reason}"


class BadImages(SourceError):
    """Every refused file of a source, in its order, when at least one was refused."""

    def __init__(self, rejected: Sequence[Rejected], *, max_listed: int = MAX_LISTED) -> None:
        self.rejected = tuple(rejected)
        super().__init__("\n".join(_report(self.rejected, max_listed)))


def _report(rejected: tuple[Rejected, ...], max_listed: int) -> Iterator[str]:
    files = "1 file was" if len(rejected) == 1 else f"{len(rejected):,} files were"
    yield f"{files} refused, so nothing was taken"
    yield from (f"  {each}" for each in rejected[:max_listed])
    if len(rejected) > max_listed:
        yield f"  and {len(rejected) - max_listed:,} more; in all:"
        kinds = Counter(each.reason.partition(":")[0] for each in rejected)
        yield from (f"  {count:,} × {kind}" for kind, count in kinds.most_common(max_listed))


@contextmanager
def told_as(kind: type[Exception], what: str) -> Iterator[None]:
    """Disks, object stores, codecs and hostile bytes fail with exceptions of many kinds."""
    try:
        yield
    except (PoolError, SourceError, Rejection):
        raise
    except Exception as error:
        raise kind(f"{what}: {error or type(error).__name__}") from error


def is_of_full_disk(error: BaseException | None) -> bool:
    """Whether there was no room left, for files or for SQLite, whatever the error was told as.

    >>> is_of_full_disk(OSError(28, "No space left on device")), is_of_full_disk(OSError("absent"))
    (True, False)
    """
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "database or disk is full" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
