"""Executes one attempt of a task in another Python interpreter, which can import the packages of the task's step.

A forked process of the emulator replaces itself (`exec`) with this interpreter. The new program reports through the
inherited pipe, like any forked process, and reads the run from the store, like a pod.
"""

from __future__ import annotations

import json
import sys

from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import Graph
from flowc_runtime.process.process import open_streams
from flowc_runtime.run.assignment import AssignmentFields
from flowc_runtime.run.task.attempts import refuse
from flowc_runtime.run.task.fresh import perform_fresh
from flowc_runtime.store.records.store import Store


class IsolatedOrder(TypedDict):
    """The program's argument, as JSON: the store, the run, the directory of the code, the pipe and the assignment."""

    store: str
    flow: str
    run: str
    root: str
    control: int
    assignment: AssignmentFields


def main() -> int:
    """Execute the attempt that the program's argument describes; return an exit code of `flowc_runtime.base.contract`.

    The argument is removed from `sys.argv`, which the flow may read when it is imported.
    """
    order: IsolatedOrder = json.loads(sys.argv.pop(1))
    control, asked = order["control"], order["assignment"]
    open_streams()
    try:
        run = Store.open(order["store"]).run(order["flow"], order["run"])
        graph, parameters = Graph(run.executes()), run.record()["parameters"]
    except FlowcError as error:
        return refuse(error, control)
    return perform_fresh(run, graph, order["root"], parameters, asked, control)
