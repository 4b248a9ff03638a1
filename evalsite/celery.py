"""The Celery app, and the one way in which the site asks for work."""

import logging
import os

from celery import Celery
from django.db import transaction
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalsite.settings")

log = logging.getLogger(__name__)

DELAY_S = {"score": 1.0}
"""Tasks that wait a moment, so that what comes within it is done together."""

app = Celery("uncanny")
app.config_from_object("evalsite.celeryconfig")


def enqueue(task: str, pk: int) -> None:
    """Send the key of a row to a worker once the row is committed.

    A broker that cannot be reached loses nothing: the row stays queued, and the sweeper sends it later.
    """
    signature = app.signature(f"workers.tasks.{task}", args=(pk,))

    def send() -> None:
        try:
            signature.apply_async(retry=False, countdown=DELAY_S.get(task))
        except OperationalError as error:
            log.warning("the broker is away, %s(%s) waits for the sweeper: %s", task, pk, error)

    transaction.on_commit(send)


def waiting(queue: str) -> int:
    """Count the messages that no worker has taken from `queue` yet."""
    with app.connection_for_read() as connection:
        declared = connection.default_channel.queue_declare(queue, durable=True)
        return int(declared.message_count)
