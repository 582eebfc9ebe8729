"""The loss of power: before a run is said to have ended, the disk has all of it (docs/adr/0020-power.md).

Writing a file only gives it to the kernel, which writes it out within half a minute. `syncfs` waits for all that a file
system has still to write, in one call, however many files there are; only then are records written that say "ended".
A bucket has what it has acknowledged: there is nothing to do.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, final

from flowc_runtime.base.config import configuration
from flowc_runtime.base.errors import StoreError
from flowc_runtime.base.signals import ENDING
from flowc_runtime.process.process import PR_SET_PDEATHSIG, load_prctl
from flowc_runtime.store.backends.objects import LocalObjects, _write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowc_runtime.base.signals import Wakeup
    from flowc_runtime.store.backends.objects import Buffer, Objects

Mode: TypeAlias = Literal["run", "task", "none"]
"""Of what the disk is waited for: each run, each task too, or nothing."""

PATIENCE: Final = 2.0  # seconds of waiting for the disk after which it is told
_HURRY: Final = 0.5  # seconds that whoever is told to end waits for the disk, where that was not told yet
_WRITTEN_BACK: Final = 3600.0  # seconds after which every kernel has written out what it was given
_FULL_SYNC: Final = cast("int | None", getattr(fcntl, "F_FULLFSYNC", None))  # macOS: its fsync leaves the drive's cache


def mode() -> Mode:
    """Return the mode that is set. Raises ConfigurationError, SettingsError."""
    return cast("Mode", configuration.text("durability"))


@final
class Disk:
    """The file system that a store's directory is on. Its errors since it was opened are told: open it early.

    It writes single objects as a store does, and waits until the disk has them.
    """

    def __init__(self, objects: LocalObjects) -> None:
        self._root, self._url = objects.root, objects.url
        self._opened = time.time()
        with self._told():
            os.makedirs(self._root, exist_ok=True)
            self._descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @classmethod
    def of(cls, objects: Objects, mode: Mode) -> Disk | None:
        """The disk that has to be waited for; None: nothing has to. Raises StoreError."""
        return cls(objects) if mode != "none" and isinstance(objects, LocalObjects) else None

    def descriptor(self) -> int:
        """What a forked child should close, so that it does not keep the file system from being unmounted."""
        return self._descriptor

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._descriptor)

    def flush(self, slow: Callable[[str], None]) -> None:
        """Wait until the disk has all that was written; `slow` is told if that takes long. Raises StoreError."""
        timer = threading.Timer(PATIENCE, slow, [self.waiting])
        timer.daemon = True
        with suppress(RuntimeError):  # no thread more: then it is waited for without a word
            timer.start()
        try:
            self._flush()
        finally:
            timer.cancel()

    @property
    def waiting(self) -> str:
        """What is told of a wait that takes long."""
        return (
            f"waiting until the disk has all of {self._root}: "
            "what other programs have written to the same file system has to be written out too"
        )

    def put(self, key: str, data: bytes) -> None:
        """Create or replace an object; when this returns, the disk has it. Raises StoreError."""
        with self._told():
            temporary = self._write([data])
            os.replace(temporary, f"{self._root}/{key}")
            self._sync_parent(key)

    def create(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Create an object as `put` does; False, and nothing written, if it is there. Raises StoreError."""
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
            _write_all(descriptor, parts)
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
            raise StoreError(f"cannot write all of the store {self._url} to the disk: {error.strerror}") from error

    # -- in a process of its own

    def wait_apart(self, then: Callable[[], None], slow: Callable[[str], None], wakeup: Wakeup) -> int | None:
        """`flush`, then do what comes after it, in a process that can be left alone: a disk may not answer for minutes.

        Returns the signal of `wakeup` that ended the wait; then nothing more is done, and neither is it certain that
        the disk has everything. Raises StoreError, also what `then` raised.
        """
        _load_syncfs()  # before the fork: the child should only call it
        prctl = load_prctl()
        forked = _fork()
        if forked is None:  # neither a process nor an open file more: then it is waited for here
            self.flush(slow)
            then()
            return None
        pid, read, write = forked
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                for number in ENDING:
                    signal.signal(number, signal.SIG_IGN)  # its parent decides
                _let_go_of_streams()  # a disk that hangs keeps it: whoever reads the program's output is not to wait
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
                os.kill(pid, signal.SIGKILL)  # it ends when the kernel lets it, and does nothing more
                return cut
            problem = _read(read)
        finally:
            os.close(read)
        os.waitpid(pid, 0)
        if problem != _DONE:
            raise StoreError(problem.decode() or f"the process that waited for the disk of {self._url} has died")
        return None


_DONE: Final = b"done"


def _fork() -> tuple[int, int, int] | None:
    """Fork; the child's pid (0 in the child), and the two ends of a pipe that both have."""
    try:
        read, write = os.pipe()
    except OSError:
        return None
    try:
        return os.fork(), read, write
    except OSError:
        os.close(read)
        os.close(write)
        return None


def _let_go_of_streams() -> None:
    with suppress(OSError):  # no open file more
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)


def _serve(work: Iterable[Callable[[], None]], write: int) -> None:
    """In the process that waits: do it and say how it went."""
    try:
        for part in work:
            part()
    except StoreError as error:
        os.write(write, str(error).encode())
    else:
        os.write(write, _DONE)
    os._exit(0)


def _first(read: int, wakeup: Wakeup, slow: Callable[[], None]) -> int | None:
    """Wait until there is an answer; the signal, if one ends the wait before."""
    until: float | None = time.monotonic() + PATIENCE
    cut: int | None = None
    poll = select.poll()  # which, unlike a selector, needs no open file of its own
    poll.register(read, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    while True:
        left = 0.0 if wakeup.seen else None if until is None else max(0.0, until - time.monotonic())
        ready = [descriptor for descriptor, _ in poll.poll(None if left is None else left * 1000)]
        if read in ready:
            return None
        if wakeup.seen or wakeup.fileno() in ready:
            cut = next((number for number in wakeup.take() if number in ENDING), None)  # a user's handler has others
            if cut is None:
                continue
            if until is None:
                return cut
            poll.unregister(wakeup)
            until = min(until, time.monotonic() + _HURRY)  # most disks are done in a moment
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


# -- the system's calls


def _load_syncfs() -> Any:
    """syncfs(2), None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


def _syncfs(descriptor: int) -> bool:
    """Wait for all of a file system; False where that cannot be asked for. Raises OSError."""
    call = _load_syncfs()
    if call is None:
        return False
    import ctypes

    while call(descriptor) != 0:
        number = ctypes.get_errno()
        if number in (errno.ENOSYS, errno.EOPNOTSUPP):
            return False
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
    return True


def _sync_each(root: str, since: float) -> None:
    """Wait for each file and directory that has changed since then, the directories after what is in them."""
    for directory, _, files in os.walk(root, topdown=False):
        if directory == f"{root}/tmp":  # what has no name yet is no part of a run
            continue
        for name in files:
            with suppress(FileNotFoundError):  # deleted since
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
    """Wait for one file or directory; the drive's own cache is emptied once, with the last of several."""
    if _FULL_SYNC is not None and last:
        try:
            fcntl.fcntl(descriptor, _FULL_SYNC)
            return
        except OSError as error:  # a file system that has none
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
    os.fsync(descriptor)
