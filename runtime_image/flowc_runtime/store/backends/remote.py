"""Objects in an object store (S3, Google Cloud Storage, Azure Blob) through obstore.

Credentials and endpoint come from the environment, by the names that the providers' own tools read (AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, …). What failed on the way (5xx, dropped connections, timeouts) is asked for again: `asking`.

A process that has used obstore must not fork: the child would hang. So nothing here touches obstore before the first
request, and a process that forks tasks makes none: it lets an `agent` do it (flowc_emulator), or forks first (the
in-pod entrypoint).
"""

from __future__ import annotations

import hashlib
import mmap
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

from flowc_runtime.base.errors import NotFound, StoreError
from flowc_runtime.base.late import LateModule
from flowc_runtime.store.backends import sweeps
from flowc_runtime.store.backends.asking import Asker
from flowc_runtime.store.backends.blobs import checked
from flowc_runtime.store.backends.creating import creation
from flowc_runtime.store.backends.objects import PIECE, Buffer, Listed, blob_key, sha256, size_of
from flowc_runtime.store.backends.remote_errors import Lost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import obstore

    from flowc_runtime.store.backends.objects import Objects

    T = TypeVar("T")
else:
    obstore = LateModule("obstore")  # an extra; a process that has used it must not fork

SCHEMES = ("s3", "gs", "az")
LARGE = 1 << 17  # bytes: from here on sending takes long enough to be watched
PART = 16 << 20  # bytes of one part of a large blob: at most 10,000 of them, so 160 GB
COPY = 5 << 30  # bytes: what S3 copies in one request
FLUSH_BYTES = 1 << 20  # appended bytes that are sent at once
FLUSH_SECONDS = 1.0  # how long appended bytes may wait for more
_CONFLICTS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds between attempts to create what is there and is not


# In a process that will fork tasks: how the users' own code in it, which may ask the client, gets at a bucket.
asked_of: Callable[[str], Objects] | None = None


