"""Protect runs from power loss: wait until all data of a run is on the disk before the run is reported as ended.

See docs/adr/0020-power.md. Writing a file only passes it to the kernel, which writes it to the disk within half a
minute. `syncfs` waits in one call for all pending writes of a file system, for any number of files. flowc writes the
record of the run's end only after this wait. A store in a bucket needs no wait: an object that a bucket has
acknowledged is durable.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import sys
import time
from _thread import allocate_lock, start_new_thread  # importing `threading` would make each fork slower
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, final

from flowc_ir.late import LateModule
from flowc_runtime.base.config import configuration
from flowc_runtime.base.errors import StoreError
from flowc_runtime.base.signals import ENDING
from flowc_runtime.process.process import PR_SET_PDEATHSIG, load_prctl
from flowc_runtime.store.backends.local import LocalObjects, write_all

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowc_runtime.base.signals import Wakeup
    from flowc_runtime.store.backends.objects import Buffer, Objects
else:
    # imported at first use: the import costs start-up time, and only waiting for the disk needs it
    ctypes = LateModule("ctypes")

Mode: TypeAlias = Literal["run", "task", "none"]
"""When to wait for the disk: at the end of each run, also at the end of each task, or never."""

PATIENCE: Final = 2.0  # Seconds of waiting for the disk before a line about the wait is printed.
_HURRY: Final = 0.5  # Seconds for which the wait continues after a signal, unless the line about the wait was printed.
_WRITTEN_BACK: Final = 3600.0  # Seconds after which every kernel has written pending data to the disk.
# On macOS, fsync does not flush the drive's cache; this request does.
_FULL_SYNC: Final = cast("int | None", getattr(fcntl, "F_FULLFSYNC", None))


def mode() -> Mode:
    """Return the setting `durability`.

    Raises:
        ConfigurationError: a variable or the configuration file is invalid.
        SettingsError: Metaflow's configuration file cannot be read.
    """
    return cast("Mode", configuration.text("durability"))


@final
class Disk:
    """The file system that contains a store's directory. A `Disk` reports only write errors that occur after its
    creation, so create the `Disk` early.

    Like a store, a `Disk` can also write single objects; it then waits until they are on the disk.
    """

    def __init__(self, objects: LocalObjects) -> None:
        self._root, self._url = objects.root, objects.url
        self._opened = time.time()
        with self._told():
            os.makedirs(self._root, exist_ok=True)
            self._descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @classmethod
    def of(cls, objects: Objects, mode: Mode) -> Disk | None:
        """Return the disk to wait for, or None if no wait is needed: in the mode `none`, and for a bucket.

        Args:
            objects: the store.
            mode: the setting `durability`.

        Raises:
            StoreError: the directory cannot be opened.
        """
        return cls(objects) if mode != "none" and isinstance(objects, LocalObjects) else None

    def descriptor(self) -> int:
        """Return the descriptor of the directory; a forked child must close it, because it prevents unmounting the file
        system."""
        return self._descriptor

    def close(self) -> None:
        """Close the descriptor of the directory."""
        os.close(self._descriptor)

    def flush(self, slow: Callable[[str], None]) -> None:
        """Wait until all writes are on the disk.

        Args:
            slow: called in another thread with a message if the wait takes longer than PATIENCE seconds.

        Raises:
            StoreError: the disk reports an error.
        """
        waiting = allocate_lock()
        waiting.acquire()

        def tell() -> None:
            if not waiting.acquire(timeout=PATIENCE):
                slow(self.waiting)

        with suppress(RuntimeError):  # no thread can start: wait without a message
            start_new_thread(tell, ())
        try:
            self._flush()
        finally:
            waiting.release()

    @property
    def waiting(self) -> str:
        """The message about a long wait for the disk."""
        return (
            f"waiting until all data of {self._root} is on the disk: "
            "the disk must also write the data of other programs on the same file system"
        )

    def put(self, key: str, data: bytes) -> None:
        """Create or replace an object; when the method returns, the object is on the disk.

        Raises:
            StoreError: the object cannot be written.
        """
        with self._told():
            temporary = self._write([data])
            os.replace(temporary, f"{self._root}/{key}")
            self._sync_parent(key)

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create an object like `put`; return False, without writing, if it exists.

        Raises:
            StoreError: the object cannot be written.
        """
        with self._told():
            temporary = self._write(parts)
            try:
                os.link(temporary, f"{self._root}/{key}")
            except FileExistsError:
                return False
            finally:
                os.unlink(temporary)
            self._sync_parent(key)
            return True

    def _write(self, parts: Sequence[Buffer]) -> str:
        os.makedirs(f"{self._root}/tmp", exist_ok=True)
        path = f"{self._root}/tmp/{os.getpid()}-{os.urandom(6).hex()}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            write_all(descriptor, parts)
            _sync(descriptor)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(descriptor)
        return path

    def _sync_parent(self, key: str) -> None:
        _sync_path(os.path.dirname(f"{self._root}/{key}"))

    def _flush(self) -> None:
        with self._told():
            if not _syncfs(self._descriptor):
                _sync_each(self._root, self._opened - _WRITTEN_BACK)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot write all data of the store {self._url} to the disk: {error.strerror}") from error

    # -- waiting in a separate process

    def wait_apart(self, then: Callable[[], None], slow: Callable[[str], None], wakeup: Wakeup) -> int | None:
        """Flush, then call `then`, in a separate process that can be abandoned: a disk may not answer for minutes.

        Hazard: the separate process is a fork, which closes this process's streams and ignores the signals that end
        this process. If no process can be created, the flush runs in this process.

        Args:
            then: the work after the flush, such as writing the record of the end.
            slow: called with a message if the wait takes longer than PATIENCE seconds.
            wakeup: receives the signals of this process.

        Returns:
            None if `then` was called; otherwise the signal of `wakeup` that ended the wait. After a signal, it is
            unknown whether `then` was called, and some data may not be on the disk.

        Raises:
            StoreError: writing failed, or `then` raised this error.
        """
        _load_syncfs()  # load `syncfs` before the fork: a forked child can safely call a C function, but not load one
        prctl = load_prctl()
        forked = _fork()
        if forked is None:  # no process or descriptor is available: wait in this process
            self.flush(slow)
            then()
            return None
        pid, read, write = forked
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                for number in ENDING:
                    # the parent process handles these signals, and decides when this child process ends
                    signal.signal(number, signal.SIG_IGN)
                _let_go_of_streams()  # if the disk hangs, readers of the program's output still see the end of file
                if prctl is not None:
                    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                os.close(read)
                _serve((self._flush, then), write)
            finally:
                os._exit(1)
        os.close(write)
        try:
            cut = _first(read, wakeup, lambda: slow(self.waiting))
            if cut is not None:
                # SIGKILL ends the child without cleanup, as soon as a pending call of the disk returns
                os.kill(pid, signal.SIGKILL)
                return cut
            problem = _read(read)
        finally:
            os.close(read)
        os.waitpid(pid, 0)
        if problem != _DONE:
            raise StoreError(problem.decode() or f"the process that waited for the disk of {self._url} was killed")
        return None


