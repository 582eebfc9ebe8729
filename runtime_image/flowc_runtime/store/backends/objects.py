"""Bytes under keys: the few operations that a store needs of a directory or an object store.

Keys are relative, with forward slashes. Whatever is killed when, a reader sees an object whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import shutil
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flowc_runtime.base.errors import NotFound, RecordError, StoreError
from flowc_runtime.base.file_parts import FileParts
from flowc_runtime.base.ignored import make_root
from flowc_runtime.store.backends import marks, sweeps
from flowc_runtime.store.backends.blobs import checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Buffer = bytes | bytearray | memoryview
PIECE = 1 << 20  # bytes that are read at once of what may be of any size
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})  # there is no such object
OVERLAP = 1 << 22  # bytes: from here on a blob is hashed by a second thread while it is written


class Listed(NamedTuple):
    """One object of a listing: its key below the prefix, its bytes, and when it was written or refreshed."""

    name: str
    size: int
    changed: float


class Objects(Protocol):
    """What a backend offers."""

    url: str

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Create or replace, atomically."""
        ...

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create, atomically, from the parts one after the other; False, and nothing written, if the key exists."""
        ...

    def map(self, key: str) -> memoryview:
        """The object's bytes as private, writable memory that costs nothing until it is touched. Raises NotFound."""
        ...

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        """Store the parts one after the other under the sha256 (hex) of them all, once; gives the digest.

        A blob that is there counts if it has the right size: an empty one that a crash left is stored anew.
        """
        ...

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        """The bytes whose sha256 (hex) is `digest`, of the blob or of another object at `key`; `size` only for errors.

        `once`: of a directory, hashed once on a machine (`flowc_runtime.store.backends.marks`).

        Raises:
            Damaged: the store has other bytes there, which are moved aside (`flowc_runtime.store.backends.blobs`).
            NotFound: there is no such object.
        """
        ...

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        """As `read_blob` with `once`, mapped as by `map`."""
        ...

    def exists(self, key: str, size: int | None = None) -> bool:
        """Whether there is such an object, of this size if one is given."""
        ...

    def refresh(self, key: str, size: int | None = None) -> bool:
        """Like `exists`, and make the object too young to be collected."""
        ...

    def append(self, key: str, data: bytes) -> None:
        """Add to the end, now or with the next flush; a reader sees a prefix of all that was appended."""
        ...

    def appended(self, key: str, start: int = 0) -> bytes:
        """All that was appended so far, from byte `start` on. Raises NotFound, or gives nothing, where nothing was."""
        ...

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        """What `appended` gives, in pieces of at most `size` bytes, each read when it is asked for."""
        ...

    def flush(self, *, now: bool = False) -> float | None:
        """Send what was appended and has waited long enough, or all; the seconds until the next is due, if any."""
        ...

    def names(self, prefix: str) -> list[str]:
        """What is directly under a prefix, sorted; a name that holds further ones ends with a slash."""
        ...

    def names_below(self, prefix: str) -> list[str]:
        """The keys under a prefix, however deep, without the prefix, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        ...


class Collectable(Objects, Protocol):
    """What a collection of garbage needs besides, and whoever moves damaged objects aside."""

    def listing(self, prefix: str) -> list[Listed]:
        """All objects under a prefix, however deep."""
        ...

    def move(self, key: str, to: str) -> None:
        """Give an object another key, in place of what has it. Raises NotFound, StoreError."""
        ...

    def delete_many(self, keys: Sequence[str]) -> None:
        """Remove the objects that are there; at most a thousand."""
        ...

    def delete_below(self, prefix: str, last: Sequence[str] = ()) -> None:
        """Remove all objects under a prefix; whoever is interrupted has left those named in `last`."""
        ...


class LocalObjects:
    """A directory. Temporary names live in `tmp/` beside the objects, so that a rename never crosses file systems."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.abspath(root)
        self.url = f"file://{self.root}"
        self._made: set[str] = set()

    def get(self, key: str) -> bytes:
        with self._reading(key), open(self._path(key), "rb") as file:
            return file.read()

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        key = key or blob_key(digest)

        def fetch() -> tuple[bytes, str, int]:
            with self._reading(key), open(self._path(key), "rb", buffering=0) as file:
                found = marks.digest_of(file.fileno(), digest) if once else ""
                file.seek(0)
                data = file.read()
            return data, found or sha256([data]), len(data)

        return checked(self, key, digest, size, fetch)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        key = key or blob_key(digest)
        return checked(self, key, digest, size, lambda: self._map(key, digest))

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        """What is not there is NotFound; a directory that is not ours is told in a line."""
        try:
            yield
        except OSError as error:
            if error.errno in _ABSENT:
                raise NotFound(f"no {key} in {self.url}") from None
            raise RecordError(f"cannot read {key} in {self.url}: {error.strerror}", key) from error

    def put(self, key: str, data: bytes) -> None:
        self.replace(key, [data])

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        if os.path.exists(self._path(key)):  # spares writing what is there; the link below decides
            return False
        with self._writing():
            return self._link(self._write(parts), key)

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        size = size_of(parts)
        if size < OVERLAP:
            digest = sha256(parts)
            created = self.create(blob_key(digest), parts)
        else:
            digest, created = self._create_large(parts)
        key = blob_key(digest)
        while not created and not self.refresh(key, size):
            if self._size(key) not in (None, size):  # cut by a crash, as the loss of power leaves it
                self.replace(key, parts)
                break
            created = self.create(key, parts)  # it was collected since
        return digest

    def _create_large(self, parts: Sequence[Buffer]) -> tuple[str, bool]:
        # Hashing and writing both let go of the interpreter: together they take as long as the slower one.
        digests: list[str] = []

        def hash_parts() -> None:
            with contextlib.suppress(StoreError):  # parts that cannot be read: told below
                digests.append(sha256(parts))

        hashing = threading.Thread(target=hash_parts)
        hashing.start()
        with self._writing():
            try:
                temporary = self._write(parts)
            finally:
                hashing.join()
            if not digests:
                os.unlink(temporary)
                digests.append(sha256(parts))
                temporary = self._write(parts)
            return digests[0], self._link(temporary, blob_key(digests[0]))

    def refresh(self, key: str, size: int | None = None) -> bool:
        path = self._path(key)
        try:
            with self._reading(key):
                status = os.stat(path)
            if size not in (None, status.st_size):
                return False
            if time.time() - status.st_mtime < sweeps.REFRESH:
                return True
            self._make_young(key, path)
        except (FileNotFoundError, NotFound):
            return False
        sweeps.wait(self)
        return os.path.exists(path)

    def _make_young(self, key: str, path: str) -> None:
        try:
            os.utime(path)
        except FileNotFoundError:
            raise
        except PermissionError:  # another user's, in a store that several share: the directory lets us replace it
            with self._writing():
                os.replace(self._write([self._map(key)[0]]), path)
        except OSError as error:  # a store that can only be read
            raise self._cannot_write(error) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A full disk or a directory that is not ours is told in a line."""
        try:
            yield
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> StoreError:
        return StoreError(f"cannot write to the store {self.url}: {_why(error)}")

    def _link(self, temporary: str, key: str) -> bool:
        try:
            os.link(temporary, self._parent(key))
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)
        return True

    def map(self, key: str) -> memoryview:
        return self._map(key)[0]

    def _map(self, key: str, expected: str | None = None) -> tuple[memoryview, str, int]:
        """The object's bytes, their digest if one is expected, and how many there are."""
        with self._reading(key), open(self._path(key), "rb", buffering=0) as file:
            found, size = "", os.fstat(file.fileno()).st_size
            if expected is not None:
                found = marks.digest_of(file.fileno(), expected)
            if not size:  # which mmap refuses
                return memoryview(bytearray()), found, 0
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)), found, size

    def move(self, key: str, to: str) -> None:
        with self._writing():
            target = self._parent(to)
        try:
            os.replace(self._path(key), target)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"no {key} in {self.url}") from None
        except OSError as error:
            raise StoreError(f"cannot move {key} in {self.url}: {error.strerror}") from error

    def exists(self, key: str, size: int | None = None) -> bool:
        return os.path.isfile(self._path(key)) if size is None else self._size(key) == size

    def _size(self, key: str) -> int | None:
        """The bytes of an object that is here."""
        try:
            return os.stat(self._path(key)).st_size
        except OSError:
            return None

    def append(self, key: str, data: bytes) -> None:
        with self._writing():
            descriptor = os.open(self._parent(key), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    _write_all(descriptor, [data])
                except OSError:
                    os.ftruncate(descriptor, before)  # a key has one writer: nothing else stands after it
                    raise
            finally:
                os.close(descriptor)

    def appended(self, key: str, start: int = 0) -> bytes:
        if not start:
            return self.get(key)
        with self._reading(key), open(self._path(key), "rb") as file:
            file.seek(start)
            return file.read()

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        while True:  # opened for each piece: whoever merges thousands of logs holds none of them open
            with self._reading(key), open(self._path(key), "rb") as file:
                file.seek(start)
                piece = file.read(size)
            if not piece:
                return
            start += len(piece)
            yield piece

    def replace(self, key: str, parts: Iterable[Buffer]) -> None:
        """As `put`, from parts that are made one after the other."""
        with self._writing():
            os.replace(self._write(parts), self._parent(key))

    def flush(self, *, now: bool = False) -> float | None:
        return None

    def names(self, prefix: str) -> list[str]:
        try:
            with self._reading(prefix), os.scandir(self._path(prefix)) as entries:
                return sorted(entry.name + "/" if entry.is_dir() else entry.name for entry in entries)
        except NotFound:
            return []

    def names_below(self, prefix: str) -> list[str]:
        at = len(self._path(prefix)) + 1
        return sorted(f"{directory}/{name}"[at:] for directory, files in self._walk(prefix) for name in files)

    def _walk(self, prefix: str) -> Iterator[tuple[str, list[str]]]:
        """Each directory under a prefix, and the files in it. Raises StoreError: a collection must not overlook any."""

        def failed(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError | NotADirectoryError):  # none yet, or deleted since
                raise StoreError(f"cannot read {prefix} in {self.url}: {error.strerror}") from error

        for directory, _, files in os.walk(self._path(prefix), onerror=failed):
            yield directory, files

    def delete(self, key: str) -> None:
        with self._deleting(key), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(self._path(key))

    @contextmanager
    def _deleting(self, key: str) -> Iterator[None]:
        """A store that can only be read is told in a line."""
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot delete {key} in {self.url}: {error.strerror}") from error

    def listing(self, prefix: str) -> list[Listed]:
        top = self._path(prefix)
        found = []
        for directory, files in self._walk(prefix):
            for name in files:
                path = f"{directory}/{name}"
                with contextlib.suppress(NotFound), self._reading(path[len(self.root) + 1 :]):  # deleted since
                    status = os.stat(path)
                    found.append(Listed(path[len(top) + 1 :], status.st_size, status.st_mtime))
        return found

    def delete_many(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.delete(key)

    def delete_below(self, prefix: str, last: Sequence[str] = ()) -> None:
        aside = f"{self.root}/tmp/{os.getpid()}-{os.urandom(6).hex()}"
        with self._deleting(prefix):
            self._make(f"{self.root}/tmp")
            try:
                os.rename(self._path(prefix), aside)  # the rename hides all objects at once
            except FileNotFoundError:
                return
            while os.path.isdir(aside):
                with contextlib.suppress(FileNotFoundError):  # a collection beside this one takes it for left behind
                    shutil.rmtree(aside)

    def _path(self, key: str) -> str:
        if ".." in key.split("/") or key.startswith("/"):
            raise StoreError(f"not a key: {key!r}")
        return f"{self.root}/{key}"

    def _parent(self, key: str) -> str:
        """The path of a key whose directory exists: made at most once each."""
        path = self._path(key)
        self._make(path.rpartition("/")[0])
        return path

    def _make(self, directory: str) -> None:
        if directory not in self._made:
            if not self._made:
                make_root(self.root)
            os.makedirs(directory, exist_ok=True)
            self._made.add(directory)

    def _write(self, parts: Iterable[Buffer]) -> str:
        self._make(f"{self.root}/tmp")
        path = f"{self.root}/tmp/{os.getpid()}-{os.urandom(6).hex()}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            _write_all(descriptor, parts)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(descriptor)
        return path


def _why(error: OSError) -> str:
    """Why something cannot be written; which name, where one is too long for a file system."""
    why = error.strerror or str(error)
    if error.filename2 is not None and error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
        return f"{why}: its file system has no hard links, by which the store makes each object once"
    if error.errno != errno.ENAMETOOLONG or not isinstance(error.filename, str):
        return why
    name = max(os.fsencode(error.filename2 or error.filename).split(b"/"), key=len)
    return f"{why}: '{name[:60].decode(errors='replace')}…' has {len(name)} bytes, 255 is the most"


def _write_all(descriptor: int, parts: Iterable[Buffer]) -> None:
    for part in parts:
        view = memoryview(part).cast("B")
        while view:  # one write moves at most 2 GiB, and less on a full disk's last blocks
            view = view[os.write(descriptor, view) :]


def blob_key(digest: str) -> str:
    """Where the blob of a digest (hex) is."""
    return f"blobs/{digest[:2]}/{digest}"


def sha256(parts: Iterable[Buffer]) -> str:
    """The digest of the parts one after the other, hex."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def size_of(parts: Sequence[Buffer]) -> int:
    """The bytes of all parts; a file is not read for that."""
    return parts.nbytes if isinstance(parts, FileParts) else sum(memoryview(part).nbytes for part in parts)
