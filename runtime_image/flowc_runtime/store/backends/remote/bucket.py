"""Objects in an object store (S3, Google Cloud Storage, Azure Blob) through obstore.

Credentials and endpoint come from the environment variables of the providers' own tools (AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, …). `asking` repeats requests after transient failures (5xx, dropped connections, timeouts).

A process that has used obstore must not fork: the child would hang. So this module does not import obstore before the
first request. A process that forks tasks makes no request before a fork: in the emulator an `agent` process makes the
requests, and the in-pod entrypoint forks first.
"""

from __future__ import annotations

import os
import time
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from flowc_ir.late import LateModule
from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.blobs import checked, read_checked
from flowc_runtime.store.backends.chunks import Chunks
from flowc_runtime.store.backends.objects import PIECE, Buffer, Listed, blob_key, size_of
from flowc_runtime.store.backends.remote.asking import Asker
from flowc_runtime.store.backends.remote.creating import creation
from flowc_runtime.store.backends.remote.errors import Lost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

    import obstore
    from obstore import ListResult, ObjectMeta
    from obstore.store import ObjectStore

    from flowc_runtime.store.backends.objects import AgentProcess, EndedListing
    from flowc_runtime.store.backends.remote import blob_cache, downloads

    T = TypeVar("T")
else:
    # imported at first use: only blobs need it
    blob_cache = LateModule("flowc_runtime.store.backends.remote.blob_cache")
    downloads = LateModule("flowc_runtime.store.backends.remote.downloads")
    # imported at first use: obstore is an optional dependency, and a process that has used it must not fork
    obstore = LateModule("obstore")

