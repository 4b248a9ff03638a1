"""What a row says of work that failed."""

import tempfile
from pathlib import Path

import pytest

from evalsite.catalog.models import Pool
from evalsite.jobs import claim
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
