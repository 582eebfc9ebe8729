"""Record the start of a workflow's run, in its first pod, and the end of the run, in its last pod."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from flowc_ir.late import LateModule
from flowc_runtime.base import contract
from flowc_runtime.base.errors import FlowcError, ProtocolError, RecordError
from flowc_runtime.pod import arguments, pod_tracker
from flowc_runtime.pod.code import store_package
from flowc_runtime.pod.hooks import run_hooks
from flowc_runtime.pod.integrity import check_code
from flowc_runtime.run.program import load_program
from flowc_runtime.run.reuse import Order
from flowc_runtime.store.backends import durability
from flowc_runtime.store.backends.durability import Disk
from flowc_runtime.store.records import revision
from flowc_runtime.store.records.runs import end_run_here, new_run_record
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.records.tags import check_tags
from flowc_runtime.store.values.files import store_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.base.index import Graph
    from flowc_runtime.process import logs
    from flowc_runtime.run.metrics.tracker import EndState
    from flowc_runtime.run.program import Program
    from flowc_runtime.run.views import run_view
    from flowc_runtime.store.records.record_types import StatusRecord
    from flowc_runtime.store.records.run_store import RunStore
else:  # imported at first use: only the pod that records the end of the run needs this module
    run_view = LateModule("flowc_runtime.run.views.run_view")


def environment(name: str) -> str:
    """Return the value of an environment variable that the pod needs.

    Raises:
        ProtocolError: the variable is unset or empty.
    """
    value = os.environ.get(name)
    if not value:
        raise ProtocolError(f"the environment variable {name} is not set")
    return value


def begin_run(run: RunStore, graph: Graph, order: Order | None) -> None:
    """Write the run's record, unless an earlier attempt of the start step wrote it.

    Args:
        run: the run.
        graph: the graph of the flow.
        order: the run to resume, if any; parameters that were not set at submission get the values of that run.

    Raises:
        ProtocolError: a parameter is missing or wrong; the run is then recorded as failed.
        FlowcError: the store cannot be read or written.
    """
    parameters = graph.flow.parameters
    try:
        text = os.environ.get(contract.PARAMETERS) or "[]"
        if order is None:
            values = arguments.read(text, parameters)
        else:
            before = Store(run.objects).run(run.flow, order.origin).record()["parameters"]
            values = arguments.read(text, parameters, order.given, before)
        _create(run, graph, store_files(run.objects, parameters, values, os.environ.get(contract.CODE)))
        if order is not None:
            run.hold(order.origin)
    except ValueError as error:
        _create(run, graph, {})  # the run is created first, so that users see that it has failed
        _end(run, {"state": "failed", "changed": time.time(), "message": str(error)})
        raise ProtocolError(str(error)) from error


def _create(run: RunStore, graph: Graph, parameters: dict[str, object]) -> None:
    created = time.time()
    target: Literal["argo", "stepfunctions"] = (
        "stepfunctions" if os.environ.get(contract.TARGET) == "stepfunctions" else "argo"
    )
    user = contract.CLUSTER_USERS[target]
    tags = check_tags(json.loads(os.environ.get(contract.TAGS) or "[]"))
    record = new_run_record(
        run,
        graph.flow,
        created,
        user=user,
        target=target,
        parameters=parameters,
        tags=tags,
        namespace=f"user:{user}",
    )
    if (order := Order.of(os.environ.get(contract.RESUME))) is not None:
        record["origin"] = order.origin
        if order.step is not None:
            record["resumed_from"] = order.step
        if trigger := Store(run.objects).run(run.flow, order.origin).record().get("trigger"):
            record["trigger"] = trigger
    if (code_revision := revision.of_pod()) is not None:
        record["revision"] = code_revision
    if code := os.environ.get(contract.CODE):
        record["package"] = store_package(run.objects, code)
    with open(environment(contract.IR), encoding="utf-8") as file:
        made = run.create(record, file.read())
    if made:
        run.add_tags(tags)


def finish(run: RunStore, graph: Graph, phase: str) -> None:
    """Record that the workflow ended in a phase and, if the code is unchanged, call the flow's exit hooks.

    A failure to record the end is only printed: a failing exit handler would fail the workflow.

    Args:
        run: the run.
        graph: the graph of the flow.
        phase: Argo's phase of the workflow, such as `Succeeded`.
    """
    problem = None
    try:
        check_code()
    except ProtocolError as error:
        problem = str(error)
        print(f"flowc: {problem}", file=sys.stderr)
    _apart(lambda: _record_end(run, graph, phase, problem))
    if problem is None:
        _call_exit_hooks(run, graph, successful=phase == "Succeeded")


def _apart(record: Callable[[], None]) -> None:
    """Call `record` in a child process, and wait for the end of the child.

    Hazard: this process forks the exit hooks afterwards, so it must not use the store: a fork does not copy the
    threads of the store's client. The child ends by `os._exit` and never returns into the caller.
    """
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    try:
        record()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(contract.OK)


def _record_end(run: RunStore, graph: Graph, phase: str, problem: str | None) -> None:
    """Record the end of the run. A failure is only printed, since a failing exit handler would fail the workflow.

    `problem` describes a fault of the code package. If no other reason is known for a failed run, it becomes the run's
    message.
    """
    try:
        if not run.exists():  # the workflow's first pod never ran, for example because its image is missing
            _create(run, graph, {})
        now = time.time()
        status: StatusRecord = {"state": "running", "changed": now}
        with suppress(RecordError):  # if the status cannot be read, it is replaced below
            status = run.status()
        if phase == "Succeeded":
            status = {"state": "succeeded", "changed": now, "ended": now}
        elif status["state"] == "running":
            message = problem or f"the workflow ended as {phase}"
            status = {"state": "failed", "changed": now, "message": message, "ended": now}
        else:
            status = {**status, "ended": now}
        _end(run, {**status, "metrics": {**run_view.RunView.of(run).task_metrics}})
        state: EndState = "succeeded" if status["state"] == "succeeded" else "failed"
        pod_tracker.send(run, {"end": state, "ended": now})
        print(f"run {run.flow}/{run.id}: {phase}")
    except (FlowcError, OSError) as error:
        print(f"flowc: cannot record the end of the run: {error}", file=sys.stderr)


def _end(run: RunStore, status: StatusRecord) -> None:
    """Record the end of the run after all of this pod's writes are on the disk. Raises StoreError."""
    end_run_here(run, status, say_in_pod, Disk.of(run.objects, durability.mode()))


def say_in_pod(text: str) -> None:
    """Print a message to the pod's log, for example about a long wait."""
    print(f"flowc: {text}", file=sys.stderr, flush=True)


def _call_exit_hooks(run: RunStore, graph: Graph, *, successful: bool) -> None:
    """Call the flow's exit hooks; a failing hook is reported in the pod's log, and the run keeps its state."""

    def load() -> Program:
        return load_program(graph.flow, environment(contract.CODE))

    def output(_hook: str, stream: logs.Stream, data: bytes) -> None:
        out = sys.stdout.buffer if stream == "stdout" else sys.stderr.buffer
        out.write(data)
        out.flush()

    def failed(hook: str, problem: str) -> None:
        print(f"flowc: exit hook {hook} failed: {problem}; the run's outcome is unchanged", file=sys.stderr)

    run_hooks(graph.flow, run, load, output, failed, successful=successful)
