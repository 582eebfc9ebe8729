"""A store in a directory: each object is a file, which is written under `tmp/` and then linked or renamed."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc_ir.late import LateModule
from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import NotFound, RecordError, StoreError
from flowc_runtime.base.ignored import make_root
from flowc_runtime.store.backends import marks, sweeps
from flowc_runtime.store.backends.blobs import checked
from flowc_runtime.store.backends.objects import PIECE, Listed, blob_key, size_of

if TYPE_CHECKING:
    import shutil
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO, TypeVar

    from flowc_runtime.store.backends.objects import AgentProcess, Buffer, EndedListing

    T = TypeVar("T")

else:  # imported at first use, because the import costs start-up time
    shutil, threading = LateModule("shutil"), LateModule("threading")

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})  # Errors of a missing object.
_RECORD_SIZE = 1 << 16  # The number of bytes that the first read requests: enough for most records.
OVERLAP = 1 << 22  # A blob of at least this size, in bytes, is hashed by a second thread while it is written.


class LocalObjects:
    """A store in a directory. Temporary files are in its `tmp/`, so that they can be renamed within one file system."""

    ended_listing: EndedListing | None = None
    agent_process: AgentProcess | None = None

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.abspath(root)
        self.url = f"file://{self.root}"
        self._made: set[str] = set()

    def get(self, key: str) -> bytes:
        """Return the object's bytes. Raises NotFound, StoreError."""
        with self._reading(key):
            return _read_file(self._path(key))

    def read_blob(self, digest: str, size: int | None = None, *, key: str = "", once: bool = False) -> bytes:
        """Return the checked bytes of a blob; see `Objects.read_blob`. Raises Damaged, NotFound."""
        key = key or blob_key(digest)

        def fetch() -> tuple[bytes, str, int]:
            with self._reading(key), open(self._path(key), "rb", buffering=0) as file:
                found = marks.digest_of(file.fileno(), digest) if once else ""
                file.seek(0)
                data = file.read()
            return data, found or sha256([data]), len(data)

        return checked(self, key, digest, size, fetch)

    def map_blob(self, digest: str, size: int | None = None, *, key: str = "") -> memoryview:
        """Map the checked bytes of a blob; see `Objects.map_blob`. Raises Damaged, NotFound."""
        key = key or blob_key(digest)
        return checked(self, key, digest, size, lambda: self._map(key, digest))

    def open_blob(self, digest: str, size: int | None = None) -> BinaryIO:
        """Open the checked bytes of a blob; see `Objects.open_blob`. Raises Damaged, NotFound."""
        key = blob_key(digest)

        def fetch() -> tuple[BinaryIO, str, int]:
            with self._reading(key), contextlib.ExitStack() as opened:
                file = opened.enter_context(open(self._path(key), "rb"))
                if (found := marks.digest_of(file.fileno(), digest)) == digest:
                    opened.pop_all()  # keep the file open: the caller closes it
                file_size = os.fstat(file.fileno()).st_size
                file.seek(0)
                return file, found, file_size

        return checked(self, key, digest, size, fetch)

    def read_with(self, digest: str, size: int, read: Callable[[BinaryIO], T]) -> T:
        """Return the result of `read` for a blob, whose digest is computed at the same time; see `Objects.read_with`.
        Raises Damaged, NotFound."""
        if size < OVERLAP:
            with self.open_blob(digest, size) as file:
                return read(file)
        key = blob_key(digest)

        def fetch() -> tuple[T, str, int]:
            with self._reading(key), open(self._path(key), "rb") as file, open(self._path(key), "rb") as hashed:
                with _beside(lambda: marks.digest_of(hashed.fileno(), digest)) as found:
                    result = read(file)
                status = os.fstat(hashed.fileno())
                same = os.path.sameopenfile(file.fileno(), hashed.fileno())  # else a damaged blob was just replaced
                return result, found() if same else "", status.st_size

        return checked(self, key, digest, size, fetch)

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        """A context manager for code that reads an object: an OSError becomes NotFound if the object is missing, and
        otherwise RecordError."""
        try:
            yield
        except OSError as error:
            if error.errno in _ABSENT:
                raise NotFound(f"no {key} in {self.url}") from None
            raise RecordError(f"cannot read {key} in {self.url}: {error.strerror}", key) from error

    def put(self, key: str, data: bytes) -> None:
        """Create or replace an object. Raises StoreError."""
        self.replace(key, [data])

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create an object; return False, without writing, if the key exists. Raises StoreError."""
        if os.path.exists(self._path(key)):  # this check only avoids a write; the link below is the actual check
            return False
        try:
            return self._link(self._write(parts), key)
        except OSError as error:
            raise self._cannot_write(error) from error

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        """Store the joined parts as a blob, unless the blob exists; return its sha256 in hex. Raises StoreError."""
        size = size_of(parts)
        if size < OVERLAP:
            digest = sha256(parts)
            created = self.create(blob_key(digest), parts)
        else:
            digest, created = self._create_large(parts)
        key = blob_key(digest)
        while not created and not self.refresh(key, size):
            if self._size(key) not in (None, size):  # the existing file was truncated by a crash
                self.replace(key, parts)
                break
            created = self.create(key, parts)  # garbage collection has deleted the blob meanwhile
        return digest

    def _create_large(self, parts: Sequence[Buffer]) -> tuple[str, bool]:
        with self._writing():
            with _beside(lambda: sha256(parts)) as computed:
                temporary = self._write(parts)
            try:
                digest = computed()
            except StoreError:  # a part cannot be read: the call of `sha256` here raises the error
                os.unlink(temporary)
                digest = sha256(parts)
                temporary = self._write(parts)
            return digest, self._link(temporary, blob_key(digest))

    def refresh(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists, like `exists`, and renew an old object's time, so that garbage collection
        keeps it."""
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
        except PermissionError:  # another user's file in a shared store: it cannot be changed, but it can be replaced
            with self._writing():
                os.replace(self._write([self._map(key)[0]]), path)
        except OSError as error:  # a read-only store
            raise self._cannot_write(error) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A context manager for code that writes to the store: an OSError, such as one about a full disk, becomes
        StoreError."""
        try:
            yield
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> StoreError:
        return StoreError(f"cannot write to the store {self.url}: {_why(error)}")

    def _link(self, temporary: str, key: str) -> bool:
        try:
            try:
                os.link(temporary, self._path(key))
            except FileNotFoundError:  # the directory for the key does not exist yet
                os.link(temporary, self._parent(key))
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)
        return True

    def map(self, key: str) -> memoryview:
        """Map the object's bytes as private, writable memory. Raises NotFound, StoreError."""
        return self._map(key)[0]

    def _map(self, key: str, expected: str | None = None) -> tuple[memoryview, str, int]:
        """Return the mapped bytes, their digest (empty if `expected` is None), and their number."""
        with self._reading(key), open(self._path(key), "rb", buffering=0) as file:
            found, size = "", os.fstat(file.fileno()).st_size
            if expected is not None:
                found = marks.digest_of(file.fileno(), expected)
            if not size:  # mmap refuses empty files
                return memoryview(bytearray()), found, 0
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)), found, size

    def move(self, key: str, to: str) -> None:
        """Move an object to another key. Raises NotFound, StoreError."""
        with self._writing():
            target = self._parent(to)
        try:
            os.replace(self._path(key), target)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"no {key} in {self.url}") from None
        except OSError as error:
            raise StoreError(f"cannot move {key} in {self.url}: {error.strerror}") from error

    def exists(self, key: str, size: int | None = None) -> bool:
        """Return whether the object exists and, if a size in bytes is given, has this size."""
        return os.path.isfile(self._path(key)) if size is None else self._size(key) == size

    def _size(self, key: str) -> int | None:
        """Return the size of an object in bytes, or None if the object is missing."""
        try:
            return os.stat(self._path(key)).st_size
        except OSError:
            return None

    def append(self, key: str, data: bytes) -> None:
        """Append to an object. Raises StoreError."""
        with self._writing():
            descriptor = os.open(self._parent(key), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    write_all(descriptor, [data])
                except OSError:
                    # removes the bytes that this call has written; each key has only one writer, so no other bytes are
                    # removed
                    os.ftruncate(descriptor, before)
                    raise
            finally:
                os.close(descriptor)

    def appended(self, key: str, start: int = 0) -> bytes:
        """Return the appended data from byte `start`."""
        if not start:
            return self.get(key)
        with self._reading(key), open(self._path(key), "rb") as file:
            file.seek(start)
            return file.read()

    def pieces(self, key: str, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
        """Yield the appended data from byte `start`, in pieces of at most `size` bytes."""
        while True:  # opened for each piece, so that merging thousands of logs keeps no file open
            with self._reading(key), open(self._path(key), "rb") as file:
                file.seek(start)
                piece = file.read(size)
            if not piece:
                return
            start += len(piece)
            yield piece

    def replace(self, key: str, parts: Iterable[Buffer]) -> None:
        """Create or replace an object from parts.

        Args:
            key: the key.
            parts: the parts of the object's bytes, which may be computed one by one.

        Raises:
            StoreError: the object cannot be written.
        """
        with self._writing():
            os.replace(self._write(parts), self._parent(key))

    def flush(self, *, now: bool = False) -> float | None:
        """Do nothing and return None, since appended data is never pending."""
        return None

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names directly under a prefix; a name that has further keys below it ends with a slash."""
        try:
            with self._reading(prefix), os.scandir(self._path(prefix)) as entries:
                return sorted(entry.name + "/" if entry.is_dir() else entry.name for entry in entries)
        except NotFound:
            return []

    def names_below(self, prefix: str) -> list[str]:
        """Return all keys under a prefix, at any depth, without the prefix, sorted."""
        at = len(self._path(prefix)) + 1
        return sorted(f"{directory}/{name}"[at:] for directory, files in self._walk(prefix) for name in files)

    def _walk(self, prefix: str) -> Iterator[tuple[str, list[str]]]:
        """Yield each directory under a prefix and its files.

        Raises:
            StoreError: a directory cannot be read. An unreadable directory is an error and is not skipped, because `gc`
                must not miss a file.
        """

        def failed(error: OSError) -> None:
            # the directory does not exist yet, or was deleted meanwhile
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                raise StoreError(f"cannot read {prefix} in {self.url}: {error.strerror}") from error

        for directory, _, files in os.walk(self._path(prefix), onerror=failed):
            yield directory, files

    def delete(self, key: str) -> None:
        """Delete the object if it exists. Raises StoreError."""
        with self._deleting(key), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(self._path(key))

    @contextmanager
    def _deleting(self, key: str) -> Iterator[None]:
        """A context manager for code that deletes an object: an OSError, such as one about a read-only store, becomes
        StoreError."""
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot delete {key} in {self.url}: {error.strerror}") from error

    def listing(self, prefix: str) -> list[Listed]:
        """Return all objects under a prefix, at any depth. Raises StoreError."""
        top = self._path(prefix)
        found = []
        for directory, files in self._walk(prefix):
            for name in files:
                path = f"{directory}/{name}"
                with contextlib.suppress(NotFound), self._reading(path[len(self.root) + 1 :]):  # deleted meanwhile
                    status = os.stat(path)
                    found.append(Listed(path[len(top) + 1 :], status.st_size, status.st_mtime))
        return found

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete the objects that exist; at most a thousand keys. Raises StoreError."""
        for key in keys:
            self.delete(key)

    def delete_below(self, prefix: str, last: Sequence[str] = ()) -> None:
        """Delete all objects under a prefix. The objects whose names are in `last` are deleted last. Raises
        StoreError."""
        aside = f"{self.root}/tmp/{os.getpid()}-{os.urandom(6).hex()}"
        with self._deleting(prefix):
            self._make(f"{self.root}/tmp")
            try:
                os.rename(self._path(prefix), aside)  # the rename hides all objects at once
            except FileNotFoundError:
                return
            while os.path.isdir(aside):
                # garbage collection may delete the temporary directory as a leftover
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(aside)

    def _path(self, key: str) -> str:
        if ".." in key.split("/") or key.startswith("/"):
            raise StoreError(f"not a key: {key!r}")
        return f"{self.root}/{key}"

    def _parent(self, key: str) -> str:
        """Return the path of a key; create its directory on first use."""
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
            write_all(descriptor, parts)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(descriptor)
        return path


def _why(error: OSError) -> str:
    """Return the reason for a failed write, as a text. If the name of a file is too long for the file system, this text
    contains the beginning and the length of the name."""
    why = error.strerror or str(error)
    if error.filename2 is not None and error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
        return f"{why}: its file system has no hard links, which the store needs to create each object once"
    if error.errno != errno.ENAMETOOLONG or not isinstance(error.filename, str):
        return why
    name = max(os.fsencode(error.filename2 or error.filename).split(b"/"), key=len)
    return f"{why}: '{name[:60].decode(errors='replace')}…' has {len(name)} bytes, the limit is 255"


def write_all(descriptor: int, parts: Iterable[Buffer]) -> None:
    """Write all parts to a file's descriptor. Raises OSError."""
    for part in parts:
        view = memoryview(part).cast("B")
        while view:  # one call writes at most 2 GiB, and less if the disk is nearly full
            view = view[os.write(descriptor, view) :]


def _read_file(path: str) -> bytes:
    """Return a file's bytes. For a small record, this needs half the time of `open` and `read`. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(descriptor, _RECORD_SIZE)
        rest = os.read(descriptor, _RECORD_SIZE)
        if not rest:
            return data
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return data + rest + file.read()
    finally:
        os.close(descriptor)


@contextmanager
def _beside(compute: Callable[[], str]) -> Iterator[Callable[[], str]]:
    """Compute a digest in a second thread while the `with` block reads or writes; the end of the block waits for the
    thread.

    Hashing, reading and writing release the interpreter's lock, so together they take as long as the slowest of them.

    Yields:
        A function that returns the digest, or raises the error of `compute`. Call the function after the `with` block.
    """
    found: list[str] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(compute())
        except BaseException as error:
            failed.append(error)

    def result() -> str:
        if failed:
            raise failed[0]
        return found[0]

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield result
    finally:
        thread.join()
