"""External files: an artifact names a file by its path, size and digest, and does not contain its content.

A later reader gets the recorded content, or an error if the file is missing or has changed.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, final

from flowc_ir import json_text
from flowc_runtime.base.contract import POD
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.base.mounts import volume_fault
from flowc_runtime.base.user_cache import cache_home
from flowc_runtime.store.backends.marks import verify_always

if TYPE_CHECKING:
    from flowc_runtime.store.records.record_types import ExternalRecord

_CHUNK = 1 << 22
# seconds: if a file was modified more recently, it may be modified again without a change of its modification time
_SETTLED = 2.0


@final
class ExternalFile:
    """A file that an artifact names. The methods read the file only if the file still has the recorded content."""

    __slots__ = ("_checked", "digest", "mtime_ns", "path", "size")

    def __init__(self, path: str, size: int, mtime_ns: int, digest: str) -> None:
        self.path = path
        self.size = size
        self.mtime_ns = mtime_ns
        self.digest = digest
        self._checked = False

    def open(self) -> IO[bytes]:
        """Open the file for reading bytes.

        Raises:
            ArtifactError: the file is missing or has changed.
        """
        self.check()
        return open(self.path, "rb")

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises:
            ArtifactError: the file is missing or has changed.
            OSError: the content cannot be read.
        """
        with self.open() as file:
            return file.read()

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the content as text.

        Args:
            encoding: the encoding of the text.

        Raises:
            ArtifactError: the file is missing or has changed.
            OSError: the content cannot be read.
            UnicodeDecodeError: the content is not text in this encoding.
        """
        return self.read_bytes().decode(encoding)

    def mmap(self) -> memoryview:
        """Map the content as read-only memory; its pages are loaded on access.

        Raises:
            ArtifactError: the file is missing or has changed.
            OSError: the content cannot be mapped.
        """
        with self.open() as file:
            if not self.size:  # mmap refuses empty files
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def check(self) -> None:
        """Check, once per process, that the file has not changed: by size and time, or by digest if the time differs.

        With the setting `verify` = `always`, the digest is always checked.

        Raises:
            ArtifactError: the file is missing or has changed.
        """
        if self._checked:
            return
        status = _status(self.path)
        if status.st_size != self.size:
            raise _changed(self.path, f"it had {self.size:,} bytes and has {status.st_size:,}")
        if verify_always():
            same = _read_through(self.path) == self.digest
        else:
            same = status.st_mtime_ns == self.mtime_ns or digest_of(self.path) == self.digest
        if not same:
            raise _changed(self.path, "its content differs")
        self._checked = True

    def record(self) -> ExternalRecord:
        """Return the description of the file for records: path, size in bytes, time of modification in ns, sha256 in
        hex."""
        return {"path": self.path, "size": self.size, "mtime_ns": self.mtime_ns, "digest": self.digest}

    def __fspath__(self) -> str:
        self.check()
        return self.path

    def __reduce__(self) -> tuple[type[ExternalFile], tuple[str, int, int, str]]:
        return ExternalFile, (self.path, self.size, self.mtime_ns, self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExternalFile) and (self.path, self.digest) == (other.path, other.digest)

    def __hash__(self) -> int:
        return hash((self.path, self.digest))

    def __repr__(self) -> str:
        return f"<ExternalFile {self.path}, {self.size:,} bytes, sha256 {self.digest[:12]}>"


def external_file(path: str | os.PathLike[str]) -> ExternalFile:
    """Record a large file in place: `self.data = external_file("/data/huge.parquet")` stores its path and digest.

    Later steps open the file at the same path, and fail if it has changed. The content is read once to compute the
    digest, and again only if the file's size or time changes.

    Args:
        path: the path of a file; links are resolved.

    Raises:
        ArtifactError: the file does not exist or cannot be read, changes while it is read, or, in a pod, is not on a
            volume that other pods can mount.
    """
    absolute = os.path.realpath(path)
    status = _status(absolute)
    if POD in os.environ and (fault := volume_fault(absolute)):
        raise ArtifactError(
            f"{absolute} {fault}, so other tasks could not find it; put it on a volume that all steps mount "
            "(@kubernetes(persistent_volume_claims=…)), or assign the content itself"
        )
    return ExternalFile(absolute, status.st_size, status.st_mtime_ns, digest_of(absolute))


def digest_of(path: str) -> str:
    """Return the sha256 (hex) of a file's content, cached by its path, size, times and inode in the user's cache
    directory.

    Raises:
        ArtifactError: the file cannot be read, or changes while it is read.
    """
    status = _status(path)
    identity = [path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]
    note = _notes() / hashlib.sha256(json_text.dumps(identity).encode()).hexdigest()
    with suppress(OSError):
        return note.read_text()
    digest = _read_through(path)
    after = _status(path)
    if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
        raise _changed(path, "it is being written to")
    if time.time() - status.st_mtime > _SETTLED:
        with suppress(OSError):  # if the digest cannot be stored, the next call reads the file again
            note.parent.mkdir(parents=True, exist_ok=True)
            temporary = note.with_name(f"{note.name}.{os.getpid()}")
            temporary.write_text(digest)
            temporary.replace(note)
    return digest


def _read_through(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ArtifactError(f"the external file {path} cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def _status(path: str) -> os.stat_result:
    try:
        status = os.stat(path)
    except OSError as error:
        raise ArtifactError(f"the external file {path} cannot be found: {error.strerror}") from None
    if not os.path.isfile(path):
        raise ArtifactError(f"{path} is not a file: an external file must be a single file")
    return status


def _changed(path: str, how: str) -> ArtifactError:
    return ArtifactError(
        f"the external file {path} has changed since it was recorded: {how}; "
        "restore the file, or run the step that records it again"
    )


def _notes() -> Path:
    return Path(cache_home(), "digests")
