"""Objects, which are bytes under keys: the operations that a store needs from a directory or an object store.

Keys are relative, with forward slashes. A reader sees an object whole or not at all, even if a writer is killed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flowc_runtime.base.file_parts import FileParts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Buffer = bytes | bytearray | memoryview
PIECE = 1 << 20  # bytes per read of an object of any size


class Listed(NamedTuple):
    """One object of a listing: its key below the prefix, its size in bytes, the time of its last write or refresh."""

    name: str
    size: int
    changed: float


class Objects(Protocol):
    """The operations of every backend."""

    url: str

    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises:
            NotFound: the object does not exist.
            StoreError: the object cannot be read.
        """
        ...

    def put(self, key: str, data: bytes) -> None:
        """Create or replace an object, atomically.

        Raises:
            StoreError: the object cannot be written.
        """
        ...

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create an object, atomically; return False, without writing, if the key exists.

        Args:
            key: the key.
            parts: the parts of its bytes, in order.

        Raises:
            StoreError: the object cannot be written.
        """
        ...

    def map(self, key: str) -> memoryview:
        """Map the object's bytes as private, writable memory, which is loaded on access.

        Raises:
            NotFound: the object does not exist.
            StoreError: the object cannot be read.
        """
        ...

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        """Store the joined parts as a blob, once; return its sha256 (hex).

        An existing blob of the right size is kept. One of another size, as a crash may leave it, is replaced.

        Raises:
            StoreError: the object cannot be written.
        """
        ...

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        """Return the checked bytes of a blob.

        Args:
            digest: its sha256 in hex.
            size: the expected size in bytes, only for error messages.
            key: another object that has this digest, instead of the blob.
            once: in a directory, hash the object only once per machine (`flowc_runtime.store.backends.marks`).

        Raises:
            Damaged: the store has other bytes, which are moved aside (`flowc_runtime.store.backends.blobs`).
            NotFound: there is no such object.
            StoreError: the object cannot be read.
        """
        ...

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        """Map the checked bytes of a blob like `map`; arguments and errors are those of `read_blob` with `once`."""
        ...

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists, and has this size in bytes if one is given."""
        ...

    def refresh(self, key: str, size: int | None = None) -> bool:
        """Return like `exists`, and make an old object young, so that no collection deletes it.

        Raises:
            StoreError: the store cannot be read or written.
        """
        ...

    def append(self, key: str, data: bytes) -> None:
        """Append to an object, now or at the next flush; a reader sees a prefix of the appended data."""
        ...

    def appended(self, key: str, start: int = 0) -> bytes:
        """Return the appended data from a byte on.

        Args:
            key: the key.
            start: the first byte.

        Raises:
            NotFound: in some backends, there is no such data; others return nothing.
            StoreError: the object cannot be read.
        """
        ...

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        """Yield the result of `appended` in pieces of at most `size` bytes, each read on demand."""
        ...

    def flush(self, *, now: bool = False) -> float | None:
        """Write appended data that is due; return the seconds until the next is due, if any.

        Args:
            now: whether all appended data is due.

        Raises:
            StoreError: the data cannot be written.
        """
        ...

    def names(self, prefix: str) -> list[str]:
        """Return the names directly under a prefix, sorted; the name of a deeper prefix ends with a slash."""
        ...

    def names_below(self, prefix: str) -> list[str]:
        """Return all keys under a prefix, at any depth, without the prefix, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Delete the object if it exists."""
        ...


class Collectable(Objects, Protocol):
    """The further operations that garbage collection and the repair of damaged objects need."""

    def listing(self, prefix: str) -> list[Listed]:
        """Return all objects under a prefix, at any depth."""
        ...

    def move(self, key: str, to: str) -> None:
        """Move an object to another key; replace an object of that key.

        Raises:
            NotFound: the object does not exist.
            StoreError: the object cannot be moved.
        """
        ...

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete the objects that exist; at most a thousand keys."""
        ...

    def delete_below(self, prefix: str, last: Sequence[str] = ()) -> None:
        """Delete all objects under a prefix.

        Args:
            prefix: the prefix, without a slash at its end.
            last: names below the prefix that are deleted after the others, so that an interruption leaves them.

        Raises:
            StoreError: an object cannot be deleted.
        """
        ...


def blob_key(digest: str) -> str:
    """Return the key of the blob of a digest (hex)."""
    return f"blobs/{digest[:2]}/{digest}"


def sha256(parts: Iterable[Buffer]) -> str:
    """Return the sha256 (hex) of the joined parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def size_of(parts: Sequence[Buffer]) -> int:
    """Return the number of bytes of all parts, without reading the parts of a file."""
    return parts.nbytes if isinstance(parts, FileParts) else sum(memoryview(part).nbytes for part in parts)
