"""What confined code cannot do, and what the parent makes of one that breaks its word."""

import shutil
import subprocess
import sys

import pytest

from sandbox import tiers
from sandbox.errors import (
    SandboxFailedError,
    SandboxUnavailableError,
)
from sandbox.launch import Confined
from sandbox.tiers import INSECURE_VARIABLE, Tier, best_tier, insecure_allowed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's own")


# What confined code cannot do

CONFINED = """
import ctypes, os, signal, socket, subprocess, sys
from sandbox.confine import Limits, confine
parent = os.getppid()
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "denied")
confine(Limits(memory_mb=1024, cpu_s=20), inside_bubblewrap={bubblewrap})
try:
    {action}
except (OSError, MemoryError, ValueError):
    os.write(1, b"denied")
else:
    os.write(1, b"done")
os._exit(0)
"""
HOSTILE = {
    "reads the users": "open('/etc/passwd').read()",
    "reads this project": "open(sys.modules['sandbox.confine'].__file__).read()",
    "lists the root": "os.listdir('/')",
    "looks whether a file exists": "os.stat('/etc/passwd')",
    "writes a file": "open('/tmp/uncanny-escaped', 'w')",
    "writes to memory files": "os.memfd_create('x')",
    "opens a socket": "socket.socket()",
    "opens a unix socket": "socket.socket(socket.AF_UNIX)",
    "makes a socket pair": "socket.socketpair()",
    "executes a program": "os.execv('/bin/true', ['true'])",
    "forks": "os.fork()",
    "starts a process": "subprocess.run(['true'])",
    "reads its parent's environment": "open(f'/proc/{parent}/environ', 'rb').read()",
    "reads its own environment": "open('/proc/self/environ', 'rb').read()",
    "kills its parent": "os.kill(parent, signal.SIGTERM)",
    "asks after its parent": "os.kill(parent, 0)",
    "traces its parent": "call(101, 16, parent, 0, 0)",
    "enters a new namespace": "call(272, 0x10000000)",
    "reads its parent's memory": "call(310, parent, 0, 0, 0, 0, 0)",
    "makes an io_uring": "call(425, 8, ctypes.create_string_buffer(200))",
    "loads a BPF program": "call(321, 0, 0, 0)",
    "takes 4 GiB": "bytearray(4 << 30)",
    "raises its limits": "confine.__globals__['resource'].setrlimit(9, (-1, -1))",
    "changes a file's mode": "os.chmod('/etc/passwd', 0o777)",
}
TIERS = ["landlock", *(["bubblewrap"] if shutil.which("bwrap") else [])]


def confined(action, tier_name):
    tier = best_tier() if tier_name == "bubblewrap" else Tier("landlock")
    code = CONFINED.format(action=action, bubblewrap=tier_name == "bubblewrap")
    with Confined(tier, ["-c", code], subprocess.DEVNULL, 20) as process:
        return b"".join(process.chunks())


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("action", HOSTILE.values(), ids=HOSTILE)
def test_confined_code_is_denied_whatever_it_tries(action, tier, monkeypatch):
    monkeypatch.setenv("SECRET", "s3cret")
    assert confined(action, tier) == b"denied"


@pytest.mark.parametrize("tier", TIERS)
def test_confined_code_can_still_compute(tier):
    assert confined("assert sum(bytearray(1 << 20)) == 0", tier) == b"done"


def test_confined_code_inherits_no_secret(monkeypatch):
    monkeypatch.setenv("SECRET", "s3cret")
    code = "import os; print(dict(os.environ))"
    with Confined(best_tier(), ["-c", code], subprocess.DEVNULL, 20) as it:
        assert b"SECRET" not in b"".join(it.chunks())


# What the parent makes of a process that does not keep to its word


def spoken(code, total=10, timeout_s=5):
    with Confined(Tier("none"), ["-c", code], subprocess.DEVNULL, timeout_s) as process:
        return b"".join(process.exactly(total, 4))


def test_the_agreed_bytes_are_taken():
    assert spoken("import os; os.write(1, b'0123456789')") == b"0123456789"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.write(1, b'x' * 11)", "sent more than 10 bytes"),
        ("import os; os.write(1, b'x' * 9); os.write(2, b'oh')", "sent 9 of 10 bytes, saying: oh"),
        ("import os; os.write(2, b'\\x1b[31m oh'); os._exit(7)", r"status 7, saying: \[31m oh$"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by signal 11"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "too much time or memory"),
    ],
)
def test_a_process_that_breaks_its_word_is_named(code, message):
    with pytest.raises(SandboxFailedError, match=message):
        spoken(code)


@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "while True: pass"])
def test_a_process_that_is_late_is_killed(code):
    with pytest.raises(SandboxFailedError, match=r"longer than 0\.3 s"):
        spoken(code, timeout_s=0.3)


# Question and answer


def conversation(code, timeout_s=5):
    return Confined(Tier("none"), ["-c", code], subprocess.PIPE, timeout_s)


def test_questions_larger_than_a_pipe_are_answered_while_they_are_asked():
    echo = "import os\nwhile data := os.read(0, 1 << 16): os.write(1, data)"
    with conversation(echo) as process:
        for question in (b"a" * 1_000_000, b"b" * 10):
            process.send(question[:5], question[5:])
            assert process.read(len(question)) == question


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.close(0); os.write(1, b'x' * 9)", "sent 9 of 10 bytes"),
        ("import os; os.write(2, b'oh'); os._exit(7)", "status 7, saying: oh"),
        ("import time; time.sleep(60)", r"longer than 0\.3 s"),
    ],
)
def test_a_question_without_an_answer_is_told(code, message):
    with conversation(code, 0.3) as process:
        process.send(b"x" * 1_000_000)
        with pytest.raises(SandboxFailedError, match=message):
            process.read(10)


def test_an_answer_that_nobody_asked_for_is_refused():
    with conversation("import os; os.read(0, 1); os.write(1, b'x' * 11); os.read(0, 1)") as process:
        process.send(b"?")
        process.read(10)
        with pytest.raises(SandboxFailedError, match="question and answer"):
            process.send(b"?")


# Where there is no sandbox


def test_another_system_is_told_that_it_has_no_sandbox(monkeypatch):
    monkeypatch.setattr(tiers.sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailableError, match="on Linux only, this is darwin"):
        best_tier()


def test_a_kernel_without_landlock_is_no_sandbox():
    code = (
        "from sandbox import child, confine\n"
        "confine._forbid_files = lambda libc: False\n"
        "import sys\n"
        'sys.exit(child.main(\'{"tier": "landlock", "limits": '
        '{"memory_mb": 2048, "cpu_s": 9}, "asked": {}}\', print))'
    )
    with pytest.raises(SandboxUnavailableError, match="neither bubblewrap nor Landlock"):
        spoken(code)


def test_running_unconfined_must_be_allowed_in_so_many_words(monkeypatch):
    assert best_tier(allow_insecure=True) == Tier("insecure")
    monkeypatch.delenv(INSECURE_VARIABLE, raising=False)
    assert not insecure_allowed()
    monkeypatch.setenv(INSECURE_VARIABLE, "1")
    assert insecure_allowed()
