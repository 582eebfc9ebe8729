"""Files that stay where they are: an artifact that names a file by its path, size and digest, and holds none of it.

What reads it later gets that very content or an error: a file that has changed or gone is never read unnoticed.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, final

from flowc_ir import json_text
from flowc_runtime.base.contract import POD
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.base.mounts import volume_fault
from flowc_runtime.base.user_cache import cache_home
from flowc_runtime.store.backends.marks import verify_always

if TYPE_CHECKING:
    from flowc_runtime.store.records.record_types import ExternalRecord

_CHUNK = 1 << 22
_SETTLED = 2.0  # seconds: a file written to later than that may be written to again with the same time of change


@final
class ExternalFile:
    """A file that an artifact names and does not hold: read only, and the same as when it was recorded."""

    __slots__ = ("_checked", "digest", "mtime_ns", "path", "size")

    def __init__(self, path: str, size: int, mtime_ns: int, digest: str) -> None:
        self.path = path
        self.size = size
        self.mtime_ns = mtime_ns
        self.digest = digest
        self._checked = False

    def open(self) -> IO[bytes]:
        """The file, open for reading bytes.

        Raises:
            ArtifactError: it is gone, or is not what it was.
        """
        self.check()
        return open(self.path, "rb")

    def read_bytes(self) -> bytes:
        """All of its content. Raises ArtifactError."""
        with self.open() as file:
            return file.read()

    def read_text(self, encoding: str = "utf-8") -> str:
        """All of its content as text. Raises ArtifactError, UnicodeDecodeError."""
        return self.read_bytes().decode(encoding)

    def mmap(self) -> memoryview:
        """Its content as memory that is read when it is touched, and cannot be written. Raises ArtifactError."""
        with self.open() as file:
            if not self.size:  # which mmap refuses
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def check(self) -> None:
        """Make sure, once in a process, that the file is what it was: by size and time, by its content if they differ.

        With the setting `verify` at `always` by its content in any case.

        Raises:
            ArtifactError: it is gone, or is not what it was.
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
            raise _changed(self.path, "its content is another")
        self._checked = True

    def record(self) -> ExternalRecord:
        """What the store says of it."""
        return {"path": self.path, "size": self.size, "mtime_ns": self.mtime_ns, "digest": self.digest}

    def __fspath__(self) -> str:
        self.check()
        return self.path

    def __reduce__(self) -> tuple[Any, ...]:
        return ExternalFile, (self.path, self.size, self.mtime_ns, self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExternalFile) and (self.path, self.digest) == (other.path, other.digest)

    def __hash__(self) -> int:
        return hash((self.path, self.digest))

    def __repr__(self) -> str:
        return f"<ExternalFile {self.path}, {self.size:,} bytes, sha256 {self.digest[:12]}>"


def external_file(path: str | os.PathLike[str]) -> ExternalFile:
    """Record a large file where it is: `self.data = external_file("/data/huge.parquet")` stores its name and digest.

    Later steps open it at the same path, and fail if it has changed. Its content is read once to compute the digest;
    as long as neither its size nor its time of change differ, never again.

    Raises:
        ArtifactError: there is no such file, or, in a pod, it is on no volume that other pods can see.
    """
    absolute = os.path.realpath(path)
    status = _status(absolute)
    if POD in os.environ and (fault := volume_fault(absolute)):
        raise ArtifactError(
            f"{absolute} {fault}, so that no other task would find it; put it on a volume that all steps mount "
            "(@kubernetes(persistent_volume_claims=…)), or assign the content itself"
        )
    return ExternalFile(absolute, status.st_size, status.st_mtime_ns, digest_of(absolute))


def digest_of(path: str) -> str:
    """The sha256 of a file's content, remembered by its path, size, times and inode. Raises ArtifactError."""
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
        with suppress(OSError):  # without the note, it is read again the next time
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
        raise ArtifactError(f"the external file {path} is not there: {error.strerror}") from None
    if not os.path.isfile(path):
        raise ArtifactError(f"{path} is no file: an external file is a single file")
    return status


def _changed(path: str, how: str) -> ArtifactError:
    return ArtifactError(
        f"the external file {path} has changed since it was recorded: {how}; "
        "restore it, or run the step again that records it"
    )


def _notes() -> Path:
    return Path(cache_home(), "digests")