class RemoteObjects:
    """A prefix of a bucket."""

    def __init__(self, url: str, asker: Asker | None = None) -> None:
        self.url = url.rstrip("/")
        self._asker = asker or Asker(self.url)
        self._pending: dict[str, tuple[float, bytearray]] = {}  # appended, not sent: (since when, bytes)
        self._sent: dict[str, int] = {}  # how many chunks of a key are in the store

    def get(self, key: str) -> bytes:
        def request(client: Any) -> bytes:
            return bytes(obstore.get(client, key).bytes())

        return self._asker.ask(request, key)

    def put(self, key: str, data: bytes) -> None:
        def request(client: Any) -> None:
            obstore.put(client, key, data, use_multipart=False)

        self._write(request, key, len(data))

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create. False if there is an object with other bytes: one with these was written by this very call.

        An answer may be lost, and a repeated request then meets its own object. Each record has in it who wrote it and
        when, so no other writer's has the same bytes.
        """
        data = b"".join(parts)
        for pause in _CONFLICTS:
            if self._create(key, data):
                return True
            try:
                return self.get(key) == data
            except NotFound:  # it was deleted since, or another writer was at it and did not end well
                time.sleep(pause)
        raise StoreError(f"cannot create {key} in {self.url}: the store says that it is there, and that it is not")

    def _create(self, key: str, data: bytes) -> bool:
        """Create; False if an object was there, or another is being made."""

        def put(client: Any) -> None:
            obstore.put(client, key, data, mode="create", use_multipart=False)

        def same(client: Any) -> bool | None:
            there = _fetch(client, key)
            return None if there is None else there == data

        return self._write(creation(put, same, lambda _: False), key, len(data))

    def _write(self, request: Callable[[Any], T], key: str, size: int) -> T:
        return self._asker.ask(request, key) if size <= LARGE else self._asker.send(request, key, size)

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        digest = sha256(parts)
        key = blob_key(digest)
        size = size_of(parts)
        if size > PART:
            if not self.refresh(key, size):  # of two that send it at once both send the same bytes
                self._send_large(key, lambda _: _pieces(parts), size)
            return digest
        data = b"".join(parts)
        while not self._create(key, data) and not self.refresh(key, size):
            if self.exists(key):  # with another size: damaged
                self.put(key, data)
                break
            time.sleep(_CONFLICTS[0])
        return digest  # else it was there, and was collected since

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        if once:  # of any size: in parts
            return bytes(self.map_blob(digest, size, key=key))
        key = key or blob_key(digest)

        def fetch() -> tuple[bytes, str, int]:
            data = self.get(key)
            return data, sha256([data]), len(data)

        return checked(self, key, digest, size, fetch)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        key = key or blob_key(digest)

        def fetch() -> tuple[memoryview, str, int]:
            view, found = self._fetch(key)
            return view, found, len(view)

        return checked(self, key, digest, size, fetch)

    def _send_large(self, key: str, pieces: Callable[[Any], Iterable[bytes]], size: int) -> None:
        def request(client: Any) -> None:
            try:
                obstore.put(client, key, pieces(client), chunk_size=PART, max_concurrency=4)
            except FileNotFoundError as error:
                if "NoSuchUpload" not in str(error):
                    raise
                # The answer to the request that completes it was lost, and obstore made that request once more.
                if not _is_whole(client, key, size):
                    raise Lost("the upload was lost") from error

        self._asker.send(request, key, size)

    def map(self, key: str) -> memoryview:
        return self._fetch(key)[0]

    def _fetch(self, key: str) -> tuple[memoryview, str]:
        """Fetch into an unnamed file first: the memory is the page cache's, as it is for a local store. Its digest."""

        def request(client: Any) -> tuple[memoryview, str]:
            import tempfile

            digest = hashlib.sha256()
            answer = obstore.get(client, key)
            if not answer.meta["size"]:
                return memoryview(bytearray()), digest.hexdigest()
            with tempfile.TemporaryFile() as file:
                for chunk in answer.stream(min_chunk_size=PART):
                    piece = memoryview(chunk)
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)), digest.hexdigest()

        return self._asker.ask(request, key)

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes, in pieces; a small one takes one request. Raises NotFound."""

        def request(client: Any) -> tuple[int, bytes | None]:
            answer = obstore.get(client, key)
            size = answer.meta["size"]
            return size, bytes(answer.bytes()) if size <= PART else None

        size, whole = self._asker.ask(request, key)
        if whole is not None:
            yield whole
            return
        for at in range(0, size, PART):
            yield self._part(key, at, min(at + PART, size))

    def exists(self, key: str, size: int | None = None) -> bool:
        found = self._head(key)
        return found is not None and size in (None, found["size"])

    def _head(self, key: str) -> Any:
        """What the store knows of an object; None if there is none."""

        def request(client: Any) -> Any:
            try:
                return obstore.head(client, key)
            except FileNotFoundError:
                return None

        return self._asker.ask(request, key)

    def move(self, key: str, to: str) -> None:
        found = self._head(key)
        if found is None:
            raise NotFound(f"no {key} in {self.url}")
        if found["size"] > COPY:
            self._send_large(to, lambda client: _fetched(client, key), found["size"])
        else:
            self._copy(key, to)
        self.delete(key)

    def refresh(self, key: str, size: int | None = None) -> bool:
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
        """Nothing but a new write makes an object young, and none may be copied onto itself."""
        if size > COPY:
            self._send_large(key, lambda client: _fetched(client, key), size)
            return
        aside = f"tmp/{os.urandom(8).hex()}"
        self._copy(key, aside)
        self._copy(aside, key)
        self.delete(aside)

    def _copy(self, source: str, target: str) -> None:
        def request(client: Any) -> None:
            obstore.copy(client, source, target)

        self._asker.send(request, source, COPY)  # the store may take long over it

    def listing(self, prefix: str) -> list[Listed]:
        at = len(prefix) + 1
        return [
            Listed(entry["path"][at:], entry["size"], entry["last_modified"].timestamp())
            for entry in self._entries(prefix)
        ]

    def _entries(self, prefix: str) -> list[Any]:
        """All objects under a prefix, in the order of their names. What was listed before a fault is kept."""
        found: list[Any] = []

        def request(client: Any) -> None:
            for page in obstore.list(client, f"{prefix}/", offset=found[-1]["path"] if found else None):
                found.extend(page)

        self._asker.ask(request, prefix)
        return found

    def delete_many(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        try:
            self._delete(list(keys), keys[0])
        except NotFound:  # Azure and a directory say so, where S3 does not: one by one
            for key in keys:
                self.delete(key)

    def delete_below(self, prefix: str, last: Sequence[str] = ()) -> None:
        names = [name for name in self.names_below(prefix) if name not in last]
        keys = [f"{prefix}/{name}" for name in names]
        for at in range(0, len(keys), 1000):
            self.delete_many(keys[at : at + 1000])
        for name in last:
            self.delete(f"{prefix}/{name}")

    def names(self, prefix: str) -> list[str]:
        found = self._below(prefix)
        at = len(prefix) + 1 if prefix else 0
        deeper = [f"{name[at:].rstrip('/')}/" for name in found["common_prefixes"]]
        return sorted([*deeper, *(entry["path"][at:] for entry in found["objects"])])

    def _below(self, prefix: str) -> Any:
        """What is directly under a prefix."""

        def request(client: Any) -> Any:
            return obstore.list_with_delimiter(client, f"{prefix}/" if prefix else None)

        return self._asker.ask(request, prefix)

    def names_below(self, prefix: str) -> list[str]:
        at = len(prefix) + 1
        return sorted(entry["path"][at:] for entry in self._entries(prefix))

    def delete(self, key: str) -> None:
        try:
            self._delete(key, key)
        except NotFound:
            return

    def _delete(self, paths: str | list[str], key: str) -> None:
        def request(client: Any) -> None:
            obstore.delete(client, paths)

        self._asker.ask(request, key)

    # -- an object that grows is a row of chunks

    def append(self, key: str, data: bytes) -> None:
        _, waiting = self._pending.setdefault(key, (time.monotonic(), bytearray()))
        waiting += data
        if len(waiting) >= FLUSH_BYTES:
            self._send(key)

    def appended(self, key: str, start: int = 0) -> bytes:
        return b"".join(self.pieces(key, start))

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        end = 0  # what has been appended stays as it is, so chunks before `start` need not be fetched
        for chunk in sorted(self._below(key)["objects"], key=lambda entry: entry["path"]):
            begin, end = end, end + chunk["size"]
            for at in range(max(start, begin), end, size):
                yield self._part(chunk["path"], at - begin, min(at + size, end) - begin)

    def _part(self, key: str, start: int, end: int) -> bytes:
        def request(client: Any) -> bytes:
            return bytes(obstore.get_range(client, key, start=start, end=end))

        return self._asker.ask(request, key)

    def flush(self, *, now: bool = False) -> float | None:
        for key, (since, _) in list(self._pending.items()):
            if now or time.monotonic() - since >= FLUSH_SECONDS:
                self._send(key)
        if not self._pending:
            return None
        return max(0.0, min(since for since, _ in self._pending.values()) + FLUSH_SECONDS - time.monotonic())

    def _send(self, key: str) -> None:
        _, waiting = self._pending.pop(key)
        number = self._sent[key] = self._sent.get(key, 0) + 1
        self.put(f"{key}/{number:08}", bytes(waiting))


def _pieces(parts: Sequence[Buffer]) -> Iterator[bytes]:
    for part in parts:
        view = memoryview(part).cast("B")
        for at in range(0, len(view), PART):
            yield bytes(view[at : at + PART])


def _fetch(client: Any, key: str) -> bytes | None:
    """The bytes of an object; None if there is none."""
    try:
        return bytes(obstore.get(client, key).bytes())
    except FileNotFoundError:
        return None


def _is_whole(client: Any, key: str, size: int) -> bool:
    try:
        return bool(obstore.head(client, key)["size"] == size)
    except FileNotFoundError:
        return False


def _fetched(client: Any, key: str) -> Iterator[bytes]:
    return (bytes(chunk) for chunk in obstore.get(client, key).stream(min_chunk_size=PART))
