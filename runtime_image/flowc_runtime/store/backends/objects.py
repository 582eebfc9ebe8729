"""Objects are bytes under keys: the operations that each backend (a directory, a bucket, memory) implements.

Keys are relative, with forward slashes. A reader sees an object whole or not at all, even if a writer is killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.file_parts import FileParts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO, TypeVar

    T = TypeVar("T")

Buffer = bytes | bytearray | memoryview
PIECE = 1 << 20  # the number of bytes that are read at once from an object


class Listed(NamedTuple):
    """One object of a listing: its key below the prefix, its size in bytes, the time of its last write or refresh."""

    name: str
    size: int
    changed: float


class Objects(Protocol):
    """The operations of every backend."""

    url: str

    @property
    def ended_listing(self) -> EndedListing | None:
        """This store itself, if each run that ends writes an entry into it (`flowc_runtime.store.ended`). Otherwise
        None."""
        ...

    @property
    def agent_process(self) -> AgentProcess | None:
        """The process that performs the operations of this store; None if the calling process performs them."""
        ...

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
            parts: the parts of the object's bytes, in order.

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
        """Store the joined parts as a blob, unless the blob exists; return its sha256 in hex.

        An existing blob of the right size is kept. A blob of another size, which a crash may have left, is replaced.

        Raises:
            StoreError: the object cannot be written.
        """
        ...

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        """Return the checked bytes of a blob.

        Args:
            digest: the blob's sha256 in hex.
            size: the expected size in bytes, only for error messages.
            key: the key of another object with this digest, to read instead of the blob.
            once: in a directory, hash the object only once per machine (`flowc_runtime.store.backends.marks`).

        Raises:
            Damaged: the bytes in the store do not match the digest; they are moved aside
                (`flowc_runtime.store.backends.blobs`).
            NotFound: there is no such object.
            StoreError: the object cannot be read.
        """
        ...

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        """Map the checked bytes of a blob like `map`; arguments and errors are those of `read_blob` with `once`."""
        ...

    def open_blob(self, digest: str, size: int | None = None) -> BinaryIO:
        """Open the checked bytes of a blob; arguments and errors are those of `read_blob` with `once`.

        If the store is a directory, the bytes are read from the object's file, so that a program that decodes them does
        not hold all of them in memory.
        """
        ...

    def read_with(self, digest: str, size: int, read: Callable[[BinaryIO], T]) -> T:
        """Return the result of `read`, which gets a blob as a file; the arguments and errors are those of `open_blob`.

        If the store is a directory, the blob's digest may be computed while `read` runs. `read` must therefore accept
        any bytes: it must only copy them, and must not unpickle them. Its result is returned only if the digest is
        right.
        """
        ...

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists and, if a size in bytes is given, has this size."""
        ...

    def refresh(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists, like `exists`, and renew an old object's time, so that garbage collection
        keeps it.

        Raises:
            StoreError: the store cannot be read or written.
        """
        ...

    def append(self, key: str, data: bytes) -> None:
        """Append to an object, now or at the next flush.

        A reader always sees a prefix of the appended data; the latest bytes may still be missing.
        """
        ...

    def appended(self, key: str, start: int = 0) -> bytes:
        """Return the appended data from the byte `start`.

        Args:
            key: the key.
            start: the offset of the first byte to return.

        Raises:
            NotFound: no data was appended under this key; some backends return empty bytes instead.
            StoreError: the object cannot be read.
        """
        ...

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        """Yield the result of `appended` in pieces of at most `size` bytes, each read on demand."""
        ...

    def flush(self, *, now: bool = False) -> float | None:
        """Write the appended data that is due; return the seconds until the next write is due, if any.

        Args:
            now: whether to write all appended data.

        Raises:
            StoreError: the data cannot be written.
        """
        ...

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names directly under a prefix; a name that has further keys below it ends with a slash."""
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
            last: names below the prefix that are deleted last, so that they remain after an interruption.

        Raises:
            StoreError: an object cannot be deleted.
        """
        ...


class EndedListing(Collectable, Protocol):
    """The further operations of a bucket, for listings of ended runs."""

    def has_below(self, prefix: str) -> bool:
        """Return whether objects exist under a prefix, with a single request.

        Raises:
            StoreError: the store cannot be read.
        """
        ...

    def names_from(self, prefix: str, first: str) -> list[str]:
        """Return the same keys as `names_below`, without keys that sort before `first`.

        Raises:
            StoreError: the store cannot be read.
        """
        ...


class AgentProcess(Protocol):
    """Operations that a process performs for another process. Each call raises StoreError if the store or the process
    fails."""

    def get_many(self, keys: Sequence[str]) -> list[bytes]:
        """Return the contents of existing objects, which are read in parallel. Raises NotFound."""
        ...

    def create_many(self, written: Sequence[tuple[str, bytes]]) -> None:
        """Create objects in parallel; no other process may create the same objects."""
        ...

    def store_file(self, path: str) -> Mapping[str, object]:
        """Store a file, and return its record (`flowc_runtime.store.values.files.FileRecord`)."""
        ...

    def note_status(self, flow: str, run: str, status: Mapping[str, object]) -> None:
        """Write the entry of a run that has ended, if the store has an `ended_listing`."""
        ...


def blob_key(digest: str) -> str:
    """Return the key of the blob of a digest (hex)."""
    return f"blobs/{digest[:2]}/{digest}"


def size_of(parts: Sequence[Buffer]) -> int:
    """Return the number of bytes of all parts; parts that are files are not read for this."""
    return parts.nbytes if isinstance(parts, FileParts) else sum(memoryview(part).nbytes for part in parts)
