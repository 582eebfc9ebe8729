"""The supervisor: forks a process per attempt, pumps its output, and records what the process itself cannot."""

from __future__ import annotations

import gc
import heapq
import os
import signal
import threading
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

from flowc_emulator.guardian import Guardian
from flowc_emulator.orphans import end_adopted
from flowc_emulator.scheduler import Job, Scheduler
from flowc_emulator.seeds import Seeds
from flowc_emulator.terminal import Lender, Terminal
from flowc_emulator.threads import Threads
from flowc_runtime import breakpoints, failures, logs
from flowc_runtime.assignment import Assignment
from flowc_runtime.attempts import read_report, record_death
from flowc_runtime.errors import NO_RETRY, FlowcError, StoreError
from flowc_runtime.process import Child, adopt_orphans, load_prctl, spawn
from flowc_runtime.task import perform_and_report
from flowc_runtime.watch import Called, Ended, Output, Signalled, Watcher, kill_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_emulator.agent import Agent
    from flowc_emulator.console import Console
    from flowc_emulator.environments import Isolation
    from flowc_runtime.attempts import Result
    from flowc_runtime.codecs import ArtifactRef
    from flowc_runtime.index import Graph
    from flowc_runtime.records import ErrorRecord
    from flowc_runtime.reuse import Reuse
    from flowc_runtime.store import RunStore

