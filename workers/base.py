"""How a task takes a row: claim it, keep the lease alive, and leave the row in a state that says what happened."""

import logging
import re
import tempfile
from collections.abc import Callable
from typing import TypeVar

from celery.signals import worker_shutting_down
from django.conf import settings

from evalsite.celery import app
from evalsite.jobs import FILE_REFUSED, Job, Lease, Stopped, claim, shutting_down
from generators.memory import in_words, is_of_memory
from pools.errors import PoolError, SourceError, is_of_full_disk
from sandbox.errors import ModelRefusedError, SandboxError

log = logging.getLogger(__name__)

WORDED = (
    ValueError,
    ArithmeticError,
    RuntimeError,
    OSError,
    MemoryError,
    PoolError,
    SourceError,
    SandboxError,
)
"""The kinds of error that the sciences raise, in words for the researcher."""

NO_ROOM = (
    "The disk is full. What was saved before is kept; once there is room again, go on from here"
)

J = TypeVar("J", bound=Job)
Work = Callable[[Lease[J]], None]


def completes(model: type[J]) -> Callable[[Work[J]], Work[J]]:
    """Make the Celery task that completes rows of `model`; a row that is not queued is left alone.

    The work may end the lease itself (`requeue` for a further segment); otherwise the row becomes ready.
    """

    def decorate(work: Work[J]) -> Work[J]:
        def task(pk: int) -> None:
            lease = claim(model, pk)
            if lease is None:
                return
            with lease:
                _attempt(work, lease)

        app.task(task, name=f"workers.tasks.{model.task}")
        return work

    return decorate


def _attempt(work: Work[J], lease: Lease[J]) -> None:
    try:
        work(lease)
    except Stopped:
        lease.put_down()
    except Exception as error:
        if lease.is_held():
            _fail(lease, error)
        else:
            log.info("%s %s is gone, or another's by now", type(lease.row).__name__, lease.row.pk)
    else:
        lease.ready()


def _fail(lease: Lease[J], error: Exception) -> None:
    """Say in the row what went wrong, and more in the log."""
    if not isinstance(error, WORDED) and not is_of_full_disk(error):
        log.exception("%s failed", lease.row, exc_info=error)
        words = _of_no_folder(repr(error))
        lease.fail(f"This is a fault of the platform, not of your input: {words}. Press Retry.")
        return
    log.warning("%s failed: %s", lease.row, error)
    note = FILE_REFUSED if _is_of_the_file(error) else ""
    words = in_words(error) if is_of_memory(error) else str(error)
    if is_of_full_disk(error):
        words = f"{NO_ROOM}: {words}"
    lease.fail(_of_no_folder(words), note=note)


def _is_of_the_file(error: BaseException) -> bool:
    """Whether an uploaded file was refused, and not because a disk was full or away meanwhile."""
    if not isinstance(error, SourceError | ModelRefusedError):
        return False
    cause = error.__cause__
    while cause is not None and not getattr(cause, "errno", None):
        cause = cause.__cause__
    return cause is None


def _of_no_folder(words: str) -> str:
    """Name files without the folder of this machine that they lie in, or were put into for a moment."""
    temporary = f"{tempfile.gettempdir()}/{tempfile.gettempprefix()}"
    kept = [settings.POOL_STORE, settings.MEDIA_ROOT, settings.FEATURES_DIR, settings.DATA_DIR]
    folders = [re.escape(temporary) + r"\w+", *(re.escape(str(each)) for each in kept)]
    return re.sub(f"(?:{'|'.join(folders)})/+", "", words)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _put_down_tools(**_: object) -> None:
    shutting_down.set()
