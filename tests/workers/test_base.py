"""What a row says of work that failed."""

import errno
import tempfile
from pathlib import Path

import pytest
from django.db import OperationalError

from evalsite.catalog.models import Pool
from evalsite.jobs import claim
from pools.errors import PoolError, SourceError, told_as
from sandbox.errors import ModelRefusedError, SandboxFailedError
from tests import factories
from workers.base import _attempt

pytestmark = pytest.mark.django_db


def test_a_file_that_was_bad_is_named_without_the_folder_it_lay_in_here():
    row = factories.pool(is_ready=False)

    def work(lease):
        with tempfile.TemporaryDirectory() as folder:
            raise ValueError(f"{Path(folder) / 'weights.pth'} is cut short, not /data/weights.pth")

    _attempt(work, claim(Pool, row.pk))
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "weights.pth is cut short, not /data/weights.pth")


@pytest.mark.parametrize("kind", [PoolError, OSError, KeyError])
@pytest.mark.parametrize(
    ("setting", "file"), [("POOL_STORE", "1a.zarr"), ("MEDIA_ROOT", "generators/net.onnx")]
)
def test_what_the_site_keeps_is_named_without_the_folder_it_is_kept_in(
    settings, kind, setting, file
):
    row = factories.pool(is_ready=False)
    folder = str(getattr(settings, setting))

    def work(lease):
        raise kind(f"there is nothing at {folder}/{file}")

    _attempt(work, claim(Pool, row.pk))
    row.refresh_from_db()
    assert f"there is nothing at {file}" in row.error


@pytest.mark.parametrize(
    ("error", "is_refused"),
    [
        (SourceError("it is no zip"), True),
        (ModelRefusedError("its images are 4 px wide"), True),
        (SandboxFailedError("the network took longer than 600 s"), False),
        (OSError("no such file"), False),
    ],
)
def test_a_file_that_was_refused_is_told_from_a_machine_that_failed(error, is_refused):
    row = factories.pool(is_ready=False)

    def work(lease):
        raise error

    _attempt(work, claim(Pool, row.pk))
    row.refresh_from_db()
    assert (row.state, row.is_refused) == ("failed", is_refused)


@pytest.mark.parametrize("error", [ValueError("no file"), KeyError("generator")])
def test_work_on_a_row_that_was_deleted_meanwhile_ends_without_a_word_of_failure(error, caplog):
    row = factories.pool(is_ready=False)

    def work(lease):
        Pool.jobs.filter(pk=row.pk).delete()
        raise error

    _attempt(work, claim(Pool, row.pk))
    assert "failed" not in caplog.text


def test_a_file_that_a_full_disk_kept_from_being_read_is_not_refused():
    row = factories.pool(is_ready=False)

    def work(lease):
        with told_as(SourceError, "images.zip"):
            raise OSError(errno.ENOSPC, "No space left on device")

    _attempt(work, claim(Pool, row.pk))
    row.refresh_from_db()
    assert (row.state, row.is_refused) == ("failed", False)


@pytest.mark.parametrize("kind", [PoolError, OSError, ValueError, OperationalError])
def test_a_full_disk_is_called_so_with_what_is_kept_and_what_to_do(kind):
    row = factories.pool(is_ready=False)

    def work(lease):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise kind("cannot write to the pool") from error

    _attempt(work, claim(Pool, row.pk))
    row.refresh_from_db()
    assert row.error == (
        "The disk is full. What was saved before is kept; once there is room again, go on from here: "
        "cannot write to the pool"
    )
