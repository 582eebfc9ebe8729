"""A store in memory, for tasks that keep no results. It can be layered on another store, the lower store, which is only
read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends.objects import PIECE, blob_key, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO, TypeVar

    from flowc_runtime.store.backends.objects import AgentProcess, Buffer, EndedListing, Objects

    T = TypeVar("T")


class MemoryObjects:
    """A store that keeps its objects in memory. Missing objects are looked up in the lower store `below`, if there is
    one."""

    ended_listing: EndedListing | None = None
    agent_process: AgentProcess | None = None

    def __init__(self, below: Objects | None = None) -> None:
        self.url = below.url if below else "memory:"
        self._below = below
        self._objects: dict[str, bytes] = {}

    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises:
            NotFound: the object is neither in memory nor in the lower store.
            StoreError: the lower store cannot be read.
        """
        if key in self._objects:
            return self._objects[key]
        if self._below is None:
            raise NotFound(f"no {key} in {self.url}")
        return self._below.get(key)

    def put(self, key: str, data: bytes) -> None:
        """Create or replace an object in memory."""
        self._objects[key] = data

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create an object; return False, without writing, if the key exists in memory or in the lower store."""
        if self.exists(key):
            return False
        self._objects[key] = b"".join(parts)
        return True

    def map(self, key: str) -> memoryview:
        """Return the object's bytes as private, writable memory. An object in memory is copied, an object of the lower
        store is mapped.

        Raises:
            NotFound: the object is neither in memory nor in the lower store.
            StoreError: the lower store cannot be read.
        """
        if key not in self._objects and self._below is not None:
            return self._below.map(key)
        return memoryview(bytearray(self.get(key)))  # private and writable

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        """Store the joined parts as a blob, unless the blob exists; return its sha256 in hex.

        Raises:
            StoreError: the lower store cannot be read.
        """
        digest, size = sha256(parts), size_of(parts)
        if not self.exists(blob_key(digest), size):
            self._objects[blob_key(digest)] = b"".join(parts)
        return digest

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        """Return the bytes of a blob; bytes from the lower store are checked, as in `Objects.read_blob`."""
        if (key or blob_key(digest)) in self._objects or self._below is None:
            return self.get(key or blob_key(digest))
        return self._below.read_blob(digest, size, key=key, once=once)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        """Map the bytes of a blob; bytes from the lower store are checked, as in `Objects.map_blob`."""
        if (key or blob_key(digest)) in self._objects or self._below is None:
            return self.map(key or blob_key(digest))
        return self._below.map_blob(digest, size, key=key)

    def open_blob(self, digest: str, size: int | None = None) -> BinaryIO:
        """Open the bytes of a blob; bytes from the lower store are checked, as in `Objects.open_blob`."""
        if blob_key(digest) in self._objects or self._below is None:
            return io.BytesIO(self.get(blob_key(digest)))
        return self._below.open_blob(digest, size)

    def read_with(self, digest: str, size: int, read: Callable[[BinaryIO], T]) -> T:
        """Return the result of `read` for the checked bytes of a blob; see `Objects.read_with`."""
        with self.open_blob(digest, size) as file:
            return read(file)

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists and, if a size in bytes is given, has this size."""
        if key in self._objects:
            return size in (None, len(self._objects[key]))
        return self._below is not None and self._below.exists(key, size)

    def refresh(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists; nothing is renewed, since objects in memory are never garbage-collected."""
        return self.exists(key, size)

    def append(self, key: str, data: bytes) -> None:
        """Append to an object; an object of the lower store is first copied into memory.

        Raises:
            StoreError: the lower store cannot be read.
        """
        self._objects[key] = self.appended(key) + data if self.exists(key) else data

    def appended(self, key: str, start: int = 0) -> bytes:
        """Return the appended data from byte `start`."""
        if key not in self._objects and self._below is not None:
            return self._below.appended(key, start)
        return self.get(key)[start:]

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        """Yield the appended data from byte `start`, in pieces of at most `size` bytes."""
        data = self.appended(key, start)
        return (data[at : at + size] for at in range(0, len(data), size))

    def flush(self, *, now: bool = False) -> float | None:
        """Do nothing and return None, since appended data is never pending."""
        return None

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names directly under a prefix; a name that has further keys below it ends with a slash."""
        inside = f"{prefix.rstrip('/')}/"
        rests = (key[len(inside) :].partition("/") for key in self._objects if key.startswith(inside))
        mine = {name + slash for name, slash, _ in rests}
        return sorted(mine.union(self._below.names(prefix) if self._below else ()))

    def names_below(self, prefix: str) -> list[str]:
        """Return all keys under a prefix, at any depth, without the prefix, sorted."""
        inside = f"{prefix.rstrip('/')}/"
        mine = {key[len(inside) :] for key in self._objects if key.startswith(inside)}
        return sorted(mine.union(self._below.names_below(prefix) if self._below else ()))

    def delete(self, key: str) -> None:
        """Delete the object if it exists.

        Raises:
            StoreError: the object is in the lower store, which is only read.
        """
        if key not in self._objects and self._below and self._below.exists(key):
            raise StoreError(f"cannot delete {key}: it is in a store that is only read")
        self._objects.pop(key, None)
