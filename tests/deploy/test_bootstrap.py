"""The set-up says in one line what it cannot do, before it does anything."""

import importlib.util
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "deploy" / "bootstrap.py"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def bootstrap(monkeypatch, tmp_path):
    """The set-up of an empty folder; nothing is installed."""
    spec = importlib.util.spec_from_file_location("bootstrap", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(module, "PYTHON", str(tmp_path / ".venv" / "bin" / "python"))
    monkeypatch.setattr(module, "run", lambda *_: pytest.fail("it went on"))
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "run"])
    return module


def refusal(bootstrap):
    with pytest.raises(SystemExit) as stopped:
        bootstrap.main()
    line = str(stopped.value)
    assert "\n" not in line
    return line


def test_a_python_too_old_is_named_with_what_is_needed(bootstrap, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert "needs Python 3.11 or newer, this is 3.9.2" in refusal(bootstrap)


def test_too_little_space_is_told_with_both_numbers(bootstrap, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 100 * 2**20))
    line = refusal(bootstrap)
    assert "100 MB free" in line
    assert "needs 3000 MB" in line


def test_a_folder_that_cannot_be_written_is_named(bootstrap, monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap.os, "access", lambda *_: False)
    assert f"cannot write to {tmp_path}" in refusal(bootstrap)


def test_an_unknown_purpose_gets_the_usage(bootstrap, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "dance"])
    assert "usage" in refusal(bootstrap)


def test_the_secret_is_written_once_for_its_owner_alone(bootstrap, monkeypatch, tmp_path):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    bootstrap.write_secret()
    first = (tmp_path / ".env").read_text()
    bootstrap.write_secret()
    assert (tmp_path / ".env").read_text() == first
    assert first.startswith("SECRET_KEY=")
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
