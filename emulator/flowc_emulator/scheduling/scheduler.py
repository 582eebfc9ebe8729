"""Decide which task starts next. The module uses no clock, no processes and no store, so a test can replay any sequence
of events.

The queue contains a single entry for all items of a foreach that are not started yet.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, final

from flowc_emulator.scheduling.totals import Totals
from flowc_ir import Branch, End, Foreach, Gang, Goto, Switch, targets
from flowc_ir.late.dataclass import dataclass, replace
from flowc_ir.model import assert_never
from flowc_runtime.base.contract import retries
from flowc_runtime.base.index import ROOT, outer_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.task.attempts import Result


@final
@dataclass(frozen=True, slots=True)
class Job:
    """One attempt of a task. If `last` is true, no retry follows. If `only_catch` is true, the attempt only records the
    failure and runs no user code."""

    step: str
    path: str
    attempt: int
    last: bool
    only_catch: bool = False

    @property
    def task(self) -> str:
        """The name of the task: `step` at the root, `step/path` inside a foreach."""
        return self.step if self.path == ROOT else f"{self.step}/{self.path}"


@dataclass(slots=True)
class _Items:
    """A queue entry for the items of a foreach, or the members of a gang, that are not started yet."""

    split: str
    step: str
    path: str
    next: int
    count: int
    together: bool


class Scheduler:
    """The state of one run: the jobs that are ready, and the joins that wait for tasks. `take` returns jobs that can
    start; `succeeded` and `failed` record how jobs ended."""

    def __init__(self, graph: Graph, only: tuple[str, str] | None = None) -> None:
        """Begin with the flow's first step, or with the only task of the run, `only`, given by its step and path."""
        self._graph = graph
        self._ready: deque[Job | _Items] = deque()
        self._missing: dict[tuple[str, str], int] = {}  # (join, path) -> number of tasks that the join still needs
        self.totals = Totals(graph, only[0] if only else None)
        self.done = 0
        self.finished = False
        self._only = only
        self._start(*(only or (graph.flow.start, ROOT)))

    def take(self) -> Job | None:
        """Return the next job; None if no job can start now."""
        if not self._ready:
            return None
        head = self._ready[0]
        if isinstance(head, Job):
            self._ready.popleft()
            return head
        job = self._first_attempt(head.step, self._graph.following(head.split, head.path, head.step, head.next))
        head.next += 1
        if head.next == head.count:
            self._ready.popleft()
        return job

    def replay(self, reused: Callable[[str, str], Result | None]) -> None:
        """Treat each task whose result is reused from an earlier run as completed, and queue the tasks that follow it.

        Call this method before the first `take`.

        Args:
            reused: returns the result of a task, by step and index path; None if the task has to run. The function is
                called when all preceding tasks have ended. For a gang, it must return results for all members or for
                none.
        """
        jobs: deque[Job | _Items] = deque()
        items: deque[Job | _Items] = deque()
        while self._ready:
            entry = self._ready.popleft()
            if isinstance(entry, Job):
                if (result := reused(entry.step, entry.path)) is None:
                    jobs.append(entry)
                else:
                    self.succeeded(entry, result.count, result.choice)
                continue
            first = None  # the index of the first item in a sequence of items that have to run
            for number in range(entry.next, entry.count):
                path = self._graph.following(entry.split, entry.path, entry.step, number)
                result = reused(entry.step, path)
                if result is None:
                    first = number if first is None else first
                    continue
                if first is not None:
                    items.append(replace(entry, next=first, count=number))
                    first = None
                self.succeeded(self._first_attempt(entry.step, path), result.count, result.choice)
            if first is not None:
                items.append(replace(entry, next=first))
        self._ready = jobs + items  # jobs are queued before the entries of foreaches and gangs, as in `_start`

    def startable(self, free: int, places: int) -> int:
        """Return how many jobs the caller may take and start now.

        The members of a gang start together, as soon as the free slots suffice for all of them, or all slots are free.
        A retried member starts even without a free slot, because the other members run and may wait for it.

        Args:
            free: the number of free slots for tasks; the number is negative if more jobs run than slots exist.
            places: the number of all slots.
        """
        if not self._ready:
            return 0
        head = self._ready[0]
        if isinstance(head, _Items) and head.together:
            return head.count if free >= min(head.count, places) else 0
        urgent = isinstance(head, Job) and head.attempt > 1 and self.gang(head) is not None
        return 1 if free > 0 or urgent else 0

    def gang(self, job: Job) -> tuple[str, str] | None:
        """Return the key of a job's gang; None if the job is in no gang."""
        before = self._graph.predecessors[job.step]
        if before and isinstance(before[0].next, Gang):
            return job.step, outer_path(job.path, len(self._graph.scopes(before[0].id)))
        return None

    def ready(self, most: int) -> int:
        """Return how many jobs `take` could return now; the method stops counting at `most`."""
        count = 0
        for entry in self._ready:
            count += 1 if isinstance(entry, Job) else entry.count - entry.next
            if count >= most:
                return most
        return count

    def succeeded(self, job: Job, count: int = 0, choice: str = "") -> None:
        """Count a task as completed, and queue the jobs that can start now.

        Args:
            job: the last attempt of the task.
            count: the number of items or members, if the task opens a foreach or a gang.
            choice: the step that was chosen, if the task ends with a switch.
        """
        self.done += 1
        if self._only is not None:
            self.finished = True
            return
        transition = self._graph.nodes[job.step].next
        match transition:
            case End():
                self.finished = True
            case Goto(target=target):
                self._arrive(job, target)
            case Switch():
                self.totals.chosen(job.step, choice)
                self._arrive(job, choice)
            case Branch(targets=branches):
                for target in branches:
                    self._arrive(job, target)
            case Foreach(body=body) | Gang(body=body):
                self._fan_out(job, body, count, together=isinstance(transition, Gang))
            case _:
                assert_never(transition)

    def failed(self, job: Job, *, died: bool = False, retryable: bool = True) -> Job | None:
        """Record a failed attempt; the next attempt is queued before all other jobs.

        Args:
            job: the attempt.
            died: whether the attempt's process ended without catching the failure itself.
            retryable: whether a retry is allowed. Even if not, an attempt that only catches the failure may follow.

        Returns:
            The next attempt; None if no attempt follows, so that the run has failed.
        """
        follow = None
        if not job.last and retryable:
            follow = self._attempt(job.step, job.path, job.attempt + 1)
        elif died and self._graph.nodes[job.step].catch and not job.only_catch:
            follow = replace(job, attempt=job.attempt + 1, last=True, only_catch=True)
        if follow is not None:
            self._ready.appendleft(follow)
        return follow

    def _start(self, step: str, path: str) -> None:
        # A job is queued before the entries of foreaches and gangs, so that an item is completed before the next item
        # starts.
        self._ready.appendleft(self._first_attempt(step, path))

    def _arrive(self, job: Job, target: str) -> None:
        """Continue to `target` after a task; a join starts when all branches or items of its split have ended."""
        node = self._graph.nodes[target]
        at = self._graph.following(job.step, job.path, target)
        if node.joins is None:
            self._start(target, at)
            return
        # for a foreach, `_fan_out` has already stored the number of items in `_missing`
        arms = targets(self._graph.nodes[node.joins].next)
        missing = self._missing.get((target, at), len(arms)) - 1
        if missing:
            self._missing[target, at] = missing
        else:
            self._missing.pop((target, at), None)
            self._start(target, at)

    def _fan_out(self, job: Job, body: str, count: int, *, together: bool) -> None:
        join = self._graph.join_of[job.step]
        self.totals.opened(job.step, count)
        if not count:
            self._start(join, job.path)
            return
        self._missing[join, job.path] = count
        items = _Items(job.step, body, job.path, 0, count, together)
        # A gang is put first into the queue: otherwise jobs before it would take each slot that becomes free, and the
        # gang would never start.
        (self._ready.appendleft if together else self._ready.append)(items)

    def _first_attempt(self, step: str, path: str) -> Job:
        return self._attempt(step, path, 1)

    def _attempt(self, step: str, path: str, attempt: int) -> Job:
        return Job(step, path, attempt, last=attempt > retries(self._graph.nodes[step]))
