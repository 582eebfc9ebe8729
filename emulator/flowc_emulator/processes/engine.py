"""Run jobs in separate processes: start them, pass on their output, enforce timeouts, and report how they ended.

The engine knows nothing about flows. A job is any hashable object, a `Launcher` starts its process, and an `Observer`
is called for each event.
"""

from __future__ import annotations

import gc
import heapq
import os
import signal
import time
from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar, final

from flowc_emulator.processes.guardian import Guardian
from flowc_emulator.processes.hangs import Hangs
from flowc_emulator.processes.terminal import Lender, Terminal
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.contract import TIMEOUT_GRACE
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.signals import heeded
from flowc_runtime.process import ending
from flowc_runtime.process.collecting import collect_as_usual
from flowc_runtime.process.leftovers import GRACE as LEFT_GRACE
from flowc_runtime.process.leftovers import children, end_adopted
from flowc_runtime.process.process import adopt_orphans, adopts_orphans, leave_orphans, load_prctl, spawn
from flowc_runtime.process.watch import Called, Ended, Output, Reported, Signalled, Watcher, kill_child
from flowc_runtime.run.task import breakpoints, failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowc_emulator.processes.guardian import EndOthers
    from flowc_emulator.processes.observer import Launcher, Observer
    from flowc_runtime.base.signals import Wakeup
    from flowc_runtime.process.process import Child
    from flowc_runtime.process.watch import Reaper

MOST_GUARDIANS = 10  # The largest number of killed guardian processes that are replaced.
GRACE = 5.0  # Seconds between SIGTERM and SIGKILL when jobs are ended.

J = TypeVar("J")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """The descriptors that a new process inherits from the engine."""

    guardian: Guardian
    terminal: Terminal | None
    close: tuple[int, ...]  # the engine's descriptors, which a forked process must close
    prctl: Callable[[int, int], None] | None

    def lease(self) -> breakpoints.Lease | None:
        """Return the object with which a debugger borrows the terminal; call this method in the new process."""
        return self.terminal.enter_child() if self.terminal is not None else None


@final
@dataclass(frozen=True, slots=True)
class ForkStart:
    """Starts a process as a fork of this process. The fork calls `body(control, place)` and exits with the returned
    code."""

    body: Callable[[int, Inherited], int]

    def launch(self, place: Inherited) -> tuple[Child, Reaper | None]:
        """Fork this process; the child calls `body` and never returns from this call. Raises OSError."""

        def enter(control: int) -> int:
            place.guardian.enter_child()
            return self.body(control, place)

        return spawn(enter, prctl=place.prctl, close=place.close), None


@final
@dataclass(frozen=True, slots=True)
class Finished(Generic[J]):
    """The end of a job: the job's process has ended, or has sent its complete report. The end is reported after the
    job's output.

    `why` is the reason if the engine ended the process. `by_caller` is true if `Engine.end` was called for the job.
    """

    job: J
    ended: Ended
    began: float  # seconds since the epoch
    why: str | None
    by_caller: bool


@dataclass(slots=True)
class _Running(Generic[J]):
    job: J
    child: Child
    began: float
    timed_out: bool = False
    ended_by: str | None = None
    reported: bool = False  # whether the process has reported the job's end, but continues, for example to render cards


class _Own(frozenset[int]):
    """The processes that belong to no job: the given pids and all processes in this process's session. Each job has a
    session of its own."""

    def __contains__(self, pid: object) -> bool:
        if super().__contains__(pid):
            return True
        assert isinstance(pid, int)
        try:
            return os.getsid(pid) == os.getsid(0)
        except ProcessLookupError:
            return False


