"""Objects in an object store (S3, Google Cloud Storage, Azure Blob) through obstore.

Credentials and endpoint come from the environment, by the names that the providers' own tools read (AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, …). obstore retries what failed on the way (5xx, dropped connections, timeouts) with backoff.

A process that has used obstore must not fork: the child would hang. So nothing here touches obstore before the first
request, and a process that forks tasks makes none: it lets an `agent` do it (flowc_emulator), or forks first (the
in-pod entrypoint).
"""

from __future__ import annotations

import hashlib
import mmap
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from flowc_runtime import sweeps
from flowc_runtime.blobs import checked
from flowc_runtime.contract import POD
from flowc_runtime.errors import NotFound, StoreError
from flowc_runtime.objects import PIECE, Buffer, Listed, blob_key, sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowc_runtime.objects import Objects

SCHEMES = ("s3", "gs", "az")
PART = 16 << 20  # bytes of one part of a large blob: at most 10,000 of them, so 160 GB
COPY = 5 << 30  # bytes: what S3 copies in one request
FLUSH_BYTES = 1 << 20  # appended bytes that are sent at once
FLUSH_SECONDS = 1.0  # how long appended bytes may wait for more
# Who waits at a prompt is told soon; a task in a pod outlasts a store that is busy for a minute or two, as it is while
# two hundred pods start.
_RETRY = {"max_retries": 8, "retry_timeout": timedelta(seconds=60)}
_PATIENT_BACKOFF = {"init_backoff": timedelta(seconds=1), "base": 3, "max_backoff": timedelta(seconds=15)}
_PATIENT_RETRY = {"max_retries": 16, "retry_timeout": timedelta(seconds=240), "backoff": _PATIENT_BACKOFF}
_CLIENT = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(seconds=300)}


# In a process that will fork tasks: how the users' own code in it, which may ask the client, gets at a bucket.
asked_of: Callable[[str], Objects] | None = None


