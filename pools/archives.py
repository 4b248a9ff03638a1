"""The files in a folder, a zip or a tar, listed without extracting anything."""

from __future__ import annotations

import os
import tarfile
import zipfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

from pools.entries import File
from pools.errors import SourceError, told_as
from pools.files import refused
from pools.unpack import require_expansion

MAX_FILES = 5_000_000
ENCRYPTED = 0x1
LINKED = "is a link to a folder: put the folder itself there, or name a zip made by zip -r, which follows links"


def files_in_folder(folder: Path) -> list[File]:
    """Every file under a folder; links to files are followed, links to folders are not."""
    files = []
    with told_as(SourceError, f"cannot list {folder}"):
        for place, folders, names in os.walk(folder, onerror=_raise):
            links = [name for name in folders if Path(place, name).is_symlink()]
            files += [_file_in_folder(folder, Path(place, name)) for name in names + links]
            _require_count(folder.name, len(files))
    return files


def file_at(path: Path, name: str) -> File:
    """One file on disk, under the name it has inside its source."""
    return File(name, path.stat().st_size, lambda: path.open("rb"))


def files_in_zip(path: Path, stack: ExitStack) -> list[File]:
    """Every member of a zip; refused if together they would expand like a bomb."""
    with told_as(SourceError, f"cannot read the zip {path.name}"):
        archive = stack.enter_context(zipfile.ZipFile(path))
        members = [member for member in archive.infolist() if not _is_folder(member)]
    _require_count(path.name, len(members))
    require_expansion(path.name, path.stat().st_size, sum(each.file_size for each in members))
    return [_file_in_zip(archive, member) for member in members]


def files_in_tar(name: str, stream: IO[bytes], stack: ExitStack) -> list[File]:
    """Every member of an uncompressed tar; links and devices are listed, and refuse to open."""
    files = []
    with told_as(SourceError, f"cannot read the tar {name}"):
        archive = stack.enter_context(tarfile.TarFile(fileobj=stream))
        for member in archive:
            if not member.isdir():
                files.append(_file_in_tar(archive, member))
            _require_count(name, len(files))
        _require_end(archive, stream)
    return files


def _file_in_folder(folder: Path, path: Path) -> File:
    name = path.relative_to(folder).as_posix()
    if path.is_file():
        return file_at(path, name)
    reason = LINKED if path.is_dir() else "is no regular file"
    return File(name, 0, partial(refused, reason))


def _file_in_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> File:
    encrypted = member.flag_bits & ENCRYPTED
    opened = partial(refused, "is encrypted") if encrypted else partial(archive.open, member)
    return File(member.filename, member.file_size, opened)


def _is_folder(member: zipfile.ZipInfo) -> bool:
    """Some archivers write backslashes."""
    return member.filename.endswith(("/", "\\"))


def _file_in_tar(archive: tarfile.TarFile, member: tarfile.TarInfo) -> File:
    if not member.isreg():
        return File(
            member.name,
            0,
            partial(refused, "is a link or a device: make the tar again with tar --dereference"),
        )
    return File(member.name, member.size, partial(_member, archive, member))


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(member)
    return refused("is no regular file") if stream is None else stream


def _require_end(archive: tarfile.TarFile, stream: IO[bytes]) -> None:
    """tarfile takes a damaged header, or none at all, for the end of the archive."""
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise SourceError(f"the tar is damaged or cut short after {archive.offset:,} bytes")


def _require_count(name: str, count: int) -> None:
    if count > MAX_FILES:
        raise SourceError(f"{name} has more than {MAX_FILES:,} files")


def _raise(error: OSError) -> None:
    raise error
