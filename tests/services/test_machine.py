"""What `manage.py up` asks of its machine before it starts anything."""

import shutil
from collections import namedtuple

import pytest
from celery import Celery
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError

from evalsite.management.commands import up

Usage = namedtuple("Usage", "total used free")


def test_too_little_space_is_refused_in_one_line(settings, tmp_path, monkeypatch):
    settings.BROKER_SOCKET = tmp_path / "broker" / "broker.sock"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10 * 2**20))
    with pytest.raises(CommandError, match="10 MB free, and Uncanny needs 500 MB") as refused:
        up.check_machine("127.0.0.1", 0)
    assert "\n" not in str(refused.value)


def test_an_extractor_that_does_not_exist_is_refused_before_pools_are_measured_with_it(
    settings, tmp_path
):
    settings.BROKER_SOCKET = tmp_path / "broker" / "broker.sock"
    settings.METRIC_EXTRACTORS = ["lite0", "lite1"]
    with pytest.raises(CommandError, match=r"UNCANNY_METRIC_EXTRACTORS: .* got 'lite1'"):
        up.check_machine("127.0.0.1", 0)


def test_a_store_that_no_package_reaches_is_refused(settings, tmp_path):
    settings.BROKER_SOCKET = tmp_path / "broker" / "broker.sock"
    settings.POOL_STORE = "nosuch://bucket/pools"
    with pytest.raises(
        CommandError, match=r"UNCANNY_POOL_STORE is nosuch://bucket/pools: .*nosuch"
    ):
        up.check_machine("127.0.0.1", 0)


def test_an_address_that_is_not_of_this_machine_is_not_called_a_port_in_use(settings, tmp_path):
    settings.BROKER_SOCKET = tmp_path / "broker" / "broker.sock"
    with pytest.raises(CommandError, match=r"cannot listen on 203\.0\.113\.1, port 8000: Cannot"):
        up.check_machine("203.0.113.1", 8000)


def test_a_database_that_cannot_be_had_is_told_of_in_one_line(monkeypatch):
    def refused(*_, **__):
        raise DatabaseError("connection failed: no such host\n\tIs the server running?")

    monkeypatch.setattr(up, "call_command", refused)
    with pytest.raises(CommandError, match="DATABASE_URL: connection failed: no such host Is the"):
        up.migrate()


def test_a_named_broker_that_does_not_answer_is_told_of_without_its_password(settings, monkeypatch):
    settings.BROKER_IS_EMBEDDED = False
    silent = Celery(broker="redis://:secret@127.0.0.1:1/0")
    silent.conf.broker_transport_options = {"socket_connect_timeout": 1}
    monkeypatch.setattr(up, "celery", silent)
    (line,) = up.broker_astray()
    assert line.startswith("no broker answers at redis://:**@127.0.0.1:1/0: nothing is trained")


def test_a_folder_in_which_another_one_is_at_work_is_refused(tmp_path):
    """The second broker took the first one's socket, and removed it at its end."""
    with up.held(tmp_path), pytest.raises(CommandError, match=f"at work in {tmp_path} already"):
        up.held(tmp_path)
    up.held(tmp_path).close()


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match=f"must be from 1 to 65535, got '{port}'"):
        call_command("up", "--workers", "0")


def test_fewer_than_no_workers_are_refused():
    with pytest.raises(CommandError, match="must be 0 or more, got '-1'"):
        call_command("up", "--workers=-1")


def test_a_variable_that_names_no_weights_is_told_of(settings, tmp_path, monkeypatch):
    settings.METRIC_EXTRACTORS = ["lite0", "tf1", "clean", "clip"]
    monkeypatch.delenv("UNCANNY_CLIP_WEIGHTS", raising=False)
    monkeypatch.setenv("UNCANNY_INCEPTION_WEIGHTS", str(tmp_path / "inception.pth"))
    (line,) = up.weights_astray()
    assert "inception.pth, which is no file: nothing is measured with tf1, clean" in line
    (tmp_path / "inception.pth").touch()
    assert not list(up.weights_astray())
