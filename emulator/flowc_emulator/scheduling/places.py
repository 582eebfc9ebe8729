"""How many tasks run at once: as many as there are processors, and one more for each that only waits.

Tasks that wait, for each other or for a service, use no processor, so others may start beside them. Tasks that compute
would only get in each other's way, and take memory. So running processes are looked at where tasks are held back: how
much they computed since the last look, and whether a thread of theirs wants a processor (Linux: /proc).

A task that asks again and again without a pause cannot be told from one that computes. If it asks for what a task
brings that is held back, none would ever end; so where none ends for long, one more starts.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

AT_ONCE = 16  # tasks, unless there are more processors: as many as Metaflow starts
INTERVAL = 0.1  # seconds between two looks, at least
_PAUSES = 20  # times as long as a look takes, until the next: tasks may have thousands of threads
PATIENCE = 4.0  # seconds without an end until one more starts; twice as many until the next, and so on
_SHARE = 0.5  # of an interval on a processor: up to this a process waits, as one does that asks again and again
_TICKS = os.sysconf("SC_CLK_TCK")  # of CPU time in a second
_WANTS = (b"R", b"D")  # runs or could run; waits for a disk


class Activity(NamedTuple):
    """What a process and those that it has started do: ticks of CPU time so far, and whether one wants a processor.

    Where one wants it, there may be more ticks.
    """

    ticks: int
    wants: bool


@dataclass(slots=True)
class _Task:
    kind: Hashable
    waits: bool
    looked: float  # when, or when it began
    ticks: int = 0  # at that time


@final
class Places:
    """How many of a run's tasks may run at once."""

    def __init__(
        self,
        most: int,
        processors: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        activity: Callable[[int], Activity | None] | None = None,
    ) -> None:
        """Begin without tasks. `processors` is how many may compute at once; None: `most` run, whatever they do."""
        self._most = most
        self.computing = most if processors is None else min(processors, most)
        """How many run at once in any case."""
        self._clock = clock
        self._activity = activity or activity_of
        self._tasks: dict[int, _Task] = {}
        # Of each kind, tasks that waited until they ended, and have no successor.
        self._left: Counter[Hashable] = Counter()
        self._next = 0.0
        self._quiet = clock()  # since when no task has ended, or the last extra place was made
        self._extra = 0  # places for tasks that others may be waiting for, which cannot be observed

    @property
    def count(self) -> int:
        """How many tasks may run now."""
        return min(self._most, self.computing + self._extra + sum(task.waits for task in self._tasks.values()))

    def began(self, pid: int, kind: Hashable) -> None:
        """The process of a task has begun. Until it is looked at, it is taken to do what one did whose place it has."""
        if not self._tasks:
            self._quiet = self._clock()
        waits = self._left[kind] > 0
        self._left[kind] -= waits
        self._tasks[pid] = _Task(kind, waits, self._clock())

    def ended(self, pid: int) -> None:
        """The process has ended."""
        task = self._tasks.pop(pid)
        self._left[task.kind] += task.waits
        self._quiet, self._extra = self._clock(), 0

    def wait(self) -> float | None:
        """Seconds until a look can tell whether a task that is held back may start; None: no look can."""
        if len(self._tasks) >= self._most or self.computing == self._most:
            return None
        return max(0.0, self._next - self._clock())

    def look(self) -> None:
        """A task is held back: see which tasks wait, if it is time to."""
        now = self._clock()
        if now < self._next:
            return
        for pid, task in self._tasks.items():
            seconds, activity = now - task.looked, self._activity(pid)
            if activity is None or seconds < INTERVAL / 2:  # that little says nothing
                continue
            if activity.wants:  # what it used is counted when it wants nothing
                task.waits = False
                continue
            used = (activity.ticks - task.ticks) / _TICKS  # negative where children have ended unseen
            task.waits = 0 <= used <= _SHARE * seconds
            task.ticks, task.looked = activity.ticks, now
        if self._tasks and now - self._quiet >= PATIENCE * (self._extra + 1):
            self._quiet, self._extra = now, self._extra + 1
        end = self._clock()
        self._next = end + max(INTERVAL, _PAUSES * (end - now))


def default_places(proc: Path = Path("/proc")) -> tuple[int, int | None]:
    """The `most` and `processors` of a run that is not told how many tasks run at once."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Linux may be built without CONFIG_PROC_CHILDREN; then nobody can tell what a task has started.
    tells = sys.platform.startswith("linux") and (proc / f"self/task/{os.getpid()}/children").exists()
    return max(AT_ONCE, processors), processors if tells else None


def activity_of(pid: int) -> Activity | None:
    """Return what a process and its descendants do; None if it has ended."""
    ticks = 0
    processes = [pid]
    for process in processes:  # which grows
        try:
            fields = _stat(f"/proc/{process}/stat")
            ticks += sum(map(int, fields[11:15]))  # its own, and of children that have ended
            for thread in os.listdir(f"/proc/{process}/task"):
                place = f"/proc/{process}/task/{thread}"
                if _stat(f"{place}/stat")[0] in _WANTS:
                    return Activity(ticks, wants=True)
                with open(f"{place}/children", "rb") as file:
                    processes += map(int, file.read().split())
        except OSError:  # it, or a thread of it, has just ended: then it does something
            return None if process == pid else Activity(ticks, wants=True)
    return Activity(ticks, wants=False)


def _stat(path: str) -> list[bytes]:
    """The fields of a `stat` behind the name of the program."""
    with open(path, "rb") as file:
        return file.read().rpartition(b")")[2].split()
