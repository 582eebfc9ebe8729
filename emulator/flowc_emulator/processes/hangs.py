"""Find processes that hang: they wait for a lock that none of their threads can release.

A forked process has one thread: the thread that forked. A lock that another thread of the parent held during the fork
is never released in the child, and a thread pool of the parent has no threads in the child. A child that waits for this
lock or this pool uses no CPU, and its only thread waits in futex(2). flowc does not end the child, but prints a note
with its stack.
"""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING

from flowc_ir.late.dataclass import dataclass
from flowc_runtime.process.process import STACK_SIGNAL

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 30.0  # A process that uses no CPU time for this long may be hanging.
_EVERY = 10.0  # Seconds between two checks.
# The number of the system call futex(2), which /proc/PID/syscall shows while a process waits in it.
_FUTEX = {"x86_64": b"202", "aarch64": b"98", "riscv64": b"98", "ppc64le": b"221", "s390x": b"238"}.get(
    os.uname().machine
)


@dataclass(slots=True)
class _Seen:
    ticks: int  # The CPU time used, in clock ticks.
    since: float  # When the process was first seen with this CPU time.
    told: bool = False


class Hangs:
    """Checks running processes every few seconds, on systems with /proc (Linux)."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._next = 0.0
        self._works = sys.platform.startswith("linux")

    def began(self, pid: int) -> None:
        """Start watching a process."""
        if self._works:
            now = time.monotonic()
            if not self._seen:
                self._next = now + _EVERY
            self._seen[pid] = _Seen(-1, now)

    def ended(self, pid: int) -> None:
        """Stop watching a process."""
        self._seen.pop(pid, None)

    def wait(self) -> float | None:
        """Return the seconds until the next check; None if no process is watched."""
        return max(0.0, self._next - time.monotonic()) if self._seen else None

    def look(self) -> Iterator[int]:
        """Yield each process that hangs, once, and ask it to print its stack on stderr."""
        now = time.monotonic()
        if not self._seen or now < self._next:
            return
        self._next = now + _EVERY
        for pid, seen in self._seen.items():
            ticks = _cpu_ticks(pid)
            if ticks is None or ticks != seen.ticks:
                seen.ticks, seen.since = -1 if ticks is None else ticks, now
            elif not seen.told and now - seen.since >= SECONDS and _waits_for_ever(pid):
                seen.told = True
                if STACK_SIGNAL is not None:
                    os.kill(pid, STACK_SIGNAL)
                yield pid


def note_about(task: str, stack: bytes) -> str | None:
    """Return the note about a hanging task; None if the task's stack is still incomplete.

    Args:
        task: the task's name.
        stack: the task's output on stderr since its stack was requested; `faulthandler` writes the stack to stderr.
    """
    place = re.search(r'File "([^"]+)", line (\d+) in (\S+)\n', stack.decode(errors="replace"))
    if place is None:
        return None
    file, line, function = place.groups()  # `faulthandler` prints the innermost frame first
    package = re.search(r"/(?:site|dist)-packages/([^/.]+)", file)
    where = f"{function} ({package[1] if package else file.rpartition('/')[2]}, line {line})"
    return (
        f"{task} seems to hang: no CPU time for {SECONDS:.0f} s, waiting in {where} for a lock that none of its "
        "threads can release; its stack is in its log. If it does not continue, end the run and try --start fresh, "
        "which imports the flow again in each task"
    )


def _cpu_ticks(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:  # the process has just ended
        return None
    return int(fields[11]) + int(fields[12])  # utime and stime


def _waits_for_ever(pid: int) -> bool:
    """Return whether the process's only thread waits in futex(2), and the process has a handler that prints its
    stack."""
    try:
        if len(os.listdir(f"/proc/{pid}/task")) != 1:
            return False
        with open(f"/proc/{pid}/syscall", "rb") as file:
            call = file.read().split()
        with open(f"/proc/{pid}/status", "rb") as file:
            caught = next(line for line in file if line.startswith(b"SigCgt:")).split()[1]
    except (OSError, StopIteration):
        return False
    if not call or call[0] != _FUTEX:
        return False
    # Without a handler the signal would end the process.
    return STACK_SIGNAL is None or bool(int(caught, 16) >> (STACK_SIGNAL - 1) & 1)
