"""Records of attempts that end outside of `perform`, and the report of a task's process to its parent process."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, cast, final

from flowc_ir import json_text
from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.contract import INFRASTRUCTURE, NO_RETRY, OK, USER_FAILED
from flowc_runtime.process import ending
from flowc_runtime.process.process import COMPLETE, this_process
from flowc_runtime.run.task import failures
from flowc_runtime.store.records.record_types import RECORD_VERSION, AttemptRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.base.errors import FlowcError
    from flowc_runtime.base.index import Graph
    from flowc_runtime.process.watch import Ended
    from flowc_runtime.store.records.record_types import BeginRecord, ErrorRecord, Exit, Outcome
    from flowc_runtime.store.records.run_store import RunStore


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of an attempt, which the orchestrator receives.

    Attributes:
        outcome: how the attempt ended.
        count: the number of tasks of the foreach or gang that follows; 0 for other steps.
        choice: the step that a switch chose; empty for other steps.
        cached: the task whose results @cache reused, as RUN/STEP/TASK; empty if there is none.
        error: the error record of a failed attempt.
        mocked: the remark about the patch that replaced the step's code; empty if the code ran.
        final: whether a failure must not be retried. The report does not contain this field, because the exit code
        expresses it.
    """

    outcome: Outcome
    count: int = 0
    choice: str = ""
    cached: str = ""
    mocked: str = ""
    error: ErrorRecord | None = None
    final: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)


def refuse(error: FlowcError, control: int) -> int:
    """Report an attempt that could not be executed or recorded; return the exit code, which says whether to retry.

    Args:
        error: the reason.
        control: the descriptor of the control pipe.
    """
    say(f"{error}\n")
    report(control, Result(outcome="failed", error=failures.describe_refusal(error)))
    return exit_code(error)


def exit_code(error: FlowcError) -> int:
    """Return the exit code of an attempt that an error of flowc ended: the code says whether a retry may help."""
    return INFRASTRUCTURE if error.passing else NO_RETRY


def report(control: int, result: Result) -> None:
    """Send the result of an attempt to the parent process, without the error's traceback.

    Args:
        control: the descriptor of the control pipe.
        result: the result.

    Raises:
        OSError: the parent process has ended.
    """
    error = dict(result.error or {})
    error.pop("traceback", None)  # without the traceback, since a pipe's buffer is small
    message: dict[str, object] = {
        "outcome": result.outcome,
        "count": result.count,
        "choice": result.choice,
        "error": error or None,
    }
    if result.cached:
        message["cached"] = result.cached
    if result.mocked:
        message["mocked"] = result.mocked
    if result.metrics:
        message["metrics"] = result.metrics
    data = memoryview(json_text.dumps(message).encode())
    while data:
        data = data[os.write(control, data) :]


class _Report(TypedDict):
    outcome: Outcome
    count: int
    choice: str
    error: ErrorRecord | None


class _ChildReport(_Report, total=False):
    cached: str
    mocked: str
    metrics: dict[str, float]


_ENDING = b"\n"


def begin_ending(control: int) -> None:
    """Tell the parent process that the step's code has ended and exit handlers run. The report follows."""
    os.write(control, _ENDING)


def begin_rest(control: int) -> None:
    """Tell the parent process that the report is complete, although this process continues: it renders cards."""
    os.write(control, COMPLETE)


def read_report(report: bytes) -> Result | None:
    """Parse the report of a task's process; return None if the process died before it reported."""
    try:
        message = cast("_ChildReport", json_text.mapping(report))  # `report` wrote it
    except ValueError:
        return None
    return Result(**message)


def begin_record(began: float) -> BeginRecord:
    """Return the record of an attempt's start, with this process as the attempt's process."""
    return {"version": RECORD_VERSION, "began": began, "process": this_process()}


def outcome_code(outcome: Outcome, *, final: bool) -> int:
    """Return the exit code of a task's process; `final` is whether a failure must not be retried."""
    return OK if outcome != "failed" else NO_RETRY if final else USER_FAILED


