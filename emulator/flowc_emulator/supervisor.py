"""The supervisor of a run: runs a flow's tasks in the scheduler's order, and writes the records that tasks cannot
write."""

from __future__ import annotations

import errno
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from flowc_emulator.console.tally import Tally
from flowc_emulator.launching import Attempts
from flowc_emulator.plan import Failure, RunResult
from flowc_emulator.processes import hangs
from flowc_emulator.processes.engine import Engine
from flowc_emulator.processes.orphans import end_marked
from flowc_emulator.scheduling.scheduler import Job, Scheduler
from flowc_emulator.scheduling.worker_slots import Places
from flowc_emulator.without_code import perform_mocked
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import replace
from flowc_runtime.base.contract import DISALLOW_RETRY, NO_RETRY, TIMEOUT_GRACE
from flowc_runtime.base.errors import FlowcError, StoreError
from flowc_runtime.base.index import in_item
from flowc_runtime.run import patches
from flowc_runtime.run.program import check_runnable
from flowc_runtime.run.task import failures
from flowc_runtime.run.task.attempts import read_report, record_death
from flowc_runtime.store.backends.durability import Disk
from flowc_runtime.store.records.record_types import StatusRecord
from flowc_runtime.store.records.runs import end_run, end_run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from flowc_emulator.console.protocol import Console
    from flowc_emulator.plan import Plan
    from flowc_emulator.processes.engine import Finished
    from flowc_runtime.process import logs
    from flowc_runtime.process.watch import Ended
    from flowc_runtime.run.task.attempts import Result
    from flowc_runtime.store.records.record_types import ErrorRecord, RunState
else:  # imported at first use: only the first output of a task needs this module
    logs = LateModule("flowc_runtime.process.logs")

_KILLED = "the supervisor was killed"
END_LIMIT = 8.0  # Seconds to wait for the store to record that a run was interrupted.
MOST_REMAINING = 32  # While this many ended tasks still render cards, no task starts.
REFRESH = 0.2  # Seconds between updates of the progress line on a terminal.


