"""What an uploaded file is, told before anything of it is kept: images, a network, published weights."""

import hashlib
import zipfile
from itertools import islice
from pathlib import Path

from evalsite.catalog.models import Generator
from metrics.extractors import weights
from pools import sources
from pools.decode import SUFFIXES
from sandbox.errors import ModelRefusedError
from sandbox.recognise import check_upload

PUBLISHED = (weights.INCEPTION,)
"""The weights that metrics are named after."""

COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
ZIP, TAR, TAR_AT = b"PK", b"ustar", 257
MOST_LOOKED_AT = 50
SINGLE_IMAGE = (
    "a zip archive of a single image: upload one of at least 2; 1,000 or more measure well"
)


class UploadRefused(ValueError):
    """A file that is none of what is wanted: why, and what to do."""


def kind_of(path: Path, name: str, *, largest_mb: int) -> Generator.Kind:
    """Recognise an uploaded file by its bytes; `name` is what its owner called it."""
    with path.open("rb") as file:
        start = file.read(TAR_AT + len(TAR))
    if start.startswith(COMPRESSED) or start[TAR_AT:] == TAR:
        return Generator.Kind.ARCHIVE
    try:
        if start.startswith(ZIP):
            lacking = _lacks_images(path)
            if not lacking:
                return Generator.Kind.ARCHIVE
            if name.lower().endswith(".zip"):
                raise UploadRefused(f"{name} {lacking}")
        check_upload(path, largest_mb=largest_mb)
    except ModelRefusedError as error:
        raise UploadRefused(str(error)) from error
    if not name.lower().endswith(".onnx"):
        raise UploadRefused(
            f"{name} is neither an archive of images (.zip, .tar, .tar.gz) nor a network (.onnx)"
        )
    return Generator.Kind.ONNX


def _lacks_images(path: Path) -> str:
    """Why a zip is no archive of images, and what to do; empty if it is. One that holds a network has none."""
    if not zipfile.is_zipfile(path):
        return "is a zip archive that is cut short or damaged: make it again and upload that"
    refused = []
    try:
        with sources.open_source(path) as source:
            for entry in islice(source, MOST_LOOKED_AT):
                if not (reason := _refusal(entry)):
                    is_single = len(source) < sources.FEWEST_IMAGES
                    return f"is {SINGLE_IMAGE}" if is_single else ""
                if entry.name.lower().endswith(SUFFIXES):
                    refused.append(f"{entry.name} {reason}")
    except sources.SourceError:
        pass
    if refused:
        return f"is a zip archive of which no image can be taken: {refused[0]}"
    return "is a zip archive without images: upload one of PNG, JPEG, WebP, BMP or GIF files"


def _refusal(entry: sources.Entry) -> str:
    """Why it is no image that can be taken; empty if it is one."""
    try:
        entry.decode()
    except sources.Rejection as reason:
        return str(reason)
    return ""


def weights_in(path: Path, name: str) -> weights.Weights:
    """Recognise published weights by their checksum; `name` is what their owner called the file."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    for known in PUBLISHED:
        if found.startswith(known.sha256):
            return known
    wanted = "; ".join(f"{known}, from {known.url}" for known in PUBLISHED)
    raise UploadRefused(f"{name} has SHA-256 {found}. Wanted: {wanted}")
