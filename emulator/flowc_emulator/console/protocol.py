"""The methods by which the supervisor shows a run; each kind of console implements them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_emulator.console.tally import Tally
    from flowc_emulator.scheduling.scheduler import Job, Scheduler
    from flowc_runtime.process.logs import Stream
    from flowc_runtime.store.records.record_types import ErrorRecord


class Console(Protocol):
    """Shows a run. The supervisor calls the methods in the order of the events. If an output stream is closed, the
    methods raise no error."""

    @property
    def live(self) -> bool:
        """Whether the supervisor has to call `progress` several times a second, even if no event occurs."""
        ...

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None:
        """Show that a run has begun.

        Args:
            pathspec: the run, FLOW/RUN.
            workers: the largest number of tasks that run in parallel.
            store: the address of the store.
            exact: whether `workers` tasks can always run in parallel. If false, this number is only reached while some
                tasks wait without using a processor.
        """
        ...

    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None:
        """Show the tasks that a resumed run reuses.

        Args:
            origin: the resumed run, FLOW/RUN.
            tasks: the number of reused tasks.
            again: the steps whose finished tasks in the resumed run are not reused (step -> the reason).
            following: further steps that run again because they follow a step in `again`.
        """
        ...

    def task_began(self, job: Job, pid: int) -> None:
        """Show that an attempt has begun in the process `pid`."""
        ...

    def output(self, job: Job, stream: Stream, data: bytes) -> None:
        """Show an attempt's output. `data` may end in the middle of a line; empty `data` only updates progress bars."""
        ...

    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "", mocked: str = "") -> None:
        """Show that a task is done.

        Args:
            job: the last attempt of the task.
            seconds: the duration of that attempt.
            caught: whether @catch caught a failure.
            cached: the task whose results this task reuses (@cache), as RUN/STEP/TASK; empty if there is none.
            mocked: a remark about the patch that replaced the step's code; empty if the step's own code ran.
        """
        ...

    def task_failed(self, job: Job, error: ErrorRecord, follow: Job | None, *, stops: bool = False) -> None:
        """Show that an attempt has failed.

        Args:
            job: the attempt.
            error: the reason.
            follow: the next attempt of the task; None if no attempt follows.
            stops: whether the next attempt is omitted because the run has failed.
        """
        ...

    def task_ended(self, job: Job, error: ErrorRecord) -> None:
        """Show that the run stopped an attempt, because the run was interrupted or another task of the gang failed."""
        ...

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        """Show that a signal ends the run.

        Args:
            number: the signal.
            running: the number of active attempts.
            again: whether this is the second signal, which kills the attempts at once.
        """
        ...

    def progress(self, scheduler: Scheduler, running: Sequence[Job], *, stops: bool = False) -> None:
        """Show the progress of the run.

        Args:
            scheduler: provides the numbers of tasks.
            running: the active attempts.
            stops: whether the run starts no further tasks.
        """
        ...

    def finish(self, job: Job) -> None:
        """Show the incomplete last lines of an attempt that has ended."""
        ...

    def hold(self, job: Job) -> None:
        """Let the debugger of an attempt use the terminal, and hold back all output until `release` is called."""
        ...

    def release(self) -> None:
        """Use the terminal again after a debugger, and show the output that was held back."""
        ...

    def note(self, text: str) -> None:
        """Show a note about the run, in one line."""
        ...

    def run_ended(self, pathspec: str, state: str, tally: Tally, seconds: float) -> None:
        """Show how the run ended.

        Args:
            pathspec: the run, FLOW/RUN.
            state: `succeeded`, `failed` or `interrupted`.
            tally: the numbers of the run's tasks by outcome.
            seconds: the duration of the run.
        """
        ...
