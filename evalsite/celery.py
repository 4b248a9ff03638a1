"""The Celery app, and the one way in which the site asks for work."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery, chord, group
from celery.backends.redis import RedisBackend
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalsite.settings")

log = logging.getLogger(__name__)

DELAY_S = {"score": 1.0}
"""Tasks that wait a moment, so that what comes within it is done together."""

FIRST, SOON, LATER = 0, 3, 9
"""Priorities of messages, as Redis takes them: what is for later is done while nothing else waits."""

AWAITED = ("export", "sample")
"""Tasks that pass by the rest: they are short, and without them a page has nothing to show."""


class ChordBackend(RedisBackend):  # type: ignore[misc]  # celery has no types
    """Counts the parts of chords. Nobody waits for results, so nothing listens for them."""

    def add_pending_result(
        self, result: Any, weak: bool = False, start_drainer: bool = True
    ) -> Any:
        return result


app = Celery("uncanny")
app.config_from_object("evalsite.celeryconfig")


def enqueue(task: str, pk: int, *, later: bool = False) -> None:
    """Send the key of a row to a worker once the row is committed.

    A broker that cannot be reached loses nothing: the row stays queued, and the sweeper sends it later.
    """
    signature = _signature(task, pk, later=later)
    _send(lambda: signature.apply_async(retry=False, countdown=DELAY_S.get(task)), signature)


def enqueue_group(task: str, pks: Sequence[int], *, later: bool = False) -> None:
    """Send the keys of rows, at least one, to workers at once."""
    parts = group([_signature(task, each, later=later) for each in pks], app=app)
    _send(lambda: parts.apply_async(retry=False), parts)


def enqueue_chord(
    task: str, pks: Sequence[int], *, then: str, pk: int, later: bool = False
) -> None:
    """Send the keys of rows, at least one, to workers, and that of another when all are worked.

    The chord only saves time: where it is broken off, the sweeper finds what should follow.
    """
    header = [_signature(task, each, later=later) for each in pks]
    body = _signature(then, pk, later=later)
    _send(lambda: chord(header, app=app)(body, retry=False), body)


def _signature(task: str, pk: int, *, later: bool) -> Any:
    priority = LATER if later else FIRST if task in AWAITED else SOON
    return app.signature(
        f"workers.tasks.{task}", args=(pk,), immutable=True, priority=priority, ignore_result=True
    )


def _send(send: Callable[[], object], signature: Any) -> None:
    def attempt() -> None:
        try:
            send()
        except (OperationalError, RedisError) as error:
            log.warning("the broker is away, %s waits for the sweeper: %s", signature, error)

    transaction.on_commit(attempt)


def waiting(queue: str) -> int:
    """Count the messages that no worker has taken from `queue` yet."""
    with app.connection_for_read() as connection:
        declared = connection.default_channel.queue_declare(queue, durable=True)
        return int(declared.message_count)
