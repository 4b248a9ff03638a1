import hashlib
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from metrics.errors import MetricError
from metrics.extractors.weights import INCEPTION, Weights, find, folder, require_sum

CONTENT = bytes(range(256)) * 8192
SHA256 = hashlib.sha256(CONTENT).hexdigest()
VARIABLE = "UNCANNY_TEST_WEIGHTS"


class Server:
    """Answers each request by the next of `replies`: status, body, and the length it claims."""

    def __init__(self):
        self.replies, self.requests, server = [], 0, self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body, length = server.replies[server.requests]
                server.requests += 1
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/net.pth"

    def will_say(self, *bodies, status=200, length=None):
        self.replies = [(status, body, length or len(body)) for body in bodies]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    thread = Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    """An empty folder of weights."""
    monkeypatch.setenv("UNCANNY_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "weights"


def published(url="http://127.0.0.1:9/net.pth", sha256=SHA256):
    return Weights("net.pth", sha256, url, VARIABLE)


def written(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_path_comes_before_the_variable_and_that_before_the_folder(
    tmp_path, monkeypatch, at_home
):
    written(at_home / "net.pth")
    assert find(published()) == at_home / "net.pth"
    monkeypatch.setenv(VARIABLE, str(written(tmp_path / "named")))
    assert find(published()) == tmp_path / "named"
    assert find(published(), written(tmp_path / "given")) == tmp_path / "given"


def test_a_path_that_is_no_file_is_refused_and_nothing_is_fetched(tmp_path, monkeypatch, server):
    with pytest.raises(MetricError, match=r"the path given needs to name net\.pth .*no file"):
        find(published(server.url), tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(MetricError, match=rf"{VARIABLE} needs to name net\.pth .*none, which is"):
        find(published(server.url))
    assert server.requests == 0


def test_another_file_is_refused_by_name_and_left_alone(at_home, server):
    path = written(at_home / "net.pth", b"other")
    with pytest.raises(MetricError, match=rf"net\.pth needs SHA-256 {SHA256} .* got d9298a10"):
        find(published(server.url))
    assert path.read_bytes() == b"other"
    assert server.requests == 0


def test_the_leading_digits_of_a_checksum_are_enough(tmp_path):
    path = written(tmp_path / "net.pth")
    assert require_sum(path, published(sha256=SHA256[:8])) == path
    with pytest.raises(MetricError, match="needs SHA-256 00000000"):
        require_sum(path, published(sha256="0" * 8))


def test_what_is_missing_is_downloaded_once_with_progress(at_home, server):
    server.will_say(CONTENT)
    heard = []
    path = find(published(server.url), progress=lambda *bytes_: heard.append(bytes_))
    assert path.read_bytes() == CONTENT
    assert heard == [(1 << 20, len(CONTENT)), (len(CONTENT), len(CONTENT))]
    assert find(published(server.url)) == path
    assert server.requests == 1
    assert list(at_home.iterdir()) == [path]


def test_a_download_is_tried_twice(at_home, server):
    server.will_say(b"damaged", CONTENT)
    assert find(published(server.url)).read_bytes() == CONTENT
    assert list(at_home.iterdir()) == [at_home / "net.pth"]


@pytest.mark.parametrize(
    ("body", "how", "reason"),
    [
        (CONTENT[:1000], {"length": len(CONTENT)}, r"1,000 of 2,097,152 bytes came"),
        (b"a page that says no", {}, r"19 of 19 bytes came, with SHA-256 "),
        (b"", {"status": 404}, r"HTTP Error 404"),
    ],
    ids=["cut short", "another file", "not found"],
)
def test_a_failed_download_leaves_nothing_and_says_what_to_do(at_home, server, body, how, reason):
    server.will_say(body, body, **how)
    with pytest.raises(MetricError, match=reason) as caught:
        find(published(server.url))
    for part in (f"net.pth (SHA-256 {SHA256})", server.url, str(at_home), VARIABLE):
        assert part in str(caught.value)
    assert server.requests == 2
    assert list(at_home.iterdir()) == []


def test_without_a_network_it_says_what_to_put_where(at_home):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/net.pth"
        with pytest.raises(MetricError, match=rf"refused.*Put the file into {at_home}, or its"):
            find(published(url))


def test_a_folder_that_cannot_be_written_is_named(at_home, server):
    at_home.write_text("no folder")
    with pytest.raises(MetricError, match=r"File exists: .*weights"):
        find(published(server.url))


def test_the_folder_is_in_the_users_cache_unless_chosen(tmp_path, monkeypatch, at_home):
    assert folder() == at_home
    monkeypatch.delenv("UNCANNY_WEIGHTS_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder() == tmp_path / "uncanny" / "weights"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert folder() == Path.home() / ".cache" / "uncanny" / "weights"


def test_the_fid_weights_go_by_their_published_name_and_sum():
    assert INCEPTION.url.endswith(f"/pytorch-fid/releases/download/fid_weights/{INCEPTION.file}")
    assert INCEPTION.sha256.startswith(Path(INCEPTION.file).stem.rpartition("-")[2])