class RemoteObjects:
    """A prefix of a bucket."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client: Any = None
        self._pending: dict[str, tuple[float, bytearray]] = {}  # appended, not sent: (since when, bytes)
        self._sent: dict[str, int] = {}  # how many chunks of a key are in the store

    @property
    def _store(self) -> Any:
        if self._client is None:
            self._client = _connect(self.url)
        return self._client

    def get(self, key: str) -> bytes:
        import obstore

        try:
            return bytes(obstore.get(self._store, key).bytes())
        except Exception as error:
            self._fail(error, key)

    def put(self, key: str, data: bytes) -> None:
        import obstore

        try:
            obstore.put(self._store, key, data, use_multipart=False)
        except Exception as error:
            self._fail(error, key)

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            obstore.put(self._store, key, b"".join(parts), mode="create", use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        except Exception as error:
            self._fail(error, key)
        return True

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        digest = sha256(parts)
        key = blob_key(digest)
        size = sum(memoryview(part).nbytes for part in parts)
        if size > PART:
            if not self.refresh(key, size):  # of two that send it at once both send the same bytes
                self._send_large(key, _pieces(parts))
            return digest
        while not self.create(key, parts) and not self.refresh(key, size):
            if self.exists(key):  # with another size: damaged
                self.put(key, b"".join(parts))
                break
        return digest  # else it was there, and was collected since

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "") -> bytes:
        key = key or blob_key(digest)

        def fetch() -> tuple[bytes, str, int]:
            data = self.get(key)
            return data, sha256([data]), len(data)

        return checked(self, key, digest, size, fetch)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        key = key or blob_key(digest)

        def fetch() -> tuple[memoryview, str, int]:
            found = hashlib.sha256()
            view = self._fetch(key, found.update)
            return view, found.hexdigest(), len(view)

        return checked(self, key, digest, size, fetch)

    def _send_large(self, key: str, pieces: Iterable[bytes]) -> None:
        import obstore

        try:
            obstore.put(self._store, key, pieces, chunk_size=PART, max_concurrency=4)
        except Exception as error:
            self._fail(error, key)

    def map(self, key: str) -> memoryview:
        return self._fetch(key, lambda _: None)

    def _fetch(self, key: str, look: Callable[[Buffer], None]) -> memoryview:
        """Fetch into an unnamed file first: the memory is the page cache's, as it is for a local store.

        `look` is called with each piece.
        """
        import tempfile

        import obstore

        try:
            answer = obstore.get(self._store, key)
            if not answer.meta["size"]:
                return memoryview(bytearray())
            with tempfile.TemporaryFile() as file:
                for chunk in answer.stream(min_chunk_size=PART):
                    piece = memoryview(chunk)
                    look(piece)
                    file.write(piece)
                file.flush()
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        except Exception as error:
            self._fail(error, key)

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes as they come. Raises NotFound."""
        import obstore

        try:
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=PIECE):
                yield bytes(chunk)
        except Exception as error:
            self._fail(error, key)

    def exists(self, key: str, size: int | None = None) -> bool:
        import obstore

        try:
            found = obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        except Exception as error:
            self._fail(error, key)
        return size in (None, found["size"])

    def move(self, key: str, to: str) -> None:
        import obstore

        try:
            if obstore.head(self._store, key)["size"] > COPY:
                self._send_again(key, to)
            else:
                obstore.copy(self._store, key, to)
        except Exception as error:
            self._fail(error, key)
        self.delete(key)

    def refresh(self, key: str, size: int | None = None) -> bool:
        import obstore

        try:
            found = obstore.head(self._store, key)
            if size not in (None, found["size"]):
                return False
            if time.time() - found["last_modified"].timestamp() < sweeps.REFRESH:
                return True
            self._write_again(key, found["size"])
        except FileNotFoundError:
            return False
        except Exception as error:
            self._fail(error, key)
        sweeps.wait(self)
        return self.exists(key)

    def _write_again(self, key: str, size: int) -> None:
        """Nothing but a new write makes an object young, and none may be copied onto itself."""
        import obstore

        if size > COPY:
            self._send_again(key, key)
            return
        aside = f"tmp/{os.urandom(8).hex()}"
        obstore.copy(self._store, key, aside)
        obstore.copy(self._store, aside, key)
        self.delete(aside)

    def _send_again(self, key: str, to: str) -> None:
        import obstore

        answer = obstore.get(self._store, key)
        self._send_large(to, (bytes(chunk) for chunk in answer.stream(min_chunk_size=PART)))

    def listing(self, prefix: str) -> list[Listed]:
        import obstore

        at = len(prefix) + 1
        try:
            return [
                Listed(entry["path"][at:], entry["size"], entry["last_modified"].timestamp())
                for page in obstore.list(self._store, f"{prefix}/")
                for entry in page
            ]
        except Exception as error:
            self._fail(error, prefix)

    def delete_many(self, keys: Sequence[str]) -> None:
        import obstore

        try:
            obstore.delete(self._store, list(keys))
        except FileNotFoundError:  # Azure and a directory say so, where S3 does not: one by one
            for key in keys:
                self.delete(key)
        except Exception as error:
            self._fail(error, keys[0])

    def delete_below(self, prefix: str, last: Sequence[str] = ()) -> None:
        names = [name for name in self.names_below(prefix) if name not in last]
        keys = [f"{prefix}/{name}" for name in names]
        for at in range(0, len(keys), 1000):
            self.delete_many(keys[at : at + 1000])
        for name in last:
            self.delete(f"{prefix}/{name}")

    def names(self, prefix: str) -> list[str]:
        import obstore

        try:
            found = obstore.list_with_delimiter(self._store, f"{prefix}/" if prefix else None)
        except Exception as error:
            self._fail(error, prefix)
        at = len(prefix) + 1 if prefix else 0
        deeper = [f"{name[at:].rstrip('/')}/" for name in found["common_prefixes"]]
        return sorted([*deeper, *(entry["path"][at:] for entry in found["objects"])])

    def names_below(self, prefix: str) -> list[str]:
        import obstore

        at = len(prefix) + 1
        try:
            pages = obstore.list(self._store, f"{prefix}/")
            return sorted(entry["path"][at:] for page in pages for entry in page)
        except Exception as error:
            self._fail(error, prefix)

    def delete(self, key: str) -> None:
        import obstore

        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return
        except Exception as error:
            self._fail(error, key)

    # -- an object that grows is a row of chunks

    def append(self, key: str, data: bytes) -> None:
        _, waiting = self._pending.setdefault(key, (time.monotonic(), bytearray()))
        waiting += data
        if len(waiting) >= FLUSH_BYTES:
            self._send(key)

    def appended(self, key: str, start: int = 0) -> bytes:
        return b"".join(self.pieces(key, start))

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        import obstore

        try:
            found = obstore.list_with_delimiter(self._store, f"{key}/")["objects"]
        except Exception as error:
            self._fail(error, key)
        end = 0  # what has been appended stays as it is, so chunks before `start` need not be fetched
        for chunk in sorted(found, key=lambda entry: entry["path"]):
            begin, end = end, end + chunk["size"]
            for at in range(max(start, begin), end, size):
                try:
                    part = obstore.get_range(
                        self._store, chunk["path"], start=at - begin, end=min(at + size, end) - begin
                    )
                except Exception as error:
                    self._fail(error, key)
                yield bytes(part)

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

    def _fail(self, error: Exception, key: str) -> NoReturn:
        """Say in one line what the store refused, and what to look at."""
        from obstore import exceptions

        text = str(error)
        denied = isinstance(error, exceptions.UnauthenticatedError | exceptions.PermissionDeniedError)
        if denied or any(word in text for word in _DENIED):
            raise StoreError(
                f"{self.url} refuses these credentials ({_reason(text)}); look at AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL, or what your provider's tools read"
            ) from error
        if "NoSuchBucket" in text:
            raise StoreError(f"the bucket of {self.url} does not exist: create it or name another") from error
        if isinstance(error, FileNotFoundError):  # obstore's own NotFoundError is not raised for a missing object
            raise NotFound(f"no {key} in {self.url}") from error
        raise StoreError(f"cannot reach {self.url}: {_reason(text)}") from error


