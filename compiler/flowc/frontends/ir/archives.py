"""Reads archives of code: `.tar`, compressed or not, and `.zip`. An archive is checked before any file is written."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 1_000_000_000
"""The maximum total size of an archive's unpacked files: a small compressed archive may unpack to a huge size."""


class ArchiveError(Exception):
    """The error for a file that is not a readable archive."""


class UnsafeArchiveError(ArchiveError):
    """The error for a member of an archive that is not a regular file, or whose path leads out of the archive."""


def read_archive(path: Path) -> list[tuple[str, bytes]]:
    """Return the files of an archive as pairs: a relative path with forward slashes, and the file's content.

    Raises:
        UnsafeArchiveError: a member is a link or a device, or its path is absolute or has `..`.
        ArchiveError: the file is not an archive, is damaged, or unpacks to more than MAX_BYTES.
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):
            return _read_zip(content)
        return _read_tar(content)
    except tarfile.ReadError as error:
        raise ArchiveError("it is neither a .tar nor a .zip, or it is damaged") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, zlib.error) as error:
        raise ArchiveError(str(error).partition("\n")[0] or type(error).__name__) from error
    except OSError as error:  # the file was read, but its content could not be decompressed
        raise ArchiveError(str(error)) from error


def unpack(files: list[tuple[str, bytes]], directory: Path) -> None:
    """Write the files of an archive into a directory.

    Args:
        files: the result of `read_archive`, which has checked the paths.
        directory: an existing directory.

    Raises:
        OSError: a file cannot be written.
    """
    for name, content in files:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _read_tar(content: bytes) -> list[tuple[str, bytes]]:
    files: list[tuple[str, bytes]] = []
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [member for member in archive if not member.isdir()]
        _check_size(sum(member.size for member in members))
        for member in members:
            if not member.isfile():
                kind = "a link" if member.issym() or member.islnk() else "a device"
                raise UnsafeArchiveError(f"{member.name!r} is {kind}")
            file = archive.extractfile(member)
            assert file is not None
            files.append((_safe(member.name), file.read()))
    return files


def _read_zip(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        _check_size(sum(member.file_size for member in members))
        if link := next((each.filename for each in members if (each.external_attr >> 28) == 0o12), None):
            raise UnsafeArchiveError(f"{link!r} is a link")
        if locked := next((each.filename for each in members if each.flag_bits & 1), None):
            raise ArchiveError(f"{locked!r} is encrypted")
        return [(_safe(member.filename), archive.read(member)) for member in members]


def _safe(name: str) -> str:
    """Return the normalized path of an archive's member. Raises UnsafeArchiveError for a path outside the archive."""
    parts = name.removeprefix("./").split("/")
    if "" in parts or ".." in parts or "\\" in name or "\0" in name:
        raise UnsafeArchiveError(f"{name!r} leads out of the archive")
    return "/".join(part for part in parts if part != ".")


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise ArchiveError(f"its files have {size:,} bytes, more than the limit of {MAX_BYTES:,}")