SCHEMES = ("s3", "gs", "az")
LARGE = 1 << 17  # Bytes: the upload of a larger object may take long, so its progress is shown.
PART = 16 << 20  # Bytes per part of a large blob; at most 10,000 parts, so 160 GB.
COPY = 5 << 30  # Bytes: the largest object that S3 copies in one request.
# Seconds between attempts to create an object while the store reports both that the object exists and that it does not.
_CONFLICTS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class RemoteObjects:
    """A store in a bucket, below a prefix."""

    agent_process: AgentProcess | None = None

    def __init__(self, url: str, asker: Asker | None = None) -> None:
        self.url = url.rstrip("/")
        self.asker = asker or Asker(self.url)
        self._chunks = Chunks(self.put)

    @property
    def ended_listing(self) -> EndedListing | None:
        """The store with the entries of ended runs (`flowc_runtime.store.ended`): this store itself."""
        return self

    def get(self, key: str) -> bytes:
        """Return the object's bytes. Raises NotFound, StoreError."""

        def request(client: ObjectStore) -> bytes:
            return bytes(obstore.get(client, key).bytes())

        return self.asker.ask(request, key)

    def put(self, key: str, data: bytes) -> None:
        """Create or replace an object. Raises StoreError."""

        def request(client: ObjectStore) -> None:
            obstore.put(client, key, data, use_multipart=False)

        self._write(request, key, len(data))

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create an object; return False if an object with other bytes exists.

        If the object exists with the same bytes, this call has written it: the answer to its first request was lost,
        and the repeated request has found the object. Records contain their writer and time, so the records of two
        writers never have the same bytes.

        Raises:
            StoreError: the store cannot be reached, refuses, or reports for several seconds both that the object exists
                and that it does not.
        """
        data = b"".join(parts)
        for pause in _CONFLICTS:
            if self._create(key, data):
                return True
            try:
                return self.get(key) == data
            except NotFound:  # the object was deleted meanwhile, or the request of another writer failed
                time.sleep(pause)
        raise StoreError(f"cannot create {key} in {self.url}: the store reports that it exists, and that it does not")

    def _create(self, key: str, data: bytes) -> bool:
        """Create an object; return False if an object with other bytes exists or another writer is creating it."""

        def put(client: ObjectStore) -> None:
            obstore.put(client, key, data, mode="create", use_multipart=False)

        def same(client: ObjectStore) -> bool | None:
            there = _fetch(client, key)
            return None if there is None else there == data

        return self._write(creation(put, same, lambda _: False), key, len(data))

    def _write(self, request: Callable[[ObjectStore], T], key: str, size: int) -> T:
        return self.asker.ask(request, key) if size <= LARGE else self.asker.send(request, key, size)

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        """Store the joined parts as a blob, unless the blob exists; return its sha256 in hex. Raises StoreError."""
        size = size_of(parts)
        digest = sha256(parts) if self._cache is None else self._cache.add(parts, size)
        key = blob_key(digest)
        if size > PART:
            # if two processes send the object at the same time, they send the same bytes
            if not self.refresh(key, size):
                self._send_large(key, lambda _: _pieces(parts), size)
            return digest
        data = b"".join(parts)
        while not self._create(key, data) and not self.refresh(key, size):
            if self.exists(key):  # the object exists with another size, so it is damaged
                self.put(key, data)
                break
            time.sleep(_CONFLICTS[0])
        return digest  # the loop repeats only if garbage collection has deleted the blob in the meantime

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        """Return the checked bytes of a blob; see `Objects.read_blob`. Raises Damaged, NotFound."""
        if not key and self._cache is not None and (file := self._cache.open(digest)) is not None:
            with file:
                return file.read()
        if once:  # the object may have any size, so it is read in parts
            with self._open(digest, size, key) as file:
                return file.read()
        return read_checked(self, digest, size, key)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        """Map the checked bytes of a blob; see `Objects.map_blob`. Raises Damaged, NotFound."""
        with self._open(digest, size, key) as file:
            return downloads.mapped(file)

    def open_blob(self, digest: str, size: int | None = None) -> BinaryIO:
        """Open the checked bytes of a blob; see `Objects.open_blob`. Raises Damaged, NotFound, StoreError."""
        return self._open(digest, size, "")

    def read_with(self, digest: str, size: int, read: Callable[[BinaryIO], T]) -> T:
        """Return the result of `read` for the checked bytes of a blob; see `Objects.read_with`. Raises Damaged,
        NotFound, StoreError."""
        with self.open_blob(digest, size) as file:
            return read(file)

    @cached_property
    def _cache(self) -> blob_cache.BlobCache | None:
        return blob_cache.BlobCache.of_user()

    def _open(self, digest: str, size: int | None, key: str) -> BinaryIO:
        """Open a file with the checked bytes of a blob, from the cache or downloaded. Raises Damaged, NotFound."""
        cache = self._cache if not key else None
        if cache is not None and (file := cache.open(digest)) is not None:
            return file
        key = key or blob_key(digest)
        return checked(self, key, digest, size, lambda: downloads.downloaded(self, key, size, cache, digest))

    def size(self, key: str) -> int:
        """Return the number of an object's bytes. Raises NotFound, StoreError."""
        if (found := self._head(key)) is None:
            raise NotFound(f"no {key} in {self.url}")
        return found["size"]

    def part(self, key: str, start: int, end: int) -> memoryview:
        """Return the bytes of an object from `start` to `end`. Raises NotFound, StoreError."""
        return self.asker.ask(lambda client: memoryview(obstore.get_range(client, key, start=start, end=end)), key)

    def _send_large(self, key: str, pieces: Callable[[ObjectStore], Iterable[bytes]], size: int) -> None:
        def request(client: ObjectStore) -> None:
            try:
                obstore.put(client, key, pieces(client), chunk_size=PART, max_concurrency=4)
            except FileNotFoundError as error:
                if "NoSuchUpload" not in str(error):
                    raise
                # This error means that obstore sent the completing request of the upload twice, because the first
                # answer was lost: the object may be complete.
                if not _is_whole(client, key, size):
                    raise Lost("the upload was lost") from error

        self.asker.send(request, key, size)

    def map(self, key: str) -> memoryview:
        """Map the object's bytes as private, writable memory. Raises NotFound, StoreError."""
        file, _, _ = downloads.downloaded(self, key, None)
        with file:
            return downloads.mapped(file)

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes in pieces; a small object takes one request. Raises NotFound, StoreError."""

        def request(client: ObjectStore) -> tuple[int, bytes | None]:
            answer = obstore.get(client, key)
            size = answer.meta["size"]
            return size, bytes(answer.bytes()) if size <= PART else None

        size, whole = self.asker.ask(request, key)
        if whole is not None:
            yield whole
            return
        for at in range(0, size, PART):
            yield bytes(self.part(key, at, min(at + PART, size)))

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists and, if a size in bytes is given, has this size."""
        found = self._head(key)
        return found is not None and size in (None, found["size"])

    def _head(self, key: str) -> ObjectMeta | None:
        """Return the metadata of an object, or None if the object is missing."""

        def request(client: ObjectStore) -> ObjectMeta | None:
            try:
                return obstore.head(client, key)
            except FileNotFoundError:
                return None

        return self.asker.ask(request, key)

    def move(self, key: str, to: str) -> None:
        """Move an object to another key. Raises NotFound, StoreError."""
        found = self._head(key)
        if found is None:
            raise NotFound(f"no {key} in {self.url}")
        if found["size"] > COPY:
            self._send_large(to, lambda client: _fetched(client, key), found["size"])
        else:
            self._copy(key, to)
        self.delete(key)

    def refresh(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists, like `exists`, and renew an old object's time, so that garbage collection
        keeps it."""
        found = self._head(key)
        if found is None or size not in (None, found["size"]):
            return False
        if time.time() - found["last_modified"].timestamp() < sweeps.REFRESH:
            return True
        try:
            self._write_again(key, found["size"])
        except NotFound:
            return False
        sweeps.wait(self)
        return self.exists(key)

    def _write_again(self, key: str, size: int) -> None:
        """Renew the time of an object: copy it to another key and back, as S3 refuses to copy an object onto itself."""
        if size > COPY:
            self._send_large(key, lambda client: _fetched(client, key), size)
            return
        aside = f"tmp/{os.urandom(8).hex()}"
        self._copy(key, aside)
        self._copy(aside, key)
        self.delete(aside)

    def _copy(self, source: str, target: str) -> None:
        def request(client: ObjectStore) -> None:
            obstore.copy(client, source, target)

        # sent with the time limits of a large upload, because a copy may take long
        self.asker.send(request, source, COPY)

    def listing(self, prefix: str) -> list[Listed]:
        """Return all objects under a prefix, at any depth. Raises StoreError."""
        at = len(prefix) + 1
        return [
            Listed(entry["path"][at:], entry["size"], entry["last_modified"].timestamp())
            for entry in self._entries(prefix)
        ]

    def _entries(self, prefix: str, offset: str | None = None) -> list[ObjectMeta]:
        """Return all objects under a prefix, sorted by name; with an `offset`, only those with a later key.

        After a failed request, the listing continues after the last object that was received.
        """
        found: list[ObjectMeta] = []

        def request(client: ObjectStore) -> None:
            for page in obstore.list(client, f"{prefix}/", offset=found[-1]["path"] if found else offset):
                found.extend(page)

        self.asker.ask(request, prefix)
        return found

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete the objects that exist; at most a thousand keys. Raises StoreError."""
        if not keys:
            return
        try:
            self._delete(list(keys), keys[0])
        # Azure and local directories report an error for a missing object, S3 does not: delete the objects one by one
        except NotFound:
            for key in keys:
                self.delete(key)

    def delete_below(self, prefix: str, last: Sequence[str] = ()) -> None:
        """Delete all objects under a prefix. The objects whose names are in `last` are deleted last. Raises
        StoreError."""
        names = [name for name in self.names_below(prefix) if name not in last]
        keys = [f"{prefix}/{name}" for name in names]
        for at in range(0, len(keys), 1000):
            self.delete_many(keys[at : at + 1000])
        for name in last:
            self.delete(f"{prefix}/{name}")

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names directly under a prefix; a name that has further keys below it ends with a slash."""
        found = self._below(prefix)
        at = len(prefix) + 1 if prefix else 0
        deeper = [f"{name[at:].rstrip('/')}/" for name in found["common_prefixes"]]
        return sorted([*deeper, *(entry["path"][at:] for entry in found["objects"])])

    def _below(self, prefix: str) -> ListResult[Sequence[ObjectMeta]]:
        """Return the objects and prefixes directly under a prefix."""

        def request(client: ObjectStore) -> ListResult[Sequence[ObjectMeta]]:
            return obstore.list_with_delimiter(client, f"{prefix}/" if prefix else None)

        return self.asker.ask(request, prefix)

    def names_below(self, prefix: str) -> list[str]:
        """Return all keys under a prefix, at any depth, without the prefix, sorted."""
        at = len(prefix) + 1
        return sorted(entry["path"][at:] for entry in self._entries(prefix))

    def has_below(self, prefix: str) -> bool:
        """Return whether objects exist under a prefix; only the first page of a listing is requested. Raises
        StoreError."""
        return self.asker.ask(lambda client: any(map(len, islice(obstore.list(client, f"{prefix}/"), 1))), prefix)

    def names_from(self, prefix: str, first: str) -> list[str]:
        """Return the same keys as `names_below`, without keys that sort before `first`. Raises StoreError."""
        at = len(prefix) + 1
        return sorted(entry["path"][at:] for entry in self._entries(prefix, f"{prefix}/{first}"))

    def delete(self, key: str) -> None:
        """Delete the object if it exists. Raises StoreError."""
        try:
            self._delete(key, key)
        except NotFound:
            return

    def _delete(self, paths: str | list[str], key: str) -> None:
        def request(client: ObjectStore) -> None:
            obstore.delete(client, paths)

        self.asker.ask(request, key)

    # -- an object to which data is appended is a sequence of chunks

    def append(self, key: str, data: bytes) -> None:
        """Append to an object. Raises StoreError."""
        self._chunks.append(key, data)

    def appended(self, key: str, start: int = 0) -> bytes:
        """Return the appended data from byte `start`."""
        return b"".join(self.pieces(key, start))

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        """Yield the appended data from byte `start`, in pieces of at most `size` bytes."""
        end = 0  # appended data never changes, so chunks before `start` are skipped
        for chunk in sorted(self._below(key)["objects"], key=lambda entry: entry["path"]):
            begin, end = end, end + chunk["size"]
            for at in range(max(start, begin), end, size):
                yield bytes(self.part(chunk["path"], at - begin, min(at + size, end) - begin))

    def flush(self, *, now: bool = False) -> float | None:
        """Write the appended data that is due; return the seconds until the next write is due, if any."""
        return self._chunks.flush(now=now)


def _pieces(parts: Sequence[Buffer]) -> Iterator[bytes]:
    for part in parts:
        view = memoryview(part).cast("B")
        for at in range(0, len(view), PART):
            yield bytes(view[at : at + PART])


def _fetch(client: ObjectStore, key: str) -> bytes | None:
    """Return the bytes of an object, or None if the object is missing."""
    try:
        return bytes(obstore.get(client, key).bytes())
    except FileNotFoundError:
        return None


def _is_whole(client: ObjectStore, key: str, size: int) -> bool:
    try:
        return bool(obstore.head(client, key)["size"] == size)
    except FileNotFoundError:
        return False


def _fetched(client: ObjectStore, key: str) -> Iterator[bytes]:
    return (bytes(chunk) for chunk in obstore.get(client, key).stream(min_chunk_size=PART))
