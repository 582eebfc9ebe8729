"""One attempt of a task in an interpreter that is not its parent's: with the packages that its step asks for.

The emulator's forked child has replaced itself by this interpreter. It reports by the same pipe, as any child, and
reads the rest from the store, as a pod does.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from flowc_runtime import failures
from flowc_runtime.assignment import Assignment
from flowc_runtime.attempts import begin_record, refuse, report_failure
from flowc_runtime.errors import FlowcError
from flowc_runtime.index import Graph
from flowc_runtime.loader import load_module
from flowc_runtime.parameters import config_values
from flowc_runtime.process import open_streams
from flowc_runtime.store import Store
from flowc_runtime.task import perform_and_report


def main() -> int:
    """Make the attempt that the only argument describes; the exit code is one of `flowc_runtime.errors`."""
    began = time.time()
    order: dict[str, Any] = json.loads(sys.argv.pop(1))
    control, asked = order["control"], order["assignment"]
    open_streams()
    try:
        run = Store.open(order["store"]).run(order["flow"], order["run"])
        graph, parameters = Graph(run.executes()), run.record()["parameters"]
    except FlowcError as error:
        return refuse(error, control)
    code = graph.flow.code
    try:
        cls = getattr(load_module(Path(order["root"]), code.file), code.name)
        cls._flowc_prepare(config_values(graph.flow.configs), graph.own_decorators())
        cls._flowc_begin(graph.flow, order["root"])
    except BaseException as error:  # importing the flow needs what this environment does not have
        attempt = (asked["step"], asked["path"], asked["attempt"])
        try:
            if not asked["claimed"]:
                run.begin(*attempt, begin_record(began))
            return report_failure(run, graph, attempt, began, failures.describe(error, order["root"]), control)
        except FlowcError as refused:
            return refuse(refused, control)
    return perform_and_report(Assignment(run=run, graph=graph, cls=cls, parameters=parameters, **asked), control)
