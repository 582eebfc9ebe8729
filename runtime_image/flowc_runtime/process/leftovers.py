"""End programs that a task or an exit hook left running: with SIGTERM, then with SIGKILL if they do not end.

The programs' parent has ended, so they are children of the process that called `adopt_orphans`, or of the container's
init.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from _thread import get_native_id  # importing `threading` would make each fork slower
from typing import TYPE_CHECKING

from flowc_runtime.process.process import HAS_PIDFD

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from flowc_runtime.base.signals import Wakeup

GRACE = 5.0  # seconds between SIGTERM and SIGKILL


def children() -> list[int]:
    """Return the pids of this process's children, including adopted ones; empty if the system does not list them."""
    try:
        with open(f"/proc/self/task/{get_native_id()}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:  # not Linux, or a kernel that does not list children
        return []


def end_adopted(
    keep: Container[int] = (),
    *,
    asked_groups: Container[int] = (),
    grace: float = GRACE,
    hurry: Wakeup | None = None,
) -> None:
    """End and reap every child of this process, and the processes that these children leave behind.

    Args:
        keep: the children to leave running.
        asked_groups: the process groups that have already got SIGTERM; their processes get no second one.
        grace: the seconds between SIGTERM and SIGKILL.
        hurry: records signals; if a signal that ends this program arrives, SIGKILL is sent early. None always waits.
    """
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while found := _reap(pid for pid in children() if pid not in keep):
        late = time.monotonic() >= deadline
        for pid in found if late else set(found) - asked:
            end_process(pid, asked_groups, late=late)
        asked.update(found)
        if not wait_for_one(found, deadline + GRACE if late else deadline, None if late else hurry):
            if late:
                return  # the process cannot be killed: it belongs to another user, or waits for a lost disk
            deadline = time.monotonic()


def end_process(pid: int, asked_groups: Container[int], *, late: bool) -> None:
    """Send SIGTERM to a process, unless its process group has already got the signal; send SIGKILL if it is late."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if late:
            os.kill(pid, signal.SIGKILL)
        elif os.getpgid(pid) not in asked_groups:
            os.kill(pid, signal.SIGTERM)


def _reap(pids: Iterable[int]) -> list[int]:
    """Reap the processes that have ended; return the processes that still run."""
    running = []
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                running.append(pid)
    return running


def wait_for_one(pids: Iterable[int], deadline: float, hurry: Wakeup | None = None) -> bool:
    """Wait until one of the processes has ended; return False if the deadline or a signal ends the wait.

    Args:
        pids: the processes, which may be children of any process.
        deadline: when to stop, in seconds of the monotonic clock.
        hurry: records signals; a signal that ends the program stops the wait.

    Returns:
        True if a process has ended. On systems without pidfd, the function only waits for a moment, and returns False
        if the deadline has passed.
    """
    if not HAS_PIDFD:
        return _pause(deadline)
    with contextlib.ExitStack() as opened:
        poll = select.poll()
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:  # a child of another process, which has already reaped the child
                return True
            # this process has too many open descriptors, which may also be the reason why it ends the other processes
            except OSError:
                return _pause(deadline)
            opened.callback(os.close, descriptor)
            poll.register(descriptor, select.POLLIN)
        if hurry is not None:
            poll.register(hurry, select.POLLIN)
        while hurry is None or not hurry.has_ending():
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000)}
            if hurry is None or ready != {hurry.fileno()}:
                return bool(ready)
    return False


def _pause(deadline: float) -> bool:
    """Wait a moment, because no event reports the end of a process; return False if the deadline has passed."""
    left = max(0.0, deadline - time.monotonic())
    time.sleep(min(0.02, left))
    return left > 0
