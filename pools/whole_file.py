"""Files that are replaced in one step, and what a process that was killed on the way leaves of them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """A place to write at that becomes `path` at the end: a process killed at any moment leaves the old or the new.

    The file may be read by whom the umask says, whoever wrote it: safetensors keeps its files to
    their owner. Raises OSError where there is no such folder, or no room.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from error
    unfinished = folder / path.name
    try:
        unfinished.touch()
        mode = S_IMODE(unfinished.stat().st_mode)
        yield unfinished
        unfinished.chmod(mode)
        unfinished.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(path: Path) -> None:
    """Removes what killed processes have left beside `path`, which no other may be writing now."""
    for each in path.parent.glob(f"{_prefix(path)}*"):
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name}."
