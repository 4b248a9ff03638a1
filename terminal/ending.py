"""How a command ends: with all that it printed, or one line that says why not; never in a traceback."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

FAILED, INTERRUPTED = 2, 130

Errors = tuple[type[Exception], ...]


def ended(
    name: str, run: Callable[[], int], *, foreseen: Errors, interrupted: str = "interrupted"
) -> int:
    """The status of `run`, or FAILED or INTERRUPTED after one line on stderr, which `name` begins.

    Foreseen are errors whose words are for the person who typed the command; files and memory
    always are. A reader that has had enough of what is printed, as `head` has, is told nothing.
    """
    _print_in_any_encoding()
    warnings.formatwarning = _in_one_line
    try:
        status = run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"{name}: {interrupted}", file=sys.stderr)
        return INTERRUPTED
    except MemoryError as error:
        return _refused(name, str(error) or "there is not enough memory")
    except OSError as error:
        if _printing_failed() and isinstance(error, BrokenPipeError):
            return FAILED
        return _refused(name, _in_words(error))
    except foreseen as error:
        return _refused(name, error)
    return status


def _refused(name: str, why: object) -> int:
    print(f"{name}: {why}", file=sys.stderr)
    return FAILED


def _in_words(error: OSError) -> object:
    """A file where a folder is wanted is called by its name: 17 and 20 say nothing to anyone."""
    if isinstance(error, NotADirectoryError | FileExistsError) and error.filename:
        path = Path(os.fsdecode(error.filename))
        file = next((each for each in (path, *path.parents) if each.is_file()), path)
        if file.is_dir():
            return error
        return f"a folder is needed, got the file {file}"
    return error


def _print_in_any_encoding() -> None:
    """Signs that a terminal does not have, such as ±, are printed as their numbers."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # absent where a test stands in for it
        if reconfigure:
            reconfigure(errors="backslashreplace")


def _in_one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Without the file and line of the code that warns, as warnings.formatwarning would say it."""
    return f"warning: {message}\n"


def _printing_failed() -> bool:
    """Whether what was printed cannot be had; then it goes nowhere, or Python would fail with it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
