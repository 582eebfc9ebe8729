"""Files that people name, which may be pipes: `/dev/stdin`, a FIFO, `<(command)`.

What comes from a pipe comes once, and a run looks at its files several times: to check them, to store them, for another
parameter of the same name. So it is kept, for as long as this process lives. Nothing waits without a word.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import select
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 2.0  # seconds of waiting for a pipe, until that is said
_CHUNK = 1 << 16
_contents: dict[str, bytes] = {}  # by path: what came once
_files: dict[str, str] = {}  # by path: where on disk what came once is


def content(path: str) -> bytes:
    """Return what a file holds; of a pipe what came from it, however often this is called. Raises OSError."""
    if path in _contents:
        return _contents[path]
    if path in _files:
        path = _files[path]
    with _Opened(path) as opened:
        found = b"".join(opened.pieces())
        if not opened.lasts:
            _contents[path] = found
        return found


def lasting(path: str) -> str:
    """Return the path of a regular file with the content of this one: itself, if that is what it is. Raises OSError."""
    if path in _files:
        return _files[path]
    if path in _contents:
        return _keep(path, iter([_contents[path]]))
    with _Opened(path) as opened:
        return path if opened.lasts and opened.size else _keep(path, opened.pieces())


def comes_once(path: str) -> bool:
    """Return whether a path is that of a pipe, or of something like one."""
    try:
        return not (os.path.isfile(path) or os.path.isdir(path)) and os.path.exists(path)
    except ValueError:  # a NUL byte
        return False


class _Opened:
    """A file that is open for reading. Use as a context manager."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told = False
        # A FIFO without a writer opens at once, and is waited for by `poll`.
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except ValueError:
            raise OSError(errno.EINVAL, "no file name has a NUL byte", path) from None
        except OSError as error:
            number = re.fullmatch(r"/dev/(?:fd/)?(\d+|stdin)", path)
            if error.errno != errno.ENXIO or number is None:
                raise
            self._descriptor = os.dup(int(number[1].replace("stdin", "0")))  # a socket cannot be opened
        status = os.fstat(self._descriptor)
        self.lasts, self.size = stat.S_ISREG(status.st_mode), status.st_size
        """Whether it can be read again; and its size, 0 for the kernel's own files, which do hold something."""
        if stat.S_ISDIR(status.st_mode):
            os.close(self._descriptor)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        is_null = status.st_rdev == os.stat(os.devnull).st_rdev
        if stat.S_ISBLK(status.st_mode) or (stat.S_ISCHR(status.st_mode) and not is_null and not self._is_terminal()):
            os.close(self._descriptor)
            raise OSError(errno.EINVAL, "it is a device, which is no file and has no end", path)

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def _is_terminal(self) -> bool:
        return os.isatty(self._descriptor)

    def pieces(self) -> Iterator[bytes]:
        """Yield the content. Raises OSError, which names the file."""
        try:
            while True:
                self._wait()
                try:
                    piece = os.read(self._descriptor, _CHUNK)
                except BlockingIOError:
                    continue
                if not piece:
                    return
                yield piece
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from None

    def _wait(self) -> None:
        """Wait until there is something to read, or nothing will come; say so if that takes long."""
        if self.lasts:
            return
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not self._told and not poll.poll(PATIENCE * 1000):
            self._told = True
            what = "Ctrl-D ends it" if self._is_terminal() else "nothing has been written to it yet"
            with suppress(OSError):
                os.write(2, f"waiting for {self._path}: {what}\n".encode(errors="backslashreplace"))
        poll.poll()


def _keep(path: str, pieces: Iterator[bytes]) -> str:
    """Keep on disk, until this process ends, what comes from a path."""
    import tempfile  # late: settings are read by every process, and few have a pipe

    descriptor, kept = tempfile.mkstemp(prefix="flowc-")
    atexit.register(_forget, kept, os.getpid())
    with open(descriptor, "wb") as file:
        for piece in pieces:
            try:
                file.write(piece)
                file.flush()
            except OSError as error:
                why = f"what comes from it cannot be kept in {tempfile.gettempdir()}: {error.strerror}"
                raise OSError(error.errno, why, path) from None
    _files[path] = kept
    return kept


def _forget(kept: str, process: int) -> None:
    if os.getpid() == process:
        with suppress(OSError):
            os.unlink(kept)
