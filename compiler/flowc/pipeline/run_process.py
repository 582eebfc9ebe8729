"""Functions that interrupt the process of a run when the program that started the process ends."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from flowc_runtime.base.signals import heeded
from flowc_runtime.process.process import PR_SET_PDEATHSIG

if TYPE_CHECKING:
    from collections.abc import Callable


def flush() -> None:
    """Flush stdout and stderr; skip a stream that was closed when the program began."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def end_with(parent: int, prctl: Callable[[int, int], None] | None) -> None:
    """Ensure that this process, which makes a run, is interrupted if its parent dies (for example by SIGKILL).

    Raises:
        KeyboardInterrupt: the parent has already died.
    """
    if prctl is None:
        return
    prctl(PR_SET_PDEATHSIG, ending_signal())
    if os.getppid() != parent:  # the parent died before prctl took effect
        raise KeyboardInterrupt


def ending_signal() -> int:
    """Return a signal that interrupts a run: SIGINT, or another signal if this process ignores SIGINT.

    A shell script starts its background programs with SIGINT ignored. If every signal is ignored, SIGTERM gets its
    default action back.
    """
    number = next(iter(heeded()), None)
    if number is None:
        signal.signal(number := signal.SIGTERM, signal.SIG_DFL)
    return number


def wait(process: int) -> int:
    """Wait for a child process and return its exit code. An interrupt does not end the wait, because the child process
    gets the interrupt too and ends its tasks."""
    while True:
        try:
            _, status = os.waitpid(process, 0)
        except KeyboardInterrupt:
            continue
        return as_in_shells(os.waitstatus_to_exitcode(status))


def as_in_shells(code: int) -> int:
    """Return the exit code of a process as shells report it: 128 + n if signal n ended the process. Python reports
    -n."""
    return code if code >= 0 else 128 - code
