"""What a command must not write over."""

from pathlib import Path


def require_another(path: Path, *given: str | Path | None) -> None:
    """Raises OSError where to write `path` would destroy one of the files that were given to be read."""
    for each in given:
        if each and path.exists() and Path(each).exists() and path.samefile(each):
            raise FileExistsError(f"{path} was given to be read: name another file to write to")
