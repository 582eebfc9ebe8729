"""Executes one attempt of a task in this process, reports it to the parent process, and ends the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.errors import (
    ArtifactError,
    FlowcError,
)
from flowc_runtime.process import ending
from flowc_runtime.run.task.attempts import Result, begin_ending, begin_rest, outcome_code, refuse, report
from flowc_runtime.run.task.task import Attempt, flush_streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.run.program import Cards


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
    return _execute(Attempt(job, end))


def _execute(attempt: Attempt) -> Result:
    job = attempt.job
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
    except BaseException as error:  # BaseException includes SystemExit and KeyboardInterrupt
        return attempt.failed(error)


def perform_and_report(job: Assignment, control: int) -> int:
    """In a task's process: execute the attempt, report the result on the pipe `control`, and return the exit code.

    The cards of the attempt are rendered after the report, so that the parent process does not wait for them.
    """
    try:
        result, cards = _execute_with_cards(job, control)
    except FlowcError as error:
        return refuse(error, control)
    if cards is not None:
        cards.collect()
        flush_streams()
    report(control, result)
    if cards is not None:
        if result.outcome != "failed":
            begin_rest(control)
        cards.finish()
        flush_streams()
    return outcome_code(result.outcome, final=result.final)


def _execute_with_cards(job: Assignment, control: int) -> tuple[Result, Cards | None]:
    """Execute the attempt and return its result and its cards. The step's artifacts are not in memory afterwards."""
    attempt = Attempt(job, lambda: end_process(control))
    result = _execute(attempt)
    return result, attempt.cards


def end_process(control: int) -> None:
    """Report on the control pipe that the code has ended, then end the user's threads and run exit handlers.

    An exit handler may end the process; then this function does not return.
    """
    begin_ending(control)
    ending.end()
