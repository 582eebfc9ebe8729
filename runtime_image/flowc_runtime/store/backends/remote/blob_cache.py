"""A cache of blobs on this machine: a task does not read a blob from a bucket if another task on the machine has stored
or read it.

The cache is `blobs/` in flowc's part of the user's cache directory; a file is named by the digest of its bytes. Only
files that belong to this user are used, and their digest is checked like that of a blob in a directory, once per
machine (`marks`). The oldest files are deleted when the cache is full. Each file may be deleted at any time.
"""

from __future__ import annotations

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from flowc_ir.late import LateModule
from flowc_ir.late.digest import sha256
from flowc_runtime.base.config import configuration
from flowc_runtime.base.contract import POD
from flowc_runtime.base.errors import StoreError
from flowc_runtime.base.user_cache import cache_home
from flowc_runtime.store.backends import marks
from flowc_runtime.store.backends.local import OVERLAP, write_all

if TYPE_CHECKING:
    import shutil
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from flowc_runtime.store.backends.objects import Buffer
else:  # imported at first use, because the import costs start-up time
    shutil = LateModule("shutil")

_PARTIAL: Final = ".partial"  # The suffix of a file that is being written.
_ABANDONED: Final = 24 * 3600.0  # Seconds after which an unfinished file is deleted.
# Files of fewer than _SMALL bytes are small. Listing the directory takes long, so space is made only before some small
# files, chosen at random: _SOMETIMES of 256.
_SMALL, _SOMETIMES = 1 << 20, 8
_SHARE: Final = 10  # the cache uses at most one tenth of the free space of its disk


@final
class BlobCache:
    """The cache in a directory of at most `limit` bytes."""

    def __init__(self, place: str, limit: int) -> None:
        self._place = place
        self._limit = limit

    @classmethod
    def of_user(cls) -> BlobCache | None:
        """Return this user's cache, or None if the process runs in a pod, the cache is switched off, or no private
        directory is available.

        Raises:
            ConfigurationError: a setting is invalid.
        """
        if POD in os.environ or configuration.text("blob-cache") == "no" or marks.verify_always():
            return None
        try:
            place = os.path.join(cache_home(), "blobs")
            os.makedirs(place, mode=0o700, exist_ok=True)
            status = os.stat(place)
        except (OSError, RuntimeError):
            return None
        # another user owns the directory, or could write to it
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
            return None
        return cls(place, (configuration.lookup("blob-cache-size").number or 0) << 20)

    def open(self, digest: str) -> BinaryIO | None:
        """Open the blob with this digest, or None if the cache does not contain the blob. A damaged file is deleted."""
        path = f"{self._place}/{digest}"
        try:
            file = open(path, "rb", buffering=0)  # noqa: SIM115  # the caller closes it
        except OSError:
            return None
        with suppress(OSError):
            if os.fstat(file.fileno()).st_uid == os.getuid() and marks.digest_of(file.fileno(), digest) == digest:
                # sets the file's time to now, so that the file is not among the oldest files
                os.utime(file.fileno() if os.utime in os.supports_fd else path)
                # `utime` has changed the file's times, so the old mark no longer matches
                marks.note(file.fileno(), digest)
                file.seek(0)
                return file
        file.close()
        with suppress(OSError):
            os.unlink(path)
        return None

    def begin(self, size: int) -> BinaryIO | None:
        """Return a new file for a blob of this size, which `keep` adds to the cache, or None if the cache has no space
        for the blob."""
        try:
            if not self._make_space(size):
                return None
            return open(f"{self._place}/{os.getpid()}-{os.urandom(6).hex()}{_PARTIAL}", "x+b", buffering=0)
        except OSError:
            return None

    def keep(self, file: BinaryIO, digest: str | None) -> None:
        """Add a file, which `begin` has returned, to the cache under its digest; if the digest is None, remove the file
        instead."""
        with suppress(OSError):
            if digest is None:
                os.unlink(file.name)
            else:
                os.replace(file.name, f"{self._place}/{digest}")
                marks.note(file.fileno(), digest)

    def add(self, parts: Sequence[Buffer], size: int) -> str:
        """Add a blob that this process stores, and return its sha256.

        A large blob is written while it is hashed. An error of the cache, such as a full disk, is ignored.

        Args:
            parts: the bytes of the blob.
            size: the number of its bytes.

        Raises:
            StoreError: a part of the blob is in a file that cannot be read.
        """
        if size < OVERLAP:
            digest = sha256(parts)
            if not os.path.exists(f"{self._place}/{digest}"):
                self._write(parts, size, lambda: digest)
            return digest
        with ThreadPoolExecutor(1) as pool:
            hashed = pool.submit(sha256, parts)
            self._write(parts, size, hashed.result)
            return hashed.result()

    def _write(self, parts: Sequence[Buffer], size: int, digest: Callable[[], str]) -> None:
        """Write a blob to a new file, then add it under the digest that `digest` returns."""
        if (file := self.begin(size)) is None:
            return
        with file:
            try:
                write_all(file.fileno(), parts)
                self.keep(file, digest())
            except (OSError, StoreError):  # if a part cannot be read, the caller raises the error
                self.keep(file, None)

    def _make_space(self, size: int) -> bool:
        """Delete the oldest files until a file of this size fits; return whether it fits. Raises OSError.

        For most small files, chosen at random, nothing is checked and the result is True, because reading a directory
        with many files takes long.
        """
        if size < _SMALL and os.urandom(1)[0] >= _SOMETIMES:
            return True
        free = shutil.disk_usage(self._place).free
        found = list[tuple[float, int, str]]()
        with os.scandir(self._place) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if entry.name.endswith(_PARTIAL) and time.time() - status.st_mtime > _ABANDONED:
                        os.unlink(entry.path)
                        continue
                    found.append((status.st_mtime, status.st_size, entry.path))
        used = sum(size for _, size, _ in found)
        limit = min(self._limit, (used + free) // _SHARE)
        if size > limit // 2:
            return False
        for _, old, path in sorted(found):
            if used + size <= limit:
                break
            if not path.endswith(_PARTIAL):
                with suppress(FileNotFoundError):
                    os.unlink(path)
                used -= old
        return used + size <= limit
