"""The base class of stores in other packages: it derives all operations from the six operations that the package
implements."""

from __future__ import annotations

import io
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.blobs import checked, read_checked
from flowc_runtime.store.backends.chunks import Chunks
from flowc_runtime.store.backends.objects import PIECE, Listed, blob_key, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO, TypeVar

    from flowc_runtime.store.backends.objects import AgentProcess, Buffer, EndedListing

    T = TypeVar("T")

# seconds between attempts to create an object while the store reports both that the object exists and that it does not
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class StoreBackend(ABC):
    """A store of runs at an address: objects, which are bytes, under keys such as `flows/Train/runs/1/record.json`.

    A subclass implements `get`, `put`, `create`, `find`, `listing` and `delete`; it may replace the other operations by
    faster methods. A reader must see an object whole or not at all, and must see a new object as soon as it is written.
    Several threads call the operations at the same time.

    Hazard: the process that creates the backend may fork before it calls the first operation. So the constructor must
    not open a connection or start a thread.
    """

    ended_listing: EndedListing | None = None
    agent_process: AgentProcess | None = None

    def __init__(self, url: str) -> None:
        """Set `self.url` to the address, without a slash at its end. A subclass finds its objects by `self.url`."""
        self.url = url.rstrip("/")
        self._chunks = Chunks(self.put)

    # -- operations that a subclass implements

    @abstractmethod
    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises:
            NotFound: the object does not exist.
            StoreError: the object cannot be read.
        """

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Create or replace an object, atomically.

        Raises:
            StoreError: the object cannot be written.
        """

    @abstractmethod
    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create an object, atomically; return False, without writing, if the key exists.

        If several writers create the same key, exactly one gets True. This makes the numbers of attempts and the ids of
        runs unique.

        Args:
            key: the key.
            parts: the parts of the object's bytes, which are `b"".join(parts)`.

        Raises:
            StoreError: the object cannot be written.
        """

    @abstractmethod
    def find(self, key: str) -> Listed | None:
        """Return the object's key, its size in bytes and the time of its last write, or None if the object does not
        exist.

        Raises:
            StoreError: the store cannot be read.
        """

    @abstractmethod
    def listing(self, prefix: str) -> list[Listed]:
        """Return all objects whose keys begin with `prefix` and a slash, at any depth; for "", all objects.

        Returns:
            For each object: its key without the prefix, its size in bytes, and the time of its last write in seconds
            since the epoch.

        Raises:
            StoreError: the store cannot be read.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete the object if it exists.

        Raises:
            StoreError: the object cannot be deleted.
        """

    # -- operations that are derived from the six operations above

    def map(self, key: str) -> memoryview:
        """Return the object's bytes as private, writable memory. Raises NotFound, StoreError."""
        return memoryview(bytearray(self.get(key)))

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes in pieces. Raises NotFound, StoreError."""
        yield self.get(key)

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        """Store the joined parts as a blob, unless the blob exists; return its sha256 in hex. Raises StoreError."""
        digest, size = sha256(parts), size_of(parts)
        key = blob_key(digest)
        for pause in _PAUSES:
            if self.refresh(key, size) or self.create(key, parts):
                return digest
            if self.exists(key):
                if not self.exists(key, size):  # the object was truncated, for example by a loss of power
                    self.put(key, b"".join(parts))
                return digest
            time.sleep(pause)  # the object existed, but garbage collection has deleted it meanwhile
        raise StoreError(f"cannot create {key} in {self.url}: the store reports that it exists, and that it does not")

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        """Return the checked bytes of a blob; see `Objects.read_blob`. Raises Damaged, NotFound, StoreError."""
        return read_checked(self, digest, size, key)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        """Map the checked bytes of a blob; see `Objects.map_blob`. Raises Damaged, NotFound, StoreError."""
        key = key or blob_key(digest)

        def fetch() -> tuple[memoryview, str, int]:
            view = self.map(key)
            return view, sha256([view]), len(view)

        return checked(self, key, digest, size, fetch)

    def open_blob(self, digest: str, size: int | None = None) -> BinaryIO:
        """Open the checked bytes of a blob; see `Objects.open_blob`. Raises Damaged, NotFound, StoreError."""
        return io.BytesIO(self.read_blob(digest, size))

    def read_with(self, digest: str, size: int, read: Callable[[BinaryIO], T]) -> T:
        """Return the result of `read` for the checked bytes of a blob; see `Objects.read_with`. Raises Damaged,
        NotFound, StoreError."""
        with self.open_blob(digest, size) as file:
            return read(file)

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists and, if a size in bytes is given, has this size."""
        found = self.find(key)
        return found is not None and size in (None, found.size)

    def refresh(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists, like `exists`, and renew an old object's time, so that garbage collection
        keeps it.

        Raises StoreError.
        """
        found = self.find(key)
        if found is None or size not in (None, found.size):
            return False
        if time.time() - found.changed < sweeps.REFRESH:
            return True
        try:
            self.put(key, self.get(key))
        except NotFound:
            return False
        sweeps.wait(self)
        return self.exists(key)

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names directly under a prefix; a name that has further keys below it ends with a slash."""
        rests = (entry.name.partition("/") for entry in self.listing(prefix))
        return sorted({name + slash for name, slash, _ in rests})

    def names_below(self, prefix: str) -> list[str]:
        """Return all keys under a prefix, at any depth, without the prefix, sorted."""
        return sorted(entry.name for entry in self.listing(prefix))

    def move(self, key: str, to: str) -> None:
        """Move an object to another key; replace an object of that key. Raises NotFound, StoreError."""
        self.put(to, self.get(key))
        self.delete(key)

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete the objects that exist. Raises StoreError."""
        for key in keys:
            self.delete(key)

    def delete_below(self, prefix: str, last: Sequence[str] = ()) -> None:
        """Delete all objects under a prefix. The objects whose names are in `last` are deleted last. Raises
        StoreError."""
        names = [name for name in self.names_below(prefix) if name not in last]
        self.delete_many([f"{prefix}/{name}" for name in (*names, *last)])

    # -- an object to which data is appended is a series of chunks

    def append(self, key: str, data: bytes) -> None:
        """Append to an object, now or at the next flush. Raises StoreError."""
        self._chunks.append(key, data)

    def flush(self, *, now: bool = False) -> float | None:
        """Write the appended data that is due; return the seconds until the next write, if any. Raises StoreError."""
        return self._chunks.flush(now=now)

    def appended(self, key: str, start: int = 0) -> bytes:
        """Return the appended data from byte `start`. Raises StoreError."""
        return b"".join(self.pieces(key, start))

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        """Yield the appended data from byte `start`, in pieces of at most `size` bytes. Raises StoreError."""
        end = 0  # appended data never changes, so chunks before `start` are skipped
        for chunk in sorted(self.listing(key)):
            begin, end = end, end + chunk.size
            if end > start:
                data = self.get(f"{key}/{chunk.name}")
                for at in range(max(start - begin, 0), len(data), size):
                    yield data[at : at + size]