def new_record(
    run: RunStore, graph: Graph, attempt: tuple[str, str, int], outcome: Outcome, begun: BeginRecord, exit_: Exit
) -> AttemptRecord:
    """Create the record of an attempt that ends now, without parents and artifacts.

    Args:
        run: the run.
        graph: the graph of the flow.
        attempt: the step, the index path and the number of the attempt, from 1.
        outcome: the outcome of the attempt.
        begun: the record of the attempt's start.
        exit_: the process's exit code or signal, and its peak memory.
    """
    step, path, number = attempt
    return AttemptRecord(
        version=RECORD_VERSION,
        flow=run.flow,
        run=run.id,
        step=step,
        path=path,
        attempt=number,
        outcome=outcome,
        began=begun["began"],
        ended=time.time(),
        parents=[],
        artifacts={},
        exit=exit_,
        process=begun["process"],
        code=graph.flow.code.digest,
    )


def record_failure(
    run: RunStore, graph: Graph, attempt: tuple[str, str, int], began: float, error: ErrorRecord, exit_: Exit
) -> None:
    """Write the record of an attempt that failed outside of `perform`.

    Args:
        run: the run.
        graph: the graph of the flow.
        attempt: the step, the index path and the number of the attempt.
        began: the time when the attempt began, in seconds since the epoch.
        error: the reason of the failure.
        exit_: the process's exit code or signal, and its peak memory.

    Raises:
        StoreError: the store cannot be written.
    """
    record = new_record(run, graph, attempt, "failed", begin_record(began), exit_)
    record["error"] = error
    run.finish(record)


def report_failure(
    run: RunStore, graph: Graph, attempt: tuple[str, str, int], began: float, error: ErrorRecord, control: int
) -> int:
    """Record and report an attempt that failed because the user code cannot be imported; return the exit code.

    Threads and exit handlers of the user code end before the record is written.

    Args:
        run: the run.
        graph: the graph of the flow.
        attempt: the step, the index path and the number of the attempt.
        began: the time when the attempt began, in seconds since the epoch.
        error: the failure, with its traceback.
        control: the descriptor of the control pipe.

    Raises:
        StoreError: the store cannot be written.
    """
    say(error["traceback"])
    begin_ending(control)
    ending.end()
    record_failure(run, graph, attempt, began, error, {"code": USER_FAILED})
    report(control, Result(outcome="failed", error=error))
    return USER_FAILED


def record_death(
    run: RunStore,
    graph: Graph,
    attempt: tuple[str, str, int],
    began: float,
    ended: Ended,
    message: str | None = None,
    *,
    ended_by_run: bool = False,
) -> ErrorRecord:
    """In the parent process: record an attempt whose process ended without a report; return the error.

    Args:
        run: the run.
        graph: the graph of the flow.
        attempt: the step, the index path and the number of the attempt.
        began: the time when the attempt began, in seconds since the epoch.
        ended: how the process ended.
        message: the reason if the parent knows it; it replaces the message about the signal or exit code.
        ended_by_run: whether the process was ended because the run ends.

    Raises:
        StoreError: the store cannot be written.
    """
    exit_: Exit = {"peak_rss": ended.peak_rss}
    if ended.signal is not None:
        exit_["signal"] = failures.signal_name(ended.signal)
    if ended.code is not None:
        exit_["code"] = ended.code
    ending_began = ended.report.startswith(_ENDING)
    error = failures.describe_death(exit_, message, ending=ending_began, ended_by_run=ended_by_run)
    record_failure(run, graph, attempt, began, error, exit_)
    return error


def say(text: str, *, out: bool = False) -> None:
    """Write a text to the task's log; do nothing if the step has closed the stream.

    Args:
        text: the text, with its line ends.
        out: whether to write to stdout instead of stderr.
    """
    try:
        (sys.stdout if out else sys.stderr).write(text)
    except (AttributeError, ValueError, OSError):  # the step has closed or replaced the stream
        return