class Engine(Generic[J]):
    """Runs jobs until they end. The engine is single-threaded, so it can fork at any time."""

    def __init__(
        self, observer: Observer[J], *, guard: tuple[EndOthers, Callable[[], None]], close: Iterable[int] = ()
    ) -> None:
        """`guard`: the functions that the `Guardian` calls; `close`: further descriptors that new processes close."""
        self._observer = observer
        self._guard = guard
        self._close = tuple(close)
        self._running: dict[int, _Running[J]] = {}
        self._deadlines: list[tuple[float, int, int]] = []  # signals to send later: (time, pid, signal)
        self._watcher = Watcher(heeded())
        self._terminal = Terminal.find()
        self._lender: Lender | None = None
        self._hangs = Hangs()
        self._prctl = load_prctl()
        self._children: frozenset[int] = frozenset()  # The children of this process before the first job.
        self._adopted = False  # Whether this process already adopted orphans before the first job.
        self._replaced = 0  # The number of guardians that were replaced.
        self._hurried = False  # Whether a second signal has arrived.
        self.remaining = 0
        """The number of processes that continue after the end of their jobs."""
        self.signal: int | None = None
        """The signal that interrupted the jobs, or None."""

    @property
    def jobs(self) -> list[J]:
        """The active jobs."""
        return [running.job for running in self._running.values() if not running.reported]

    def __len__(self) -> int:
        return len(self._running) - self.remaining

    @property
    def wakeup(self) -> Wakeup:
        """The object that records signals that have arrived but are not reported yet."""
        return self._watcher.wakeup

    # -- beginning and end

    def begin(self, *, forks: bool = True) -> None:
        """Begin to handle signals, adopt orphaned processes, and fork the guardian.

        Hazard: call this method only after all modules that tasks share are imported. The garbage collector ignores the
        objects that exist now until `close` is called.

        Args:
            forks: whether jobs may be forks of this process. If not, the buffered output of this process is not flushed
                first.

        Raises:
            OSError: the fork fails.
        """
        self._children = frozenset(children())
        self._adopted = adopts_orphans()
        adopt_orphans(self._prctl)
        if forks:
            ending.settle()
        collect_as_usual()
        gc.freeze()  # existing objects are never collected, so that collections in the children do not copy their pages
        self._watcher.__enter__()
        self._lend_terminal()
        self._guardian = self._new_guardian()

    def _new_guardian(self) -> Guardian:
        terminal = self._terminal.descriptors() if self._terminal is not None else []
        guardian = Guardian(*self._guard, [*self._descriptors(), *terminal], self._running)
        self._watcher.wake(guardian.pid)
        return guardian

    def _replace_guardian(self) -> None:
        """Replace the guardian, which was killed by a user or for lack of memory."""
        self._guardian.close()
        self._replaced += 1
        if self._replaced > MOST_GUARDIANS:
            raise FlowcError("the guardian process was killed several times, so the run ends; find out what kills it")
        try:
            self._guardian = self._new_guardian()
        except OSError as error:
            raise FlowcError(f"the guardian process was killed and cannot be replaced: {error.strerror}") from error
        self._observer.note("the guardian process was killed; another guardian was started")

    def end_all(self, keep: Iterable[int] = ()) -> None:
        """End active jobs and the programs that jobs have left running, except for the processes in `keep`.

        Each program gets a grace period after SIGTERM; a second interrupt by the user ends this period. Children that
        this process started itself, before the first job or later (such as a pool of `multiprocessing`), are not ended.
        """
        for running in self._running.values():  # jobs are still active only if the caller raised an exception
            kill_child(running.child.pid, signal.SIGKILL)
        grace = 0.0 if self._hurried else LEFT_GRACE
        own = _Own({self._guardian.pid, *keep, *self._children})
        asked = self._watcher.asked_groups()
        end_adopted(own, asked_groups=asked, grace=grace, hurry=self._watcher.wakeup)

    def close(self) -> None:
        """Release all resources, after the jobs have ended and their results are recorded."""
        self._guardian.dismiss()
        if self._terminal is not None:
            self._terminal.close()
        gc.unfreeze()
        if not self._adopted:
            leave_orphans(self._prctl)
        self._watcher.__exit__()

    # -- jobs

    def start(self, job: J, launcher: Launcher, *, seconds: float | None = None) -> int:
        """Start the process of a job and return its pid.

        Args:
            job: the job.
            launcher: starts the process.
            seconds: the process is killed after this time; None sets no limit.

        Raises:
            OSError: the process cannot be started.
        """
        began = time.time()
        place = Inherited(
            guardian=self._guardian, terminal=self._terminal, close=tuple(self._descriptors()), prctl=self._prctl
        )
        child, reaper = launcher.launch(place)
        self._watcher.add(child, reaper)
        self._running[child.pid] = _Running(job, child, began)
        self._hangs.began(child.pid)
        if seconds is not None:
            self._deadline(seconds, child.pid, signal.SIGKILL)
        return child.pid

    def end(self, job: J, why: str) -> None:
        """Ask a job's process to end, and kill the process after the grace period.

        `why` becomes `Finished.why`; a job that is already ending keeps its first reason.
        """
        for pid, running in self._running.items():
            if running.job == job and running.ended_by is None and not running.reported:
                running.ended_by = why
                self._watcher.ask(pid)
                self._deadline(GRACE, pid, signal.SIGKILL)

    def poll(self, timeout: float | None = None) -> list[Finished[J]]:
        """Wait for an event; return the jobs that have ended. The observer gets all other events.

        Args:
            timeout: the largest number of seconds to wait; None sets no limit.

        Raises:
            FlowcError: the guardian was killed several times, or cannot be replaced.
        """
        finished: list[Finished[J]] = []
        for event in self._watcher.poll(self._wait(timeout)):
            match event:
                case Output(child, stream, data):
                    self._observer.output(self._running[child.pid].job, stream, data)
                case Reported(child, report):
                    finished += self._reported(self._running[child.pid], report)
                case Ended():
                    finished += self._ended(event)
                case Signalled(signal.SIGINT) if self._lender is not None and self._lender.interrupt():
                    continue  # Ctrl-C at a debugger's prompt is passed to the debugger
                case Signalled(number):
                    self.interrupt(number)
                case Called():
                    self._serve()
        self._kill_overdue()
        self._look_for_hangs()
        if self._watcher.woken and self._guardian.is_gone():
            self._replace_guardian()
        return finished

    def interrupt(self, number: int) -> None:
        """End all jobs because of a signal: the first call asks them to end and waits, the second call kills them."""
        again, self.signal = self.signal is not None, self.signal or number
        self._hurried = again
        self._observer.interrupted(number, len(self), again=again)
        for pid in self._running:
            if again:
                kill_child(pid, signal.SIGKILL)
            else:
                self._watcher.ask(pid)
            self._deadline(GRACE, pid, signal.SIGKILL)

    def _wait(self, timeout: float | None) -> float | None:
        """Return the seconds until the next deadline or check; None if no deadline and no check is due."""
        waits = [timeout] if timeout is not None else []
        if self._deadlines:
            waits.append(max(0.0, self._deadlines[0][0] - time.monotonic()))
        if (seconds := self._hangs.wait()) is not None:
            waits.append(seconds)
        return min(waits, default=None)

    def _descriptors(self) -> Sequence[int]:
        """Return the engine's descriptors, which a forked process must close."""
        return [*self._watcher.descriptors(), *self._close]

    def _reported(self, running: _Running[J], report: bytes) -> list[Finished[J]]:
        """Report the end of a job whose process continues, for example to render cards. A job that is being ended
        continues until its process ends."""
        if running.reported or running.ended_by is not None or self.signal is not None:
            return []
        self._show_output(running)
        running.reported = True
        self.remaining += 1
        self._hangs.ended(running.child.pid)
        return [Finished(running.job, Ended(running.child, 0, None, 0, report), running.began, None, False)]

    def _ended(self, event: Ended) -> list[Finished[J]]:
        pid = event.child.pid
        running = self._running.pop(pid)
        self._guardian.reaped(pid)
        self._hangs.ended(pid)
        if self._lender is not None:
            self._lender.ended(pid)
        if running.reported:
            self.remaining -= 1
            if event.code != 0 and self.signal is None:
                self._observer.cut_short(running.job, event)
            return []
        why = None
        if self.signal is not None:
            why = f"interrupted by {failures.signal_name(self.signal)}"
        elif running.ended_by is not None:
            why = running.ended_by
        elif running.timed_out:
            why = "the process was killed: it was still running after its timeout"
        return [Finished(running.job, event, running.began, why, running.ended_by is not None)]

    def _show_output(self, running: _Running[J]) -> None:
        for event in self._watcher.drain(running.child.pid):
            if isinstance(event, Output):
                self._observer.output(running.job, event.stream, event.data)

    def _look_for_hangs(self) -> None:
        for pid in self._hangs.look():
            if self._lender is None or pid not in self._lender.paused:
                self._observer.hung(self._running[pid].job)

    # -- the terminal for debuggers

    def _lend_terminal(self) -> None:
        """Start to accept the jobs' requests for the terminal."""
        if self._terminal is None:
            return
        import_module("pdb")  # imported once, before the forks: every job gets a patched pdb

        self._lender = Lender(self._terminal, hold=self._hold, release=self._release)
        self._watcher.listen(self._terminal.requests)

    def _serve(self) -> None:
        assert self._lender is not None
        if self._lender.serve():
            self._observer.note("the debugger was quit: the run ends")
            self.interrupt(signal.SIGINT)

    def _hold(self, pid: int) -> bool:
        """Show the job's output before the debugger's prompt; return False if the job has ended."""
        running = self._running.get(pid)
        if running is None:
            return False
        self._show_output(running)
        self._observer.held(running.job)
        return True

    def _release(self, pid: int, seconds: float) -> None:
        self._observer.released()
        self._deadlines = [(when + seconds * (of == pid), of, number) for when, of, number in self._deadlines]
        heapq.heapify(self._deadlines)

    # -- deadlines

    def _deadline(self, seconds: float, pid: int, number: int) -> None:
        heapq.heappush(self._deadlines, (time.monotonic() + seconds, pid, number))

    def _kill_overdue(self) -> None:
        while self._deadlines and self._deadlines[0][0] <= time.monotonic():
            _, pid, number = heapq.heappop(self._deadlines)
            if self._lender is not None and pid in self._lender.paused and self.signal is None:
                self._deadline(TIMEOUT_GRACE, pid, number)  # a user debugs the process: postpone the signal
            elif running := self._running.get(pid):
                running.timed_out = self.signal is None and running.ended_by is None
                kill_child(pid, number)
