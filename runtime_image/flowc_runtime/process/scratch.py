"""Temporary directories that are removed also if their process is killed: other processes of flowc then remove them.

The process that makes such a directory locks it, and the kernel releases the lock when the process and its forks have
ended. `remove_left` deletes the directories without a lock.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import Final, final

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
        while True:
            self.name = tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-", dir=parent)
            with suppress(FileNotFoundError):  # another process has removed the directory before this process locked it
                self._lock = os.open(self.name, _DIRECTORY)
                flock(self._lock, LOCK_EX)
                if os.path.isdir(self.name):
                    return
                os.close(self._lock)

    def close(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.name, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *error: object) -> None:
        self.close()


def remove_left(parent: str | None = None) -> None:
    """Remove the directories of this user's processes that were killed.

    Args:
        parent: the directory with the temporary directories; None for the system's.
    """
    place = parent or tempfile.gettempdir()
    with suppress(OSError):
        for name in os.listdir(place):
            if name.startswith(PREFIX):
                _remove_unlocked(os.path.join(place, name))


def _remove_unlocked(path: str) -> None:
    try:
        descriptor = os.open(path, _DIRECTORY)
    except OSError:  # the directory was removed in the meantime, or belongs to another user
        return
    try:
        if os.fstat(descriptor).st_uid == os.getuid():
            flock(descriptor, LOCK_EX | LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:  # its process lives
        return
    finally:
        os.close(descriptor)
