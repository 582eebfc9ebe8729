"""The calls by which a run is shown: a console implements them for people, or for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_emulator.console.tally import Tally
    from flowc_emulator.scheduling.scheduler import Job, Scheduler
    from flowc_runtime.process.logs import Stream
    from flowc_runtime.store.records.record_types import ErrorRecord


class Console(Protocol):
    """The output of a run. The supervisor calls it in the order of the events; it raises nothing for a lost stream."""

    @property
    def live(self) -> bool:
        """Whether `progress` should also be called between events, several times a second."""
        ...

    def run_began(self, pathspec: str, workers: int, store: str, *, exact: bool = True) -> None:
        """Show that a run has begun.

        Args:
            pathspec: the run, FLOW/RUN.
            workers: the most tasks that run in parallel.
            store: the address of the store.
            exact: whether that number of tasks may always run; else only while some of them wait.
        """
        ...

    def reused(self, origin: str, tasks: int, again: Mapping[str, str], following: Sequence[str]) -> None:
        """Show the tasks that a resumed run reuses.

        Args:
            origin: the resumed run, FLOW/RUN.
            tasks: the number of reused tasks.
            again: the steps that run again although the resumed run has finished tasks of them, with the reasons.
            following: the other steps that run again because they follow one of these.
        """
        ...

    def task_began(self, job: Job, pid: int) -> None:
        """Show that an attempt has begun in the process `pid`."""
        ...

    def output(self, job: Job, stream: Stream, data: bytes) -> None:
        """Show output of an attempt: bytes that may end anywhere in a line; empty to update its progress bars."""
        ...

    def task_done(self, job: Job, seconds: float, *, caught: bool, cached: str = "", mocked: str = "") -> None:
        """Show that a task is done.

        Args:
            job: its last attempt.
            seconds: the duration of that attempt.
            caught: whether @catch caught a failure.
            cached: the task whose results it reuses (@cache), as RUN/STEP/TASK; empty if there is none.
            mocked: the remark about a patch that replaced the step's code; empty if its code ran.
        """
        ...

    def task_failed(self, job: Job, error: ErrorRecord, follow: Job | None, *, stops: bool = False) -> None:
        """Show that an attempt has failed.

        Args:
            job: the attempt.
            error: the reason.
            follow: the next attempt of the task; None if there is none.
            stops: whether another attempt would follow, but the run has failed.
        """
        ...

    def task_ended(self, job: Job, error: ErrorRecord) -> None:
        """Show that the run has ended an attempt, because it was interrupted or another task of the gang failed."""
        ...

    def interrupted(self, number: int, running: int, *, again: bool) -> None:
        """Show that a signal ends the run.

        Args:
            number: the signal.
            running: the number of active attempts.
            again: whether it is the second signal, which kills them at once.
        """
        ...

    def progress(self, scheduler: Scheduler, running: Sequence[Job], *, stops: bool = False) -> None:
        """Show the progress of the run.

        Args:
            scheduler: has the numbers of tasks.
            running: the active attempts.
            stops: whether no further task starts.
        """
        ...

    def finish(self, job: Job) -> None:
        """Show the incomplete last lines of an attempt that has ended."""
        ...

    def hold(self, job: Job) -> None:
        """Leave the terminal to a debugger in an attempt; output is held back until `release`."""
        ...

    def release(self) -> None:
        """Take the terminal back, and show the output that was held back."""
        ...

    def note(self, text: str) -> None:
        """Show a remark about the run, in one line."""
        ...

    def run_ended(self, pathspec: str, state: str, tally: Tally, seconds: float) -> None:
        """Show how the run ended.

        Args:
            pathspec: the run, FLOW/RUN.
            state: `succeeded`, `failed` or `interrupted`.
            tally: the numbers of its tasks.
            seconds: its duration.
        """
        ...
