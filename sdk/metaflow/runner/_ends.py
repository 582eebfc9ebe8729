"""Wait for the end of child processes, and end child processes when this process ends."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from metaflow.runner.subprocess_manager import CommandManager

HAS_PIDFD = hasattr(os, "pidfd_open")  # Linux


@contextmanager
def end_descriptor(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """Provide a file descriptor that becomes readable when the process ends, or None if the system has no pidfds.

    Each call opens a separate descriptor and closes it at the end of the `with` block, so several callers can wait for
    one process. If the process has already ended, the descriptor is a pipe that is readable at once, because its write
    end is closed. A pidfd would be wrong in this case, since the process id may already belong to another process.
    """
    end = _open(process)
    try:
        yield end
    finally:
        if end is not None:
            os.close(end)


def _open(process: subprocess.Popen[bytes]) -> int | None:
    if process.poll() is None:
        if not HAS_PIDFD:
            return None
        with suppress(ProcessLookupError):  # the process has ended and was already reaped by another thread
            return os.pidfd_open(process.pid)
    reader, writer = os.pipe()
    os.close(writer)  # without a write end, the pipe is readable at once (end of file)
    return reader


_started: weakref.WeakSet[CommandManager] = weakref.WeakSet()


def end_with_me(manager: CommandManager) -> None:
    """Ensure that the command ends if an interrupt ends this process, which may be the only process that got the
    signal.

    Only a weak reference to the command is stored.
    """
    _started.add(manager)


@atexit.register
def _end_the_interrupted() -> None:
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        for manager in _started:
            manager.kill()