class Supervisor:
    """Runs the tasks of one plan until the run ends. Raises ProtocolError if the flow has a kind of step that tasks
    cannot run."""

    def __init__(self, plan: Plan, console: Console, *, timeout_grace: float = TIMEOUT_GRACE) -> None:
        check_runnable(plan.graph.flow)
        self._plan = plan
        self._console = console
        self._scheduler = Scheduler(plan.graph, (plan.only.step, plan.only.path) if plan.only else None)
        self._failures: list[Failure] = []
        self._given_up = 0  # The number of tasks that the run has stopped.
        self._broken: str | None = None  # Why the run cannot continue, if the reason is not a failed task.
        self._unsaved: str | None = None  # Why the run's data may not be on the disk.
        self._cut: int | None = None  # The signal that ended the wait for the disk.
        self._told_unrecorded = False
        self._metrics: dict[str, float] = {}  # the latest value of each metric, without metrics of items of a foreach
        self._timeout_grace = timeout_grace
        self._attempts = Attempts(plan)
        self._places = Places(plan.max_workers, plan.processors)
        self._hung: dict[Job, bytes] = {}  # hanging tasks whose stack was requested -> their output since the request
        private = [each.descriptor() for each in (plan.agent, plan.disk, plan.tracking) if each is not None]
        self._engine: Engine[Job] = Engine(self, guard=(self._end_others, self._record_killed), close=private)

    def run(self) -> RunResult:
        """Run until all tasks are done, or a task failed and the active tasks have ended.

        Raises:
            FlowcError: the store cannot be read or written, a process cannot be started, or the guardian is killed
                repeatedly.
        """
        agent, starts = self._plan.agent, self._plan.starts
        self._engine.begin(forks=not all(map(self._is_in_process, self._plan.graph.nodes)))
        if agent is not None:
            agent.wakeup = self._engine.wakeup
        try:
            self._reuse()
            try:
                self._loop()
            except OSError as error:
                if error.errno != errno.EIO or self._engine.signal is not None:
                    raise
                # the terminal is closed, but the SIGHUP for it has not arrived yet
                self._engine.interrupt(signal.SIGHUP)
                self._loop()
        except BaseException as error:
            if self._engine.signal is None or not isinstance(error, StoreError):
                self._broken = str(error) if isinstance(error, FlowcError) else f"{type(error).__name__}: {error}"
                raise
            self._unrecorded(error)
        finally:
            apart = [each.pid for each in (agent, self._plan.tracking) if each is not None]
            self._engine.end_all(keep=[*apart, *(starts.pids if starts else [])])
            self._record_end_if_possible()
            self._engine.close()
            if agent is not None:
                agent.wakeup = None
        number = self._engine.signal or self._cut
        return RunResult(self._tally(), tuple(self._failures), number, self._unsaved)

    def _tally(self) -> Tally:
        totals = self._scheduler.totals
        return Tally(
            done=self._scheduler.done,
            failed=len(self._failures),
            ended=self._given_up,
            total=totals.least,
            exact=totals.exact,
        )

    def _reuse(self) -> None:
        """Record the tasks that are reused from another run. If a task runs again, the tasks that follow it are never
        reused."""
        reuse, run = self._plan.reuse, self._plan.records
        if reuse is None:
            return

        taken: list[tuple[str, str, Result]] = []

        def reused(step: str, path: str) -> Result | None:
            # the scheduler calls this function for each task, so the progress line is updated here
            self._console.progress(self._scheduler, ())
            record = reuse.find(step, path)
            if record is None:
                return None
            result = reuse.take(run, record)
            if result.metrics:
                taken.append((step, path, result))
            return result

        self._scheduler.replay(reused)
        reuse.flush(run)
        # only after `flush`, because the tracker's process reads the records from the store
        for step, path, result in taken:
            self._measured(step, path, 1, result)
        run.set_reused(self._scheduler.done)
        origin = f"{run.flow}/{reuse.origin.id}"
        self._console.reused(origin, self._scheduler.done, reuse.reasons, reuse.following())

    def _loop(self) -> None:
        while True:
            self._fill()
            if not len(self._engine) and not self._engine.remaining:
                return
            self._console.progress(self._scheduler, self._engine.jobs, stops=self._stops)
            for finished in self._engine.poll(self._patience()):
                self._ended(finished)

    def _patience(self) -> float | None:
        """Return the seconds to wait for an event; None means no limit."""
        waits = [REFRESH] if self._console.live else []
        if not self._stops and self._scheduler.ready(1) and (seconds := self._places.wait()) is not None:
            waits.append(seconds)
        return min(waits, default=None)

    @property
    def _stops(self) -> bool:
        """Return whether the run starts no further task."""
        return bool(self._failures) or self._engine.signal is not None

    def _fill(self) -> None:
        if self._scheduler.ready(1):
            self._places.look()
        while not self._stops and self._engine.remaining < MOST_REMAINING:
            count = self._scheduler.startable(self._places.count - len(self._engine), self._places.computing)
            if not count:
                return
            for _ in range(count):
                job = self._scheduler.take()
                assert job is not None
                self._launch(job)

    # -- one attempt

    def _launch(self, job: Job) -> None:
        plan = self._plan
        if self._is_in_process(job.step):
            self._mock(job)
            return
        tasks = min(plan.max_workers, len(self._engine) + 1 + self._scheduler.ready(plan.max_workers))
        seconds = None
        if timeout := plan.graph.nodes[job.step].timeout:
            seconds = timeout.seconds + plan.graph.nodes[job.step].cards_seconds + self._timeout_grace
        try:
            launcher = self._attempts.launcher(self._attempts.assignment(job), tasks)
            pid = self._engine.start(job, launcher, seconds=seconds)
        except OSError as error:
            why = f"{error.strerror}; --max-workers limits the number of parallel tasks"
            raise FlowcError(f"cannot start a process for {job.task}: {why}") from error
        self._places.began(pid, job.step)
        self._console.task_began(job, pid)

    def _is_in_process(self, step: str) -> bool:
        """Return whether the step's code is replaced by a patch that runs no user code."""
        patch = self._plan.patches.get(step)
        return patch is not None and patch["kind"] in patches.IN_PROCESS

    def _mock(self, job: Job) -> None:
        """Run the attempt of a mocked task in this process, because the attempt runs no user code."""
        began = time.time()
        result, log = perform_mocked(replace(self._attempts.assignment(job), run=self._plan.records, last=True))
        if log:
            self.output(job, "stderr", log.encode())
        if result.outcome != "failed":
            self._measured(job.step, job.path, job.attempt, result)
            self._scheduler.succeeded(job, result.count, result.choice)
            caught = result.outcome == "caught"
            self._console.task_done(job, time.time() - began, caught=caught, mocked=result.mocked)
        else:
            assert result.error is not None
            self._console.task_failed(job, result.error, None)
            self._failures.append(Failure(job, result.error))
        for finished in self._engine.poll(0):  # handle signals and the end of other tasks
            self._ended(finished)

    def _log(self, job: Job, stream: logs.Stream, data: bytes) -> None:
        run = self._plan.records
        run.objects.append(run.log_key(job.step, job.path, job.attempt), logs.frame(time.time(), stream, data))

    def _ended(self, finished: Finished[Job]) -> None:
        job, event = finished.job, finished.ended
        self._hung.pop(job, None)
        self._places.ended(event.child.pid)
        result = read_report(event.report)
        if result is not None and result.outcome != "failed":
            self._measured(job.step, job.path, job.attempt, result)
            self._scheduler.succeeded(job, result.count, result.choice)
            seconds, caught = time.time() - finished.began, result.outcome == "caught"
            self._console.task_done(job, seconds, caught=caught, cached=result.cached, mocked=result.mocked)
            return
        error = result.error if result else None
        died = error is None
        ended_by_run = finished.by_caller or self._engine.signal is not None
        if error is None:
            error = self._record_death(finished, ended_by_run=ended_by_run)
        if ended_by_run:
            self._given_up += 1
            self._console.task_ended(job, error)
            return
        # the task itself called os._exit with this code: the task has failed, even if its step has @catch
        ends = event.code == DISALLOW_RETRY
        follow = self._scheduler.failed(job, died=died and not ends, retryable=not ends and event.code != NO_RETRY)
        # a retry is due, but the run starts no further task, because another task has failed
        stops = follow is not None and self._stops
        self._console.task_failed(job, error, None if stops else follow, stops=stops)
        if follow is None or stops:
            if result is not None:
                self._measured(job.step, job.path, job.attempt, result)
            self._failures.append(Failure(job, error))
            self._end_gang(job)

    def _measured(self, step: str, path: str, attempt: int, result: Result) -> None:
        """Keep the last values of the metrics of a task that has ended, for the run's status, and let the tracker's
        process send the task's metrics."""
        if not result.metrics:
            return
        if not in_item(path):
            self._metrics |= result.metrics
        if self._plan.tracking is not None:
            self._plan.tracking.task_ended(step, path, attempt)

    def _end_gang(self, job: Job) -> None:
        """End the other members of a failed job's gang, because they may wait for the job; give the failed job as the
        reason."""
        gang = self._scheduler.gang(job)
        for other in self._engine.jobs if gang is not None else ():
            if self._scheduler.gang(other) == gang:
                self._engine.end(other, f"ended, because {job.task} of the same gang failed")

    def _record_death(self, finished: Finished[Job], *, ended_by_run: bool) -> ErrorRecord:
        """Write the record of an attempt whose process has ended without a report, and return the error in this record.
        The error names the signal, the exit code, or the reason why flowc has killed the process."""
        job, plan = finished.job, self._plan
        attempt = (job.step, job.path, job.attempt)
        began, ended, why = finished.began, finished.ended, finished.why
        error = record_death(plan.records, plan.graph, attempt, began, ended, why, ended_by_run=ended_by_run)
        # the error is only appended to the log, because the console itself reports the failed attempt
        self._log(job, "stderr", f"{failures.text_of(error)}\n".encode())
        return error

    # -- events of the engine

    def output(self, job: Job, stream: logs.Stream, data: bytes) -> None:
        """Append a task's output to its log, and show it."""
        self._log(job, stream, data)
        self._console.output(job, stream, data)
        if job in self._hung and stream == "stderr":
            self._hung[job] += data
            if told := hangs.note_about(job.task, self._hung[job]):
                del self._hung[job]
                self._console.note(told)

    def cut_short(self, job: Job, ended: Ended) -> None:
        """Report that a process ended before it had rendered the cards of its task, whose result is recorded."""
        how = f"was killed by {failures.signal_name(ended.signal)}" if ended.signal else f"ended with code {ended.code}"
        text = f"[@card WARNING] the cards could not be made; the step is not affected: the task's process {how}\n"
        self.output(job, "stderr", text.encode())

    def held(self, job: Job) -> None:
        """Let a task's debugger use the terminal."""
        self._console.hold(job)

    def released(self) -> None:
        """Use the terminal again after a task's debugger."""
        self._console.release()

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        """Report that a signal ends the run, and limit the time for which the run waits for the store."""
        if self._plan.agent is not None:
            self._plan.agent.limit = END_LIMIT
        self._console.interrupted(number, running, again=again)

    def hung(self, job: Job) -> None:
        """Begin to collect the stack that a hanging task prints into its log."""
        self._hung[job] = b""

    def note(self, text: str) -> None:
        """Show a note."""
        self._console.note(text)

    # -- ending

    def _end_others(self, sessions: Container[int]) -> None:
        """End the processes that have left the sessions of their tasks. The guardian process calls this method."""
        end_marked(self._plan.run.id, sessions)

    def _record_killed(self) -> None:
        """Record that the supervisor was killed. The guardian process calls this method."""
        run, status = self._plan.run, StatusRecord(state="killed", changed=time.time(), message=_KILLED)
        if self._plan.disk is None:
            run.set_status(status)
            return
        with suppress(StoreError):  # the supervisor has ended, so the error cannot be shown
            end_run_here(run, status, lambda told: None, Disk.of(run.objects, "run"))

    def _record_end_if_possible(self) -> None:
        """Record the end of the run; if the store fails after the user has interrupted the run, only show a note."""
        try:
            self._record_end()
        except StoreError as error:
            if self._engine.signal is not None:
                self._unrecorded(error)
            elif not self._broken:
                raise

    def _unrecorded(self, error: StoreError) -> None:
        """Show a note that a signal has ended the run, but the store has not recorded the end. The note is shown only
        once."""
        if not self._told_unrecorded:
            self._told_unrecorded = True
            self._console.note(f"how the run ended is not recorded: {error}")

    def _record_end(self) -> None:
        state: RunState = "succeeded" if self._scheduler.finished else "failed"
        status: StatusRecord = {"state": state, "changed": time.time(), "tasks": self._scheduler.done}
        if self._metrics:
            status["metrics"] = self._metrics
        if self._engine.signal is not None:
            status |= {"state": "interrupted", "message": f"by {failures.signal_name(self._engine.signal)}"}
        elif self._broken is not None:
            status["message"] = self._broken
        elif self._failures:
            first = self._failures[0]
            status |= {"failed": f"{first.job.step}/{first.job.path}", "message": failures.typed(first.error)}
        records = self._plan.records
        try:
            end_run(records, status, self._plan.disk, self._wait_for_disk)
        except StoreError as error:
            if self._plan.disk is None:
                raise
            self._unsaved = str(error)
        if self._cut is not None:
            message = f"by {failures.signal_name(self._cut)}, before all data was on the disk"
            records.set_status(status | {"state": "interrupted", "message": message})

    def _wait_for_disk(self, disk: Disk, then: Callable[[], None]) -> None:
        self._cut = disk.wait_apart(then, self._console.note, self._engine.wakeup)
