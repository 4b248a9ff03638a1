"""What `manage.py up` asks of its machine before it starts anything."""

import shutil
from collections import namedtuple

import pytest
from django.core.management.base import CommandError

from evalsite.management.commands import up
from evalsite.settings import listed

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


def test_blanks_between_what_a_variable_names_are_no_part_of_the_names(monkeypatch):
    monkeypatch.setenv("SOME_NAMES", " lite0, clean ,")
    assert listed("SOME_NAMES", []) == ["lite0", "clean"]
    assert listed("NO_SUCH_NAMES", ["tf1"]) == ["tf1"]


def test_a_variable_that_names_no_weights_is_told_of(settings, tmp_path, monkeypatch):
    settings.METRIC_EXTRACTORS = ["lite0", "tf1", "clean", "clip"]
    monkeypatch.delenv("UNCANNY_CLIP_WEIGHTS", raising=False)
    monkeypatch.setenv("UNCANNY_INCEPTION_WEIGHTS", str(tmp_path / "inception.pth"))
    (line,) = up.weights_astray()
    assert "inception.pth, which is no file: nothing is measured with tf1, clean" in line
    (tmp_path / "inception.pth").touch()
    assert not list(up.weights_astray())