_DONE: Final = b"done"


def _fork() -> tuple[int, int, int] | None:
    """Fork; return the child's pid (0 in the child) and both ends of a shared pipe, or None if the fork or the pipe
    fails."""
    try:
        read, write = os.pipe()
    except OSError:
        return None
    try:
        # Hazard: other threads do not exist in the child, so it only calls functions that were loaded before.
        return os.fork(), read, write
    except OSError:
        os.close(read)
        os.close(write)
        return None


def _let_go_of_streams() -> None:
    with suppress(OSError):  # no descriptor is available
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)


def _serve(work: Iterable[Callable[[], None]], write: int) -> None:
    """Call the functions in `work`, in the forked child, and report the result to the parent through the pipe."""
    try:
        for part in work:
            part()
    except StoreError as error:
        os.write(write, str(error).encode())
    else:
        os.write(write, _DONE)
    os._exit(0)


def _first(read: int, wakeup: Wakeup, slow: Callable[[], None]) -> int | None:
    """Wait until the pipe is readable, and return None; if a signal ends the wait early, return the signal."""
    until: float | None = time.monotonic() + PATIENCE
    cut: int | None = None
    poll = select.poll()  # `selectors` would need one more descriptor
    poll.register(read, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    while True:
        left = 0.0 if wakeup.seen else None if until is None else max(0.0, until - time.monotonic())
        ready = [descriptor for descriptor, _ in poll.poll(None if left is None else left * 1000)]
        if read in ready:
            return None
        if wakeup.seen or wakeup.fileno() in ready:
            # signals that do not end the process are left to the user's code
            cut = next((number for number in wakeup.take() if number in ENDING), None)
            if cut is None:
                continue
            if until is None:
                return cut
            poll.unregister(wakeup)
            until = min(until, time.monotonic() + _HURRY)  # most disks finish within this time
        elif until is not None and time.monotonic() >= until:
            if cut is not None:
                return cut
            slow()
            until = None


def _read(descriptor: int) -> bytes:
    found = b""
    while data := os.read(descriptor, 4096):
        found += data
    return found


# -- system calls and C functions


def _load_syncfs() -> Callable[[int], int] | None:
    """Return syncfs(2), or None if the system has no such function."""
    if not sys.platform.startswith("linux"):
        return None
    call: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return call


def _syncfs(descriptor: int) -> bool:
    """Wait for all writes of a file system; return False if the system does not support it. Raises OSError."""
    call = _load_syncfs()
    if call is None:
        return False
    while call(descriptor) != 0:
        number = ctypes.get_errno()
        if number in (errno.ENOSYS, errno.EOPNOTSUPP):
            return False
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
    return True


def _sync_each(root: str, since: float) -> None:
    """Flush to the disk each file and directory below `root` that changed after `since`, files first."""
    for directory, _, files in os.walk(root, topdown=False):
        if directory == f"{root}/tmp":  # temporary files are not part of a run
            continue
        for name in files:
            with suppress(FileNotFoundError):  # deleted meanwhile
                if os.lstat(f"{directory}/{name}").st_ctime >= since:
                    _sync_path(f"{directory}/{name}", last=False)
        with suppress(FileNotFoundError):
            if os.lstat(directory).st_ctime >= since or directory == root:
                _sync_path(directory, last=directory == root)


def _sync_path(path: str, *, last: bool = True) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _sync(descriptor, last=last)
    finally:
        os.close(descriptor)


def _sync(descriptor: int, *, last: bool = True) -> None:
    """Flush one file or directory to the disk. `last`: this is the last file or directory, so the drive's own cache is
    flushed too (macOS)."""
    if _FULL_SYNC is not None and last:
        try:
            fcntl.fcntl(descriptor, _FULL_SYNC)
            return
        except OSError as error:  # the file system does not support this request
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
    os.fsync(descriptor)
