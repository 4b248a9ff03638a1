"""What `manage.py up` asks of its machine before it starts anything."""

import shutil
from collections import namedtuple

import pytest
from django.core.management.base import CommandError

from evalsite.management.commands import up

Usage = namedtuple("Usage", "total used free")


def test_too_little_space_is_refused_in_one_line(settings, tmp_path, monkeypatch):
    settings.BROKER_SOCKET = tmp_path / "broker" / "broker.sock"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10 * 2**20))
    with pytest.raises(CommandError, match="10 MB free, and Uncanny needs 500 MB") as refused:
        up.check_machine("127.0.0.1", 0)
    assert "\n" not in str(refused.value)
