"""Read files that users name, which may be pipes: `/dev/stdin`, a FIFO, `<(command)`.

A pipe can be read only once, but a run reads its files several times: to check them, to store them, and for another
parameter with the same file. So the content of a pipe is kept until this process ends. If waiting for a pipe takes
long, a line is printed.
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

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import tempfile
    from collections.abc import Iterator
else:
    tempfile = LateModule("tempfile")  # imported at first use: only few processes read a pipe

PATIENCE = 2.0  # seconds of waiting for a pipe before a line is printed
_CHUNK = 1 << 16
_contents: dict[str, bytes] = {}  # The content of pipes, by the pipe's path.
_files: dict[str, str] = {}  # The paths of files with the content of pipes, by the pipe's path.


def content(path: str) -> bytes:
    """Return the content of a file or pipe; repeated calls return the same content of a pipe.

    Raises:
        OSError: the file cannot be read, or is a directory or a device without an end.
    """
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
    """Return `path` if it is a regular file, otherwise the path of a regular copy, which exists until this process
    ends.

    Raises:
        OSError: the file cannot be read or copied, or is a directory or a device without an end.
    """
    if path in _files:
        return _files[path]
    if path in _contents:
        return _keep(path, iter([_contents[path]]))
    with _Opened(path) as opened:
        return path if opened.lasts and opened.size else _keep(path, opened.pieces())


def comes_once(path: str) -> bool:
    """Return whether a path is a pipe or a similar file that can be read only once."""
    try:
        return not (os.path.isfile(path) or os.path.isdir(path)) and os.path.exists(path)
    except ValueError:  # `os.path` refuses a path with a NUL byte
        return False


class _Opened:
    """A file that is open for reading, as a context manager."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told = False
        # With O_NONBLOCK, opening a FIFO does not wait for a writer; `_wait` then polls the FIFO.
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except ValueError:
            raise OSError(errno.EINVAL, "a file name cannot contain a NUL byte", path) from None
        except OSError as error:
            number = re.fullmatch(r"/dev/(?:fd/)?(\d+|stdin)", path) if error.errno == errno.ENXIO else None
            if number is None:
                raise
            self._descriptor = os.dup(int(number[1].replace("stdin", "0")))  # open() refuses the path of a socket
        status = os.fstat(self._descriptor)
        self.lasts, self.size = stat.S_ISREG(status.st_mode), status.st_size
        """Whether the file can be read again, and its size in bytes; kernel files such as /proc/stat report 0."""
        if stat.S_ISDIR(status.st_mode):
            os.close(self._descriptor)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        is_null = status.st_rdev == os.stat(os.devnull).st_rdev
        if stat.S_ISBLK(status.st_mode) or (stat.S_ISCHR(status.st_mode) and not is_null and not self._is_terminal()):
            os.close(self._descriptor)
            raise OSError(errno.EINVAL, "it is a device, not a file: its content has no end", path)

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def _is_terminal(self) -> bool:
        return os.isatty(self._descriptor)

    def pieces(self) -> Iterator[bytes]:
        """Yield the content in pieces. Raises OSError with the path of the file."""
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
        """Wait until the file has data or has ended; print a line if the wait takes long."""
        if self.lasts:
            return
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not self._told and not poll.poll(PATIENCE * 1000):
            self._told = True
            what = "Ctrl-D ends the input" if self._is_terminal() else "nothing has been written to it yet"
            with suppress(OSError):
                os.write(2, f"waiting for {self._path}: {what}\n".encode(errors="backslashreplace"))
        poll.poll()


def _keep(path: str, pieces: Iterator[bytes]) -> str:
    """Write the content of a pipe to a temporary file that exists until this process ends; return its path."""
    descriptor, kept = tempfile.mkstemp(prefix="flowc-")
    atexit.register(_forget, kept, os.getpid())
    with open(descriptor, "wb") as file:
        for piece in pieces:
            try:
                file.write(piece)
                file.flush()
            except OSError as error:
                why = f"its content cannot be kept in {tempfile.gettempdir()}: {error.strerror}"
                raise OSError(error.errno, why, path) from None
    _files[path] = kept
    return kept


def _forget(kept: str, process: int) -> None:
    if os.getpid() == process:
        with suppress(OSError):
            os.unlink(kept)
