"""Decide how many tasks run in parallel: as many as there are processors, and one more for each waiting task.

Tasks that wait, for each other or for a service, use no processor, so further tasks can start. If more tasks compute
than processors exist, the tasks only slow each other down and use more memory. So while tasks are held back, flowc
checks in /proc how much CPU time each running process has used since the last check, and whether one of its threads
needs a processor now.

A task that polls without a pause looks like a computing task. If the task polls for the result of a task that is held
back, no task would ever end. So if no task ends for a long time, one more task starts.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

AT_ONCE = 16  # The largest number of parallel tasks (Metaflow's default), unless the machine has more processors.
INTERVAL = 0.1  # The least number of seconds between two checks.
_PAUSES = 20  # The pause after a check, as a multiple of the check's duration, which is long for many threads.
PATIENCE = 4.0  # If no task ends for this many seconds, one more starts; a second one after twice as many, …
# A process that computes for a smaller share of an interval is regarded as waiting, because it may only be polling.
_SHARE = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")  # Ticks of CPU time per second.
_WANTS = (b"R", b"D")  # States of a process that needs a processor: R (runs or could run), D (waits for a disk).


class Activity(NamedTuple):
    """The activity of a process and its descendants: ticks of CPU time, and whether one of them needs a processor now.

    If a process needs a processor, the ticks may be incomplete.
    """

    ticks: int
    wants: bool


@dataclass(slots=True)
class _Task:
    kind: Hashable
    waits: bool
    looked: float  # The time of the last check, or of the task's start.
    ticks: int = 0  # The CPU time in ticks at the last check.


@final
class Places:
    """The slots for tasks: decides how many tasks of a run may run in parallel."""

    def __init__(
        self,
        most: int,
        processors: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        activity: Callable[[int], Activity | None] | None = None,
    ) -> None:
        """At most `most` tasks run, and at most `processors` tasks compute in parallel; None means `most`."""
        self._most = most
        self.computing = most if processors is None else min(processors, most)
        """The number of tasks that may run even if all of them compute."""
        self._clock = clock
        self._activity = activity or activity_of
        self._tasks: dict[int, _Task] = {}
        # For each kind, the number of tasks that were waiting when they ended and were not replaced by a new task.
        self._left: Counter[Hashable] = Counter()
        self._next = 0.0
        self._quiet = clock()  # When the last task ended, or the last extra slot was added.
        # Extra slots for tasks, because running tasks that seem to compute may wait for a task that is held back.
        self._extra = 0

    @property
    def count(self) -> int:
        """The number of tasks that may run now."""
        return min(self._most, self.computing + self._extra + sum(task.waits for task in self._tasks.values()))

    def began(self, pid: int, kind: Hashable) -> None:
        """Record that a task's process has started.

        Until the first check, the new task counts as waiting if the ended task that it replaces was waiting.

        Args:
            pid: the process.
            kind: a key, such as the step, that is equal for tasks that probably behave in the same way.
        """
        if not self._tasks:
            self._quiet = self._clock()
        waits = self._left[kind] > 0
        self._left[kind] -= waits
        self._tasks[pid] = _Task(kind, waits, self._clock())

    def ended(self, pid: int) -> None:
        """Record that a task's process has ended."""
        task = self._tasks.pop(pid)
        self._left[task.kind] += task.waits
        self._quiet, self._extra = self._clock(), 0

    def wait(self) -> float | None:
        """Return the seconds until the next check may allow another task to start; None if no check can allow this."""
        if len(self._tasks) >= self._most or self.computing == self._most:
            return None
        return max(0.0, self._next - self._clock())

    def look(self) -> None:
        """Check which running tasks wait, if the pause since the last check is over. Call this method when a task is
        held back."""
        now = self._clock()
        if now < self._next:
            return
        for pid, task in self._tasks.items():
            seconds, activity = now - task.looked, self._activity(pid)
            # too little time has passed since the last check of the process for a decision
            if activity is None or seconds < INTERVAL / 2:
                continue
            if activity.wants:  # the process computes; its number of ticks is not needed
                task.waits = False
                continue
            # the difference is negative if children have ended between checks
            used = (activity.ticks - task.ticks) / _TICKS
            task.waits = 0 <= used <= _SHARE * seconds
            task.ticks, task.looked = activity.ticks, now
        if self._tasks and now - self._quiet >= PATIENCE * (self._extra + 1):
            self._quiet, self._extra = now, self._extra + 1
        end = self._clock()
        self._next = end + max(INTERVAL, _PAUSES * (end - now))


def default_places(proc: Path = Path("/proc")) -> tuple[int, int | None]:
    """Return the arguments `most` and `processors` of `Places` for a run without `--max-workers`.

    Args:
        proc: the directory at which procfs is mounted.

    Returns:
        The largest number of parallel tasks, and the number of them that may compute; None if the system does not show
        which tasks compute.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Linux may be built without CONFIG_PROC_CHILDREN; then the descendants of a task are unknown.
    tells = sys.platform.startswith("linux") and (proc / f"self/task/{os.getpid()}/children").exists()
    return max(AT_ONCE, processors), processors if tells else None


def activity_of(pid: int) -> Activity | None:
    """Return the activity of a process and its descendants; None if the process has ended.

    Source: proc(5), the files `stat` and `children`.
    """
    ticks = 0
    processes = [pid]
    for process in processes:  # the loop also appends the children of each process
        try:
            fields = _stat(f"/proc/{process}/stat")
            ticks += sum(map(int, fields[11:15]))  # the CPU time of the process and of its children that have ended
            for thread in os.listdir(f"/proc/{process}/task"):
                place = f"/proc/{process}/task/{thread}"
                if _stat(f"{place}/stat")[0] in _WANTS:
                    return Activity(ticks, wants=True)
                with open(f"{place}/children", "rb") as file:
                    processes += map(int, file.read().split())
        except OSError:  # the process or one of its threads has just ended, so it is active
            return None if process == pid else Activity(ticks, wants=True)
    return Activity(ticks, wants=False)


def _stat(path: str) -> list[bytes]:
    """Return the fields of a file `stat` of procfs that follow the name of the program."""
    with open(path, "rb") as file:
        return file.read().rpartition(b")")[2].split()
