"""Download an object into a file: fetch several ranges at the same time, and compute the digest meanwhile."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol

from flowc_ir.late import LateModule
from flowc_runtime.base.errors import StoreError

if TYPE_CHECKING:
    import tempfile
    from typing import BinaryIO

    from flowc_runtime.store.backends.remote.blob_cache import BlobCache
else:
    tempfile = LateModule("tempfile")  # imported at first use, because the import costs start-up time

RANGE: Final = 8 << 20  # The number of bytes of a range.
# Number of ranges in memory at a time; small, because the decoded value may need as much memory as the object.
AT_ONCE: Final = 3


class Ranges(Protocol):
    """A bucket that returns ranges of objects. Its operations raise NotFound, StoreError."""

    url: str

    def size(self, key: str) -> int:
        """Return the number of an object's bytes."""
        ...

    def get(self, key: str) -> bytes:
        """Return all bytes of an object."""
        ...

    def part(self, key: str, start: int, end: int) -> memoryview:
        """Return the bytes of an object from `start` to `end`; threads may call this at the same time."""
        ...


def downloaded(
    bucket: Ranges, key: str, size: int | None, cache: BlobCache | None = None, digest: str = ""
) -> tuple[BinaryIO, str, int]:
    """Return a file with the object's bytes, the sha256 of these bytes, and their number.

    Args:
        bucket: the bucket.
        key: the object's key.
        size: the expected size in bytes, or None if the size is unknown.
        cache: the cache that gets the object, or None for an unnamed temporary file.
        digest: the expected digest; only an object with this digest is added to the cache.

    Raises:
        NotFound: there is no such object.
        StoreError: the object cannot be read, or the local file cannot be written.
    """
    whole = bucket.get(key) if size is not None and size <= RANGE else None
    size = len(whole) if whole is not None else bucket.size(key)
    file = cache.begin(size) if cache is not None else None
    kept, file = (file, file) if file is not None else (None, tempfile.TemporaryFile(buffering=0))
    found = ""
    try:
        if whole is not None:
            file.write(whole)
            found = hashlib.sha256(whole).hexdigest()
        else:
            found = _download(bucket, key, size, file.fileno())
    except OSError as error:
        file.close()
        raise StoreError(f"cannot write {key} of {bucket.url} to a local file: {error.strerror}") from error
    except BaseException:
        file.close()
        raise
    finally:
        if kept is not None and cache is not None:
            cache.keep(kept, digest if found == digest else None)
    if digest and found != digest:  # the caller does not use a file whose digest is wrong
        file.close()
    else:
        file.seek(0)
    return file, found, size


def mapped(file: BinaryIO) -> memoryview:
    """Map a file's bytes as private, writable memory."""
    if not (size := os.fstat(file.fileno()).st_size):  # mmap refuses empty files
        return memoryview(bytearray())
    return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY))


def _download(bucket: Ranges, key: str, size: int, descriptor: int) -> str:
    """Write an object to a file, and return the sha256 of its bytes."""
    digest = hashlib.sha256()
    waiting: deque[Future[memoryview]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        starts = iter(range(0, size, RANGE))

        def fetch(start: int) -> memoryview:
            part = bucket.part(key, start, min(start + RANGE, size))
            at = 0
            while at < len(part):
                at += os.pwrite(descriptor, part[at:], start + at)
            return part

        def request() -> None:
            if (start := next(starts, None)) is not None:
                waiting.append(pool.submit(fetch, start))

        for _ in range(AT_ONCE):
            request()
        while waiting:
            part = waiting.popleft().result()
            request()
            digest.update(part)  # meanwhile the threads fetch and write the next ranges
    return digest.hexdigest()
