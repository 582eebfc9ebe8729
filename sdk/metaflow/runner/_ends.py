"""The end of child processes: how it is awaited, and children that end with this process."""

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
    """Provide a file descriptor that becomes readable when the process ends; None if the system has no pidfds.

    The caller of each call has its own descriptor, which is closed at the end of the `with` block: several callers may
    wait for one process. If the process has ended already, the descriptor is the end of a pipe without a writer: a
    pidfd could then name another process with the same id.
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
        with suppress(ProcessLookupError):  # the process has ended, and another thread has reaped it
            return os.pidfd_open(process.pid)
    reader, writer = os.pipe()
    os.close(writer)  # a pipe without a writer is at its end
    return reader


_started: weakref.WeakSet[CommandManager] = weakref.WeakSet()


def end_with_me(manager: CommandManager) -> None:
    """End the command if an interrupt ends this process: the terminal may have signalled this process alone.

    Only a weak reference is kept.
    """
    _started.add(manager)


@atexit.register
def _end_the_interrupted() -> None:
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        for manager in _started:
            manager.kill()
