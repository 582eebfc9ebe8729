"""Executes one attempt of a task in this process, reports it to the parent process, and ends the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.errors import (
    ArtifactError,
    FlowcError,
)
from flowc_runtime.process import ending
from flowc_runtime.run.task.attempts import Result, begin_ending, outcome_code, refuse, report
from flowc_runtime.run.task.task import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.run.assignment import Assignment


def perform(job: Assignment, end: Callable[[], None]) -> Result:
    """Execute one attempt and write its record.

    Args:
        job: the attempt.
        end: a function that ends the user's threads and runs the exit handlers; it is called before the
            record is written.

    Returns:
        The result of the attempt. A failure of the user code is a result too.

    Raises:
        FlowcError: the attempt could not be executed or recorded.
    """
    attempt = Attempt(job, end)
    attempt.enter()
    try:
        if job.only_catch:
            return attempt.catch_lost()
        if (recalled := attempt.recall()) is not None:
            return recalled
        attempt.run_code()
        return attempt.done()
    except FlowcError as error:
        if isinstance(error, ArtifactError):
            return attempt.failed(error)
        raise
    except BaseException as error:  # also SystemExit and KeyboardInterrupt
        return attempt.failed(error)


def perform_and_report(job: Assignment, control: int) -> int:
    """In a task's process: execute the attempt, report the result on the pipe `control`, and return the exit code."""
    try:
        result = perform(job, lambda: end_process(control))
    except FlowcError as error:
        return refuse(error, control)
    report(control, result)
    return outcome_code(result.outcome, final=result.final)


def end_process(control: int) -> None:
    """Report on the control pipe that the code has ended, then end the user's threads and run exit handlers.

    An exit handler may end the process; then this function does not return.
    """
    begin_ending(control)
    ending.end()
