"""Published weights by file name and checksum: at a path, in the folder of weights, or downloaded once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from tqdm import tqdm

from metrics.errors import MetricError

FOLDER_VARIABLE = "UNCANNY_WEIGHTS_DIR"
TIMEOUT_S = 20
ATTEMPTS = 2
CHUNK_BYTES = 1 << 20

Progress = Callable[[int, int], None]
"""Called with the bytes so far and the bytes in all (0 if the server does not say)."""


@dataclass(frozen=True)
class Weights:
    """One published file: its name, its SHA-256 (or the 8 or more leading digits that are known),
    where it is published, and the environment variable that may name a copy of it."""

    file: str
    sha256: str
    url: str
    variable: str

    def __str__(self) -> str:
        return f"{self.file} (SHA-256 {self.sha256})"


INCEPTION = Weights(
    file="pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    variable="UNCANNY_INCEPTION_WEIGHTS",
)
"""Inception-v3 of TensorFlow's 2015-12-05 graph, ported by pytorch-fid (Apache-2.0), 95,628,359 bytes."""


def _dinov2(size: str, sha256: str) -> Weights:
    file = f"dinov2_{size}_pretrain.pth"
    url = f"https://dl.fbaipublicfiles.com/dinov2/dinov2_{size}/{file}"
    return Weights(file, sha256, url, "UNCANNY_DINOV2_WEIGHTS")


DINOV2 = (
    _dinov2("vitl14", "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428"),
    _dinov2("vitb14", "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"),
    _dinov2("vits14", "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"),
)
"""The official checkpoints (Apache-2.0) with patches of 14 px, without registers; the first is fetched."""


def _clip(file: str, sha256: str) -> Weights:
    url = f"https://openaipublic.azureedge.net/clip/models/{sha256}/{file}"
    return Weights(file, sha256, url, "UNCANNY_CLIP_WEIGHTS")


CLIP = (
    _clip("ViT-L-14-336px.pt", "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"),
    _clip("ViT-L-14.pt", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"),
    _clip("ViT-B-16.pt", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"),
    _clip("ViT-B-32.pt", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),
)
"""The published networks (MIT), TorchScript all of them; CMMD takes the first."""


def tensors_of(release: Weights) -> str:
    """Return the name of the file of tensors that a published TorchScript network becomes."""
    return str(Path(release.file).with_suffix(".safetensors"))


CLIP_TENSORS = replace(CLIP[0], file=tensors_of(CLIP[0]))
"""What is loaded in place of the published file; its checksum is not known."""


def folder() -> Path:
    """Return the folder of weights: UNCANNY_WEIGHTS_DIR, or uncanny/weights in the user's cache."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "uncanny" / "weights"


def is_at_hand(weights: Weights) -> bool:
    """Whether a file is where it is looked for first; it is not read, and nothing is fetched."""
    return came_at(weights) is not None


def came_at(weights: Weights) -> datetime | None:
    """Return when the file was written that is looked for first; None if there is none."""
    named = os.environ.get(weights.variable)
    here = Path(named or folder() / weights.file)
    return datetime.fromtimestamp(here.stat().st_mtime, UTC) if here.is_file() else None


def find(
    weights: Weights, path: Path | str | None = None, *, progress: Progress | None = None
) -> Path:
    """Return where the weights are; whatever is returned has the right checksum.

    Looks at `path`, else where the variable points, else in the folder of weights; only if none is
    given and the folder has none does it download them there, with `progress` or else a bar on a
    terminal. Raises MetricError, saying which file to put where, if a given path is no file, if a
    file has another checksum (it is left as it is), or if the download fails twice.
    """
    named = path or os.environ.get(weights.variable)
    here = Path(named) if named else folder() / weights.file
    if here.is_file():
        return require_sum(here, weights)
    if named:
        source = "the path given" if path else weights.variable
        raise MetricError(f"{source} needs to name {weights}, got {here}, which is no file")
    return _downloaded(weights, here, progress or _bar(weights.file))


def require_sum(path: Path, weights: Weights) -> Path:
    """Return the path; raises MetricError unless the file there has the checksum of the weights."""
    found = _sum(path)
    if not found.startswith(weights.sha256):
        raise MetricError(
            f"{path} needs SHA-256 {weights.sha256} to be {weights.file}, got {found}: "
            f"replace it by the file from {weights.url}"
        )
    return path


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _downloaded(weights: Weights, target: Path, progress: Progress) -> Path:
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            return _attempt(weights, target, progress)
        except (OSError, HTTPException) as error:
            reason = str(error)
    raise MetricError(
        f"{weights} is not at hand, and {weights.url} failed: {reason}. Put the file into "
        f"{target.parent}, or its path into {weights.variable}"
    )


def _attempt(weights: Weights, target: Path, progress: Progress) -> Path:
    """Download into a file of its own, so that two at once do not meet, and move it when whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(".part", f"{weights.file}.", target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, urlopen(weights.url, timeout=TIMEOUT_S) as response:  # noqa: S310
            received, total = 0, int(response.headers.get("Content-Length") or 0)
            while chunk := response.read(CHUNK_BYTES):
                received += file.write(chunk)
                progress(received, total)
        found = _sum(part)
        if not found.startswith(weights.sha256):
            raise OSError(f"{received:,} of {total:,} bytes came, with SHA-256 {found}")
        return part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _bar(name: str) -> Progress:
    bar = tqdm(desc=name, unit="B", unit_scale=True, disable=None)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return show