_DENIED = (
    "InvalidAccessKeyId",
    "XAdminUserNotFound",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "403 Forbidden",
    "401 Unauthorized",
)


def _reason(text: str) -> str:
    """The part of obstore's message that a person needs: it goes on with the debug form of every layer."""
    import re

    if code := re.search(r"<Code>(\w+)</Code>(?:.*?<Message>(.*?)</Message>)?", text, re.DOTALL):
        return ": ".join(part for part in code.groups() if part)
    return text.partition("Debug source")[0].strip().splitlines()[0][:300] if text.strip() else "no reason given"


def _pieces(parts: Sequence[Buffer]) -> Iterator[bytes]:
    for part in parts:
        view = memoryview(part).cast("B")
        for at in range(0, len(view), PART):
            yield bytes(view[at : at + PART])


def _says_http() -> bool:
    """Whether the endpoint that the environment names is plain http: whoever writes that means it."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or ""
    return endpoint.startswith("http://") or os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")


def _take_endpoint() -> None:
    """METAFLOW_S3_ENDPOINT_URL is the endpoint where the AWS variables name none."""
    from flowc_runtime import settings

    endpoint = settings.get("S3_ENDPOINT_URL")
    if endpoint and not (os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT")):
        os.environ["AWS_ENDPOINT_URL"] = endpoint


def _connect(url: str) -> Any:
    try:
        from obstore.store import from_url
    except ModuleNotFoundError as error:
        raise StoreError(f"the store {url} needs obstore: pip install 'flowc[s3]'") from error
    try:
        _take_endpoint()
        options = _CLIENT | {"allow_http": _says_http()}
        retry = _PATIENT_RETRY if POD in os.environ else _RETRY
        return from_url(url, retry_config=retry, client_options=options)  # type: ignore[call-overload]
    except Exception as error:
        raise StoreError(f"cannot open the store {url}: {_reason(str(error))}") from error
