"""Full public data sets from their mirrors, kept only if their SHA-256 is the published one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from pools.errors import SourceError

Progress = Callable[[str, int], None]
"""Called with a file's name and the bytes received of it so far."""

TIMEOUT_S = 30
BLOCK_BYTES = 256 * 1024
MAX_DOWNLOAD_BYTES = 256 * 1024 * 1024

MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    "cifar10": (
        "https://www.cs.toronto.edu/~kriz/",
        "https://ossci-datasets.s3.amazonaws.com/",
    ),
}
SHA256 = {
    "mnist": {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
    "cifar10": {
        "cifar-10-python.tar.gz": (
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
        ),
    },
}


def download(name: str, folder: str | Path, progress: Progress | None = None) -> Path:
    """Fetches "mnist", "fashion-mnist" or "cifar10" into a folder; returns what to open.

    A file that is there already, with the right checksum, is not fetched again. Raises
    SourceError, in one line, if a file can be had from none of its mirrors or is not what it
    should be; nothing but whole, right files is left in the folder.
    """
    if name not in SHA256:
        raise SourceError(f"what can be downloaded is {', '.join(SHA256)}, got {name!r}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, sha256 in SHA256[name].items():
        if not _is_right(folder / file_name, sha256):
            _fetch(MIRRORS[name], folder / file_name, sha256, progress or _no_progress)
    return folder if len(SHA256[name]) > 1 else folder / next(iter(SHA256[name]))


def _fetch(bases: tuple[str, ...], path: Path, sha256: str, progress: Progress) -> None:
    """Takes a file from the first mirror that has it whole and right."""
    failures = []
    part = path.with_name(path.name + ".part")
    for base in bases:
        try:
            _receive(base + path.name, part, progress)
            if _is_right(part, sha256):
                part.replace(path)
                return
            failures.append(f"{base + path.name} (its SHA-256 is not {sha256})")
        except (OSError, HTTPException) as error:
            failures.append(f"{base + path.name} ({error})")
        finally:
            part.unlink(missing_ok=True)
    raise SourceError(
        f"cannot download {path.name}: tried {' and '.join(failures)}; "
        f"fetch it elsewhere and put it at {path}"
    )


def _receive(url: str, part: Path, progress: Progress) -> None:
    received_bytes = 0
    with urlopen(url, timeout=TIMEOUT_S) as response, part.open("wb") as out:  # noqa: S310 (MIRRORS)
        while block := response.read(BLOCK_BYTES):
            received_bytes += len(block)
            if received_bytes > MAX_DOWNLOAD_BYTES:
                raise OSError(f"more than {MAX_DOWNLOAD_BYTES:,} bytes came")
            out.write(block)
            progress(part.name.removesuffix(".part"), received_bytes)


def _is_right(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256


def _no_progress(name: str, received_bytes: int) -> None:
    """Tells nobody."""
