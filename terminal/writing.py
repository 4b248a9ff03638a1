"""What a command must not write over, and where it cannot."""

from argparse import ArgumentTypeError
from pathlib import Path


def named_path(text: str) -> Path:
    """The path of an argument; one that is empty, as an unset variable makes it, would be the current folder.

    >>> named_path("runs").name
    'runs'
    """
    if not text.strip():
        raise ArgumentTypeError("a name is needed, got none")
    return Path(text)


def require_another(path: Path, *given: str | Path | None) -> None:
    """Raises OSError where to write `path` would destroy one of the files that were given to be read."""
    for each in given:
        if each and path.exists() and Path(each).exists() and path.samefile(each):
            raise FileExistsError(f"{path} was given to be read: name another file to write to")