GRACE = 5.0  # seconds between SIGTERM and SIGKILL when a run is interrupted
TIMEOUT_GRACE = 120.0  # seconds past its timeout after which a task that ignores it is killed, as a pod would be
REFRESH = 0.2  # seconds between updates of the progress line on a terminal


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """The only task of a run: it follows those of the run `inputs`, with some artifacts of its own.

    Its first attempt has been claimed.
    """

    step: str
    path: str
    inputs: str
    overrides: Mapping[str, ArtifactRef]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a run is made of.

    `run` is the store as tasks use it, in processes of their own; `records` is the same store as the supervisor uses
    it: through `agent`, where the store is remote. `max_splits` is how many tasks a foreach may make, None: any number.
    `isolation` has the steps with interpreters of their own. `start` is what was asked for of how tasks begin.
    `reuse` has the tasks that another run has done: this one resumes it. `only`: one task is all.
    """

    run: RunStore
    records: RunStore
    graph: Graph
    cls: type
    parameters: Mapping[str, Any]
    user: str
    max_workers: int
    seeds: Seeds
    agent: Agent | None = None
    tags: tuple[str, ...] = ()
    namespace: str | None = None
    max_splits: int | None = None
    cache: bool = True
    isolation: Isolation | None = None
    start: Literal["auto", "fork", "fresh"] = "auto"
    reuse: Reuse | None = None
    only: Only | None = None


@final
@dataclass(frozen=True, slots=True)
class Failure:
    """The task that made the run fail."""

    job: Job
    error: ErrorRecord


@final
@dataclass(frozen=True, slots=True)
class RunResult:
    """How the run ended: `failures` in the order in which they happened, `signal` if one interrupted it."""

    tasks: int
    failures: tuple[Failure, ...]
    signal: int | None

    @property
    def ok(self) -> bool:
        """Whether every task of the flow is done."""
        return not self.failures and self.signal is None


@dataclass(slots=True)
class _Running:
    job: Job
    child: Child
    began: float
    timed_out: bool = False
    ended_by: str | None = None  # the task of its gang that failed


class Supervisor:
    """Runs one plan to its end."""

    def __init__(self, plan: Plan, console: Console, *, timeout_grace: float = TIMEOUT_GRACE) -> None:
        self._plan = plan
        self._console = console
        self._scheduler = Scheduler(plan.graph, (plan.only.step, plan.only.path) if plan.only else None)
        self._running: dict[int, _Running] = {}
        self._deadlines: list[tuple[float, int, int]] = []  # (when, pid, signal)
        self._failures: list[Failure] = []
        self._signal: int | None = None
        self._broken: str | None = None  # why the run cannot go on, which is no task's fault
        self._timeout_grace = timeout_grace
        self._prctl = load_prctl()
        self._threads = Threads()
        self._terminal = Terminal.find()
        self._lender: Lender | None = None

    def run(self) -> RunResult:
        """Run until everything is done, or something failed and what was running has ended."""
        adopt_orphans(self._prctl)
        if threading.active_count() > 1:
            self._console.note("the flow started threads when it was imported; they do not exist in its tasks")
        gc.collect()
        gc.freeze()  # what is there now is never collected, so the children do not copy its pages for the collector
        with Watcher([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]) as self._watcher:
            self._guardian = Guardian(self._plan.run, [*self._descriptors(), *self._lend_terminal()])
            try:
                self._reuse()
                self._loop()
            except FlowcError as error:
                self._broken = str(error)
                raise
            finally:
                for running in self._running.values():  # only if it broke off: nothing is left behind all the same
                    kill_group(running.child.pid, signal.SIGKILL)
                end_adopted(keep={self._guardian.pid, *([agent.pid] if (agent := self._plan.agent) else [])})
                with suppress(StoreError) if self._broken else nullcontext():  # the store may be what is broken
                    self._record_end()
                self._guardian.dismiss()
                if self._terminal is not None:
                    self._terminal.close()
                gc.unfreeze()
        return RunResult(self._scheduler.done, tuple(self._failures), self._signal)

    def _reuse(self) -> None:
        """All that is reused comes first: what follows a task that is run, runs."""
        reuse, run = self._plan.reuse, self._plan.records
        if reuse is None:
            return

        def reused(step: str, path: str) -> Result | None:
            record = reuse.find(step, path)
            return reuse.take(run, record) if record is not None else None

        self._scheduler.replay(reused)
        reuse.flush(run)
        run.set_reused(self._scheduler.done)
        origin = f"{run.flow}/{reuse.origin.id}"
        self._console.reused(origin, self._scheduler.done, reuse.reasons, reuse.following())

    def _loop(self) -> None:
        while True:
            self._fill()
            if not self._running:
                return
            self._console.progress(self._scheduler, [running.job for running in self._running.values()])
            for event in self._watcher.poll(self._wait()):
                match event:
                    case Output(child, stream, data):
                        self._output(self._running[child.pid], stream, data)
                    case Ended():
                        self._ended(event)
                    case Signalled(signal.SIGINT) if self._lender is not None and self._lender.interrupt():
                        continue  # Ctrl-C at a debugger's prompt is the debugger's
                    case Signalled(number):
                        self._interrupt(number)
                    case Called():
                        self._serve()
            self._kill_overdue()

    def _fill(self) -> None:
        places = self._plan.max_workers
        while not self._failures and self._signal is None:
            count = self._scheduler.startable(places - len(self._running), places)
            if not count:
                return
            for _ in range(count):
                job = self._scheduler.take()
                assert job is not None
                self._launch(job)

    def _wait(self) -> float | None:
        """Seconds until something must be done without an event."""
        waits = [max(0.0, self._deadlines[0][0] - time.monotonic())] if self._deadlines else []
        if self._console.live:
            waits.append(REFRESH)
        return min(waits, default=None)

    # -- one attempt

    def _launch(self, job: Job) -> None:
        plan = self._plan
        tasks = min(plan.max_workers, len(self._running) + 1 + self._scheduler.ready(plan.max_workers))
        began = time.time()
        assignment = Assignment(
            run=plan.run,
            graph=plan.graph,
            step=job.step,
            path=job.path,
            attempt=job.attempt,
            cls=plan.cls,
            parameters=plan.parameters,
            user=plan.user,
            last=job.last,
            only_catch=job.only_catch,
            claimed=plan.only is not None and job.attempt == 1,
            tags=plan.tags,
            namespace=plan.namespace,
            max_splits=plan.max_splits,
            cache=plan.cache,
            origin=plan.reuse.origin.id if plan.reuse else None,
            inputs=plan.only.inputs if plan.only else None,
            overrides=plan.only.overrides if plan.only else {},
        )

        def body(control: int) -> int:
            self._guardian.enter_child()
            os.environ["FLOWC_RUN"] = plan.run.id
            if plan.isolation and plan.isolation.takes(assignment):
                plan.isolation.enter(assignment, control, tasks)
            plan.seeds.enter_child()
            self._threads.enter_child(tasks)
            breakpoints.install(self._terminal.enter_child() if self._terminal else None)
            return perform_and_report(assignment, control)

        try:
            child = spawn(body, prctl=self._prctl, close=self._descriptors())
            self._watcher.add(child)
        except OSError as error:
            why = f"{error.strerror}; --max-workers says how many run at once"
            raise FlowcError(f"cannot start a process for {job.task}: {why}") from error
        self._running[child.pid] = _Running(job, child, began)
        self._console.task_began(job, child.pid)
        if timeout := plan.graph.nodes[job.step].timeout:
            making = plan.graph.nodes[job.step].cards_seconds
            self._deadline(timeout.seconds + making + self._timeout_grace, child.pid, signal.SIGKILL)

    def _descriptors(self) -> list[int]:
        """What a forked process must not hold."""
        agent = self._plan.agent
        return [*self._watcher.descriptors(), *([agent.descriptor()] if agent else [])]

    def _output(self, running: _Running, stream: logs.Stream, data: bytes) -> None:
        self._log(running.job, stream, data)
        self._console.output(running.job, stream, data)

    def _log(self, job: Job, stream: logs.Stream, data: bytes) -> None:
        run = self._plan.records
        run.objects.append(run.log_key(job.step, job.path, job.attempt), logs.frame(time.time(), stream, data))

    def _ended(self, event: Ended) -> None:
        running = self._running.pop(event.child.pid)
        self._guardian.reaped(event.child.pid)
        if self._lender is not None:
            self._lender.ended(event.child.pid)
        job = running.job
        result = read_report(event.report)
        if result is not None and result.outcome != "failed":
            self._scheduler.succeeded(job, result.count, result.choice)
            seconds, caught = time.time() - running.began, result.outcome == "caught"
            self._console.task_done(job, seconds, caught=caught, cached=result.cached)
            return
        error = result.error if result else None
        died = error is None
        if error is None:
            error = self._record_death(running, event)
        follow = None
        if self._signal is None and running.ended_by is None:
            follow = self._scheduler.failed(job, died=died, retryable=event.code != NO_RETRY)
        self._console.task_failed(job, error, follow)
        if follow is None and self._signal is None:
            self._failures.append(Failure(job, error))
            self._end_gang(job)

    def _end_gang(self, job: Job) -> None:
        """A member of a gang has failed for good: the others, which may wait for it, are ended and told why."""
        gang = self._scheduler.gang(job)
        for pid, running in self._running.items() if gang is not None else ():
            if self._scheduler.gang(running.job) == gang and running.ended_by is None:
                running.ended_by = job.task
                kill_group(pid, signal.SIGTERM)
                self._deadline(GRACE, pid, signal.SIGKILL)

    def _record_death(self, running: _Running, event: Ended) -> ErrorRecord:
        """The process left no report: say what the kernel says, or why we killed it."""
        why = None
        if self._signal is not None:
            why = f"interrupted by {failures.signal_name(self._signal)}"
        elif running.ended_by:
            why = f"ended, because {running.ended_by} of the same gang failed"
        elif running.timed_out:
            why = "the process was killed: it went on after its timeout"
        job, plan = running.job, self._plan
        attempt = (job.step, job.path, job.attempt)
        error = record_death(plan.records, plan.graph, attempt, running.began, event, why)
        self._log(job, "stderr", f"{failures.told(error)}\n".encode())  # the console tells it in its own words
        return error

    # -- a terminal for debuggers

    def _lend_terminal(self) -> list[int]:
        """Listen to tasks that ask for the terminal; its descriptors."""
        if self._terminal is None:
            return []
        import pdb  # noqa: F401  # so that tasks find it patched however they come to it

        self._lender = Lender(self._terminal, hold=self._hold, release=self._release)
        self._watcher.listen(self._terminal.requests)
        return self._terminal.descriptors()

    def _serve(self) -> None:
        assert self._lender is not None
        if self._lender.serve():
            self._console.note("the debugger was quit: the run ends")
            self._interrupt(signal.SIGINT)

    def _hold(self, pid: int) -> bool:
        """What the task has printed comes before its prompt; False if there is no such task any more."""
        running = self._running.get(pid)
        if running is None:
            return False
        for event in self._watcher.drain(pid):
            if isinstance(event, Output):
                self._output(running, event.stream, event.data)
        self._console.hold(running.job)
        return True

    def _release(self, pid: int, seconds: float) -> None:
        self._console.release()
        self._deadlines = [(when + seconds * (of == pid), of, number) for when, of, number in self._deadlines]
        heapq.heapify(self._deadlines)

    # -- ending

    def _deadline(self, seconds: float, pid: int, number: int) -> None:
        heapq.heappush(self._deadlines, (time.monotonic() + seconds, pid, number))

    def _kill_overdue(self) -> None:
        while self._deadlines and self._deadlines[0][0] <= time.monotonic():
            _, pid, number = heapq.heappop(self._deadlines)
            if self._lender is not None and pid in self._lender.paused and self._signal is None:
                self._deadline(self._timeout_grace, pid, number)  # somebody is looking at it
            elif running := self._running.get(pid):
                running.timed_out = self._signal is None and running.ended_by is None
                kill_group(pid, number)

    def _interrupt(self, number: int) -> None:
        """The first signal asks the tasks to end and waits a little, the second does not wait."""
        again, self._signal = self._signal is not None, self._signal or number
        self._console.interrupted(number, len(self._running), again=again)
        for pid in self._running:
            kill_group(pid, signal.SIGKILL if again else signal.SIGTERM)
            self._deadline(GRACE, pid, signal.SIGKILL)

    def _record_end(self) -> None:
        state = "succeeded" if self._scheduler.finished else "failed"
        status: Any = {"state": state, "changed": time.time(), "tasks": self._scheduler.done}
        if self._signal is not None:
            status |= {"state": "interrupted", "message": f"by {failures.signal_name(self._signal)}"}
        elif self._broken is not None:
            status["message"] = self._broken
        elif self._failures:
            first = self._failures[0]
            status |= {"failed": f"{first.job.step}/{first.job.path}", "message": first.error["message"]}
        self._plan.records.set_status(status)
