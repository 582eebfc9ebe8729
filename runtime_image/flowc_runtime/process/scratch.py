"""Temporary directories that are removed also if their process is killed: other processes of flowc then remove them.

The process that makes a directory locks it, and the kernel releases the lock when the process and its forks have ended.
`remove_left` deletes the directories without a lock.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import TYPE_CHECKING, Final, final

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import shutil
    import tempfile
else:  # imported at first use: shutil and tempfile import twelve other modules, and most runs need none of them
    shutil, tempfile = LateModule("shutil"), LateModule("tempfile")

PREFIX: Final = "flowc-tmp-"
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@final
class ScratchDirectory:
    """A new temporary directory, which this process locks. A `with` statement yields the directory's path, and removes
    the directory at the end of the block.

    Args:
        kind: a word for the directory's use, which is part of its name.
        parent: the directory in which to make it; None for the system's directory for temporary files.

    Raises:
        OSError: the directory cannot be made.
    """

    def __init__(self, kind: str, parent: str | None = None) -> None:
        remove_left(parent)
        parent = parent or temporary_directory()
        while True:
            self.name = _make_directory(os.path.join(parent, f"{PREFIX}{kind}-"))
            with suppress(FileNotFoundError):  # another process has removed the directory before this process locked it
                self._lock = os.open(self.name, _DIRECTORY)
                flock(self._lock, LOCK_EX)
                if os.path.isdir(self.name):
                    return
                os.close(self._lock)

    def close(self) -> None:
        """Remove the directory."""
        _remove(self.name)
        os.close(self._lock)

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *error: object) -> None:
        self.close()


def remove_left(parent: str | None = None) -> None:
    """Remove the directories of this user's processes that were killed.

    Args:
        parent: the directory with the temporary directories; None for the system's directory for temporary files.
    """
    place = parent or temporary_directory()
    with suppress(OSError):
        for name in os.listdir(place):
            if name.startswith(PREFIX):
                _remove_unlocked(os.path.join(place, name))


def temporary_directory() -> str:
    """Return the path of the system's directory for temporary files, like `tempfile.gettempdir`.

    `tempfile` is imported only if none of the usual directories can be used.

    Raises:
        FileNotFoundError: there is no directory in which this process can make files.
    """
    if "tempfile" in sys.modules:  # a program may have set `tempfile.tempdir`
        return tempfile.gettempdir()
    for place in (*map(os.environ.get, ("TMPDIR", "TEMP", "TMP")), "/tmp"):
        if place and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return os.path.abspath(place)
    return tempfile.gettempdir()


def _make_directory(prefix: str) -> str:
    """Make a directory that only this user can read, and whose path begins with `prefix`; return its path."""
    while True:
        with suppress(FileExistsError):
            os.mkdir(path := prefix + os.urandom(5).hex(), 0o700)
            return path


def _remove(directory: str) -> None:
    """Remove a directory and its content."""
    try:
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
    except OSError:  # the directory contains directories
        shutil.rmtree(directory, ignore_errors=True)


def _remove_unlocked(path: str) -> None:
    try:
        descriptor = os.open(path, _DIRECTORY)
    except OSError:  # the directory was removed in the meantime, or belongs to another user
        return
    try:
        if os.fstat(descriptor).st_uid == os.getuid():
            flock(descriptor, LOCK_EX | LOCK_NB)
            _remove(path)
    except BlockingIOError:  # its process lives
        return
    finally:
        os.close(descriptor)
