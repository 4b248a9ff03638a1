"""Downloads, from a mirror on this machine."""

import hashlib
import http.server
import threading

import pytest

from pools import mirrors
from pools.errors import SourceError
from pools.mirrors import MIRRORS, SHA256, download

CONTENT = b"not really images " * 40_000


class Mirror(http.server.BaseHTTPRequestHandler):
    """/good/ has the file, /wrong/ another, /short/ a part of it, and the rest is missing."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        body = {"good": CONTENT, "short": CONTENT, "wrong": b"wrong"}.get(kind)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write((body or b"")[: 1000 if kind == "short" else None])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def known(mirror, monkeypatch):
    """`known("good", "wrong")`: a data set with those mirrors, in that order."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setitem(SHA256, "tiny", {"a.gz": sha256, "b.gz": sha256})
    monkeypatch.setitem(SHA256, "single", {"a.gz": sha256})

    def serve(*kinds):
        bases = tuple(f"http://127.0.0.1:{mirror.server_port}/{kind}/" for kind in kinds)
        monkeypatch.setitem(MIRRORS, "tiny", bases)
        monkeypatch.setitem(MIRRORS, "single", bases)
        return mirror

    return serve


def test_all_files_are_fetched_and_told_of(known, tmp_path):
    known("good")
    told = []
    assert download("tiny", tmp_path / "new", lambda *each: told.append(each)) == tmp_path / "new"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.gz", "b.gz"]
    assert (tmp_path / "new" / "b.gz").read_bytes() == CONTENT
    assert told[-1] == ("b.gz", len(CONTENT))


def test_of_a_single_file_the_file_is_what_to_open(known, tmp_path):
    known("good")
    assert download("single", tmp_path) == tmp_path / "a.gz"


@pytest.mark.parametrize("bad", ["absent", "wrong", "short"])
def test_another_mirror_helps_out(known, tmp_path, bad):
    asked = known(bad, "good").asked
    assert download("single", tmp_path).read_bytes() == CONTENT
    assert asked == [f"/{bad}/a.gz", "/good/a.gz"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]


def test_a_file_that_is_there_is_not_fetched_again(known, tmp_path):
    asked = known("good").asked
    (tmp_path / "a.gz").write_bytes(CONTENT)
    download("single", tmp_path)
    assert asked == []


def test_a_wrong_file_that_is_there_is_replaced(known, tmp_path):
    known("good")
    (tmp_path / "a.gz").write_bytes(b"half of it")
    assert download("single", tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_is_left(known, tmp_path):
    known("wrong")
    with pytest.raises(SourceError, match=r"/wrong/a.gz \(its SHA-256 is not [0-9a-f]{64}\)"):
        download("single", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_refused_and_nothing_is_left(known, tmp_path, monkeypatch):
    known("good")
    monkeypatch.setattr(mirrors, "MAX_DOWNLOAD_BYTES", 1000)
    with pytest.raises(SourceError, match="more than 1,000 bytes came"):
        download("single", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_one_line_says_what_was_tried_and_what_to_do(
    known, tmp_path, monkeypatch
):
    known("good")
    monkeypatch.setitem(MIRRORS, "single", ("http://127.0.0.1:1/x/", "http://127.0.0.1:1/y/"))
    with pytest.raises(SourceError) as caught:
        download("single", tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("a.gz", "http://127.0.0.1:1/x/a.gz", "http://127.0.0.1:1/y/a.gz", str(tmp_path)):
        assert part in message


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(SourceError, match="mnist, fashion-mnist, cifar10, got 'imagenet'"):
        download("imagenet", tmp_path)


def test_every_address_is_https_and_every_file_has_a_sha256():
    assert MIRRORS.keys() == SHA256.keys()
    assert all(
        base.startswith("https://") and base.endswith("/") for b in MIRRORS.values() for base in b
    )
    sums = [sha256 for files in SHA256.values() for sha256 in files.values()]
    assert all(len(bytes.fromhex(sha256)) == 32 for sha256 in sums)
    assert len(set(sums)) == len(sums) == 9
