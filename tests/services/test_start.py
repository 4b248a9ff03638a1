"""Starting and ending `manage.py up`: with all data kept, no orphan, and one line when it cannot."""

import os
import signal
import socket
import tempfile
from pathlib import Path

import pytest

from bench.live import SiteFailed, wait_until

STUDY = {"name": "kept", "protocol": "unlimited", "trials": 4}


def is_gone(pids):
    return not [pid for pid in pids if is_running(pid)]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def long_path(tmp_path_factory):
    """A folder whose path is too long for a socket in it."""
    folder = tmp_path_factory.mktemp("long").joinpath(*["a-rather-long-name-for-a-folder"] * 5)
    assert len(str(folder)) > 150
    return folder


@pytest.fixture(scope="module")
def site(make_site, long_path):
    with tempfile.TemporaryDirectory(prefix="uncanny-") as folder:  # the socket goes there
        yield make_site(long_path, TMPDIR=folder)


def test_it_starts_stops_without_orphans_starts_again_with_its_data_and_dies_whole(site):
    site.start("--workers", "1")
    site.fill(images=8, studies=[STUDY])
    ours = site.processes()
    assert any("valkey-server" in command for command in ours.values())

    assert site.stop(signal.SIGINT) == 0
    assert is_gone(ours), site.processes()
    assert "Traceback" not in site.output

    site.start("--workers", "1")
    assert site.rows("select name from studies_study") == [("kept",)]

    ours = site.processes()
    assert site.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: is_gone(ours), what="the end of every orphan")


@pytest.fixture(scope="module")
def listening():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def refusal(site):
    """The one line of a start that is refused."""
    with pytest.raises(SiteFailed):
        site.start("--workers", "1")
    assert site.process.returncode != 0
    lines = site.output.strip().splitlines()
    assert len(lines) == 1, site.output
    assert site.processes() == {}
    return lines[0]


def test_a_port_in_use_is_refused_in_one_line(make_site, listening):
    site = make_site()
    site.port = listening
    line = refusal(site)
    assert f"port {listening} is in use" in line
    assert "PORT=" in line


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(make_site, tmp_path):
    (tmp_path / "file").write_text("no folder can be made below a file, not even by root")
    site = make_site(tmp_path / "file" / "data")
    line = refusal(site)
    assert "cannot write" in line
    assert "UNCANNY_DATA_DIR" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused_in_one_line(make_site, tmp_path):
    site = make_site(tmp_path / "closed" / "data")
    site.folder.parent.mkdir(mode=0o500)
    assert "cannot write" in refusal(site)
