"""No command ends in a traceback: not by Ctrl-C, a full disk, a reader that went, or a terminal of few signs."""

import os
import signal
import subprocess
import sys

import pytest

from terminal.ending import FAILED, INTERRUPTED, ended

COMMANDS = {
    "scoring": ["scoring", "plan", "--width", "5"],
    "metrics": ["metrics", "mnist", "mnist"],
    "classifiers": ["classifiers", "train", "mnist", "--out", "never.safetensors"],
    "generators": ["generators", "configs"],
}


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "words", "status"),
    [
        (KeyboardInterrupt(), "it: interrupted", INTERRUPTED),
        (MemoryError(), "it: there is not enough memory", FAILED),
        (MemoryError("6 TiB are too many"), "it: 6 TiB are too many", FAILED),
        (OSError(28, "No space left on device"), "it: [Errno 28] No space left on device", FAILED),
        (ValueError("K must be 1, got 0"), "it: K must be 1, got 0", FAILED),
    ],
)
def test_what_ends_a_command_is_one_line_and_a_status(capsys, error, words, status):
    assert ended("it", raising(error), foreseen=(ValueError,)) == status
    assert capsys.readouterr().err == f"{words}\n"


def test_a_warning_is_one_line_without_the_place_in_the_code():
    code = (
        "import warnings; from terminal.ending import ended\n"
        "ended('it', lambda: warnings.warn('labels are left out') or 0, foreseen=())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stderr == "warning: labels are left out\n"


def test_an_error_that_nobody_foresaw_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        ended("it", raising(ZeroDivisionError()), foreseen=(ValueError,))


def asked(arguments, stdout, **environment):
    """What a command says on stderr, and its status, where Python keeps what is printed for a while."""
    known = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    known.pop("PYTHONUNBUFFERED", None)
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        stdout=stdout, stderr=subprocess.PIPE, env=known, check=False, text=True,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_a_full_disk_is_told_of_once():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        assert asked(COMMANDS["scoring"], full) == (
            FAILED,
            "scoring plan: [Errno 28] No space left on device\n",
        )


def test_a_reader_that_has_had_enough_is_told_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    assert asked(COMMANDS["scoring"], writer) == (FAILED, "")
    os.close(writer)


def test_signs_that_a_terminal_does_not_have_are_printed_as_their_numbers():
    told = asked(COMMANDS["scoring"], subprocess.DEVNULL, PYTHONIOENCODING="ascii")
    assert told == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_while_python_reads_its_modules_is_one_line(name, tmp_path):
    """The command is a process of its own: what it imports at first takes seconds."""
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", *COMMANDS[name]],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        for line in process.stderr:
            if " numpy" in line:
                process.send_signal(signal.SIGINT)
                break
        said = [line for line in process.stderr if not line.startswith("import time:")]
    assert process.returncode == INTERRUPTED, said
    assert "Traceback" not in "".join(said)


def test_a_file_in_place_of_a_folder_is_called_so(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert (
        ended("error", lambda: len(list((tmp_path / "file" / "x").iterdir())), foreseen=())
        == FAILED
    )
    assert capsys.readouterr().err == f"error: a folder is needed, got the file {tmp_path}/file\n"


def test_a_file_where_a_folder_is_to_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")

    def run():
        (tmp_path / "file").mkdir(parents=True, exist_ok=True)
        return 0

    assert ended("error", run, foreseen=()) == FAILED
    assert capsys.readouterr().err == f"error: a folder is needed, got the file {tmp_path}/file\n"
