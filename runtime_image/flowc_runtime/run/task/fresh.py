"""Executes one attempt of a task in a process that has not imported the flow, unlike a fork."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowc_runtime.base.errors import FlowcError
from flowc_runtime.run.assignment import Assignment
from flowc_runtime.run.program import open_program
from flowc_runtime.run.task import failures
from flowc_runtime.run.task.attempts import begin_record, refuse, report_failure
from flowc_runtime.run.task.perform import perform_and_report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.assignment import AssignmentFields
    from flowc_runtime.store.records.run_store import RunStore


def perform_fresh(
    run: RunStore,
    graph: Graph,
    root: str,
    parameters: Mapping[str, object],
    fields: AssignmentFields,
    control: int,
    imported: Callable[[], None] = lambda: None,
) -> int:
    """Import the flow from the directory `root` and execute the attempt; return an exit code of `base.contract`.

    If the flow cannot be imported, a failure of the user code is recorded.

    Args:
        run: the run in the store.
        graph: the graph of the run's flow.
        root: the directory of the user's code.
        parameters: the values of the run's parameters.
        fields: the other fields of the `Assignment`.
        control: the descriptor of the pipe for the report.
        imported: a function that is called after the import and before the step.
    """
    began = time.time()
    try:
        program = open_program(graph.flow, root)
        if fields["bare"]:
            program.undecorate(graph.node(fields["step"]))
        imported()
    except BaseException as error:
        attempt = (fields["step"], fields["path"], fields["attempt"])
        try:
            if not fields["claimed"]:
                run.begin(*attempt, begin_record(began))
            return report_failure(run, graph, attempt, began, failures.describe(error, root), control)
        except FlowcError as refused:
            return refuse(refused, control)
    return perform_and_report(
        Assignment(run=run, graph=graph, program=program, parameters=parameters, **fields), control
    )
