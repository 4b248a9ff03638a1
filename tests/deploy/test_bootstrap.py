"""The set-up says in one line what it cannot do, before it does anything."""

import importlib.util
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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


@pytest.mark.parametrize(("free_mb", "is_told"), [(5000, True), (20_000, False)])
def test_space_for_a_small_pytorch_alone_is_told(bootstrap, monkeypatch, capsys, free_mb, is_told):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free_mb * 2**20))
    bootstrap.check_folder()
    assert ("5000 MB free: enough for PyTorch without CUDA" in capsys.readouterr().out) == is_told


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


@pytest.mark.parametrize("purpose", ["run", "test"])
def test_what_is_installed_beside_pytorch_is_all_that_the_project_names(
    bootstrap, monkeypatch, purpose
):
    monkeypatch.setattr(bootstrap, "ROOT", str(SOURCE.parents[1]))
    named = bootstrap.all_but_torch(purpose)
    installed = {requirement.name for requirement in map(Requirement, named)}
    assert {"django", "celery", "onnxruntime"} <= installed
    assert ("pytest" in installed) == (purpose == "test")
    assert "torch" not in installed


@pytest.mark.parametrize(
    ("failing", "line"),
    [
        ("torch", "cannot install PyTorch"),
        ("django", "cannot install; the lines"),
        ("--editable", "cannot install; the lines"),
    ],
)
def test_an_installation_that_fails_leaves_no_mark_of_being_done(
    bootstrap, monkeypatch, tmp_path, failing, line
):
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(SOURCE.parents[1] / name, tmp_path / name)
    pip = tmp_path / ".venv" / "bin" / "python"
    pip.parent.mkdir(parents=True)
    pip.write_text(f'#!/bin/sh\ncase "$*" in *" {failing}"*) exit 1;; esac\n')
    pip.chmod(0o755)
    assert line in refusal(bootstrap)
    assert not list((tmp_path / ".venv").glob(".installed-*"))


@pytest.fixture
def told(bootstrap, monkeypatch, tmp_path):
    """What pip is told in a set-up that ends well: its arguments and warnings, a line a call."""
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(SOURCE.parents[1] / name, tmp_path / name)
    pip, told = tmp_path / ".venv" / "bin" / "python", tmp_path / "told"
    pip.parent.mkdir(parents=True)
    pip.write_text(f'#!/bin/sh\necho "$* warns:$PYTHONWARNINGS" >> {told}\n')
    pip.chmod(0o755)
    monkeypatch.setattr(bootstrap, "run", lambda argv, _: subprocess.call(argv))
    bootstrap.install("run")
    assert (tmp_path / ".venv" / ".installed-run").exists()
    return told.read_text().splitlines()


def test_a_newcomer_is_not_warned_of_the_way_uncanny_is_installed(told):
    (editable,) = [line for line in told if "--editable" in line]
    assert editable.endswith("warns:ignore:Editable installation")


def test_a_newcomer_is_not_told_of_conflicts_that_the_set_up_is_about_to_end(told):
    checked = [line for line in told if not {"--no-deps", "--no-warn-conflicts"} & {*line.split()}]
    assert [line.split()[-2] for line in checked] == ["pip", "torch"]
    assert told[-1] == checked[-1]


def test_chromium_is_fetched_while_the_rest_is_installed(bootstrap, monkeypatch):
    asked = threading.Event()
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "test"])
    monkeypatch.setattr(bootstrap, "find_chromium", asked.is_set)
    monkeypatch.setattr(bootstrap, "ask_the_system_for_chromium", asked.set)
    monkeypatch.setattr(bootstrap, "install", lambda _: asked.wait(10) or pytest.fail("not beside"))
    monkeypatch.setattr(bootstrap, "download_chromium", lambda: pytest.fail("it was there"))
    bootstrap.main()
    assert asked.is_set()


def test_without_a_chromium_of_the_system_playwright_is_asked(bootstrap, monkeypatch):
    asked = []
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "test"])
    monkeypatch.setattr(bootstrap, "find_chromium", lambda: False)
    monkeypatch.setattr(bootstrap, "ask_the_system_for_chromium", lambda: asked.append("system"))
    monkeypatch.setattr(bootstrap, "install", lambda _: None)
    monkeypatch.setattr(bootstrap, "download_chromium", lambda: asked.append("Playwright"))
    bootstrap.main()
    assert asked == ["system", "Playwright"]
