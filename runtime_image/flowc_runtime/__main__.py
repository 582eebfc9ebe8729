"""The in-pod entrypoint: `python -m flowc_runtime task STEP --path PATH --retry N` and `… finish --status PHASE`.

Everything else comes by environment: FLOWC_STORE, FLOWC_RUN, FLOWC_IR (the flow's IR), FLOWC_CODE (the code package,
laid out), FLOWC_PARAMETERS (the start step only), FLOWC_OUT (where Argo reads the outputs it routes on), FLOWC_RESUME
(`Order.text`, where the run resumes another).

The process that the container starts only watches: it forks a child for the user's code, so that also a child that is
killed leaves its logs and a record that says why. The child imports the user's code while the parent claims the
attempt's number.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc.ir import Foreach, Gang, Switch
from flowc.ir.schema import SchemaError, loads
from flowc_runtime import breakpoints, failures, logs, pods, projects
from flowc_runtime.assignment import Assignment
from flowc_runtime.attempts import Result, begin_record, read_report, record_death, report_failure
from flowc_runtime.errors import INFRASTRUCTURE, NO_RETRY, OK, USER_FAILED, FlowcError, ProtocolError, StoreError
from flowc_runtime.files import store_files
from flowc_runtime.index import Graph
from flowc_runtime.parameters import config_values
from flowc_runtime.process import load_prctl, spawn, this_process
from flowc_runtime.records import RECORD_VERSION, RunRecord
from flowc_runtime.reuse import Order, Reuse
from flowc_runtime.store import RunStore, Store
from flowc_runtime.tags import check_tags, system_tags
from flowc_runtime.task import begin_cards, perform_and_report
from flowc_runtime.watch import Ended, Output, Watcher, kill_group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.ir import Node
    from flowc_runtime.process import Child
    from flowc_runtime.records import ErrorRecord

DEFAULT_OUT = "/tmp/flowc/out"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one attempt, or record the end of the run; the exit code is one of `flowc_runtime.errors`."""
    parser = argparse.ArgumentParser(prog="python -m flowc_runtime", description="flowc's in-pod entrypoint")
    commands = parser.add_subparsers(dest="command", required=True)
    task = commands.add_parser("task", help="make one attempt of one task")
    task.add_argument("step")
    task.add_argument("--path", required=True, help="the task's index path, such as 0.3")
    task.add_argument("--retry", required=True, type=int, help="how many attempts the orchestrator made before")
    finish = commands.add_parser("finish", help="record how the run ended")
    finish.add_argument("--status", required=True, help="the workflow's phase, such as Succeeded")
    options = parser.parse_args(arguments)
    try:
        graph = Graph(_read_ir(_environment("FLOWC_IR")))
        run = Store.open(_environment("FLOWC_STORE")).run(graph.flow.name, _environment("FLOWC_RUN"))
        if options.command == "finish":
            _apart(lambda: _finish(run, graph, options.status))
            _call_exit_hooks(run, graph, successful=options.status == "Succeeded")
            return OK
        return _Pod(
            run, graph, graph.node(options.step), graph.inside(options.step, options.path), options.retry
        ).main()
    except (StoreError, OSError) as error:  # OSError: a store in a volume that is full, or not there
        print(f"flowc: {error}", file=sys.stderr)
        return INFRASTRUCTURE
    except FlowcError as error:
        print(f"flowc: {error}", file=sys.stderr)
        return NO_RETRY


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ProtocolError(f"the environment variable {name} is not set")
    return value


def _read_ir(path: str) -> Any:
    try:
        with open(path, "rb") as file:
            return loads(file.read())
    except (OSError, SchemaError) as error:
        raise ProtocolError(f"cannot read the IR {path}: {error}") from error


class _Pod:
    """One attempt in a pod: the parent's side, and `_child`, which is the child's."""

    def __init__(self, run: RunStore, graph: Graph, node: Node, path: str, retry: int) -> None:
        self.run, self.graph, self.node, self.path, self.retry = run, graph, node, path, retry
        self.order = Order.of(os.environ.get("FLOWC_RESUME"))

    def main(self) -> int:
        numbers, number_in = os.pipe()
        with Watcher([signal.SIGTERM, signal.SIGINT]) as watcher:
            child = spawn(
                lambda control: self._child(control, numbers),
                prctl=load_prctl(),
                close=(number_in, *watcher.descriptors()),
            )
            os.close(numbers)
            watcher.add(child)
            began = time.time()
            try:
                if self.node.id == self.graph.flow.start:
                    self._begin_run()
                if self.order is not None and (reused := self._reuse(self.order)) is not None:
                    kill_group(child.pid, signal.SIGKILL)  # it has imported the flow, if at all
                    return self._outputs(reused)
                attempt = self._claim(began)
                with contextlib.suppress(BrokenPipeError):  # the child is dead already: what follows says why
                    os.write(number_in, str(attempt).encode())
                os.close(number_in)
                ended = self._watch(watcher, child, attempt)
            except BaseException:
                kill_group(child.pid, signal.SIGKILL)
                raise
        return self._conclude(ended, attempt, began)

    def _claim(self, began: float) -> int:
        """The attempt's number: the first that the store has not seen. It survives `argo retry`, which counts anew."""
        attempt = 1
        record = begin_record(began)
        while not self.run.begin(self.node.id, self.path, attempt, record):
            attempt += 1
        return attempt

    def _watch(self, watcher: Watcher, child: Child, attempt: int) -> Ended:
        """Pass the child's output on, to the pod's own log and to the store, until it ends."""
        key = self.run.log_key(self.node.id, self.path, attempt)
        while True:
            for event in watcher.poll(self.run.objects.flush()):
                match event:
                    case Output(_, stream, data):
                        self.run.objects.append(key, logs.frame(time.time(), stream, data))
                        out = sys.stdout.buffer if stream == "stdout" else sys.stderr.buffer
                        out.write(data)
                        out.flush()
                    case Ended():
                        return event
                    case _:
                        kill_group(child.pid, signal.SIGTERM)

    def _conclude(self, ended: Ended, attempt: int, began: float) -> int:
        """Leave the record that the child could not, the outputs for Argo, and the exit code."""
        result = read_report(ended.report)
        if result is None:
            error = record_death(self.run, self.graph, (self.node.id, self.path, attempt), began, ended)
            self.run.objects.append(
                self.run.log_key(self.node.id, self.path, attempt),
                logs.frame(time.time(), "stderr", f"{failures.told(error)}\n".encode()),
            )
            print(f"flowc: {failures.told(error)}", file=sys.stderr)
            result = Result(outcome="failed", error=error)
        self.run.objects.flush(now=True)
        if result.outcome == "failed":
            assert result.error is not None
            follows = self.retry < self._limit() and ended.code != NO_RETRY
            if not follows:
                self._fail_run(result.error["message"])
            return ended.code if ended.code in (INFRASTRUCTURE, NO_RETRY) else USER_FAILED
        return self._outputs(result)

    def _outputs(self, result: Result) -> int:
        """What Argo reads of a task that is done."""
        if problem := pods.too_far(self.graph, self.node, self.path, result.choice):
            print(f"flowc: {problem}", file=sys.stderr)
            self._fail_run(problem)  # the task is done, and what it leads to cannot be
            return NO_RETRY
        if isinstance(self.node.next, Foreach | Gang):
            _write_output("count", str(result.count))
        if isinstance(self.node.next, Switch):
            _write_output("choice", result.choice)
        return OK

    def _fail_run(self, message: str) -> None:
        task = f"{self.node.id}/{self.path}"
        self.run.set_status({"state": "failed", "changed": time.time(), "failed": task, "message": message})

    def _reuse(self, order: Order) -> Result | None:
        """Give the task the record that it has in the run that is resumed; None: it has to run."""
        store = Store(self.run.objects)
        reuse = Reuse(store.run(self.run.flow, order.origin), self.graph, self.run.record()["parameters"], order.step)
        record = reuse.find(self.node.id, self.path)
        if record is None or not reuse.follows(self.run, self.node.id, self.path):
            for step, why in reuse.reasons.items():
                print(f"flowc: {step} runs again: {why}", file=sys.stderr)
            return None
        result = reuse.take(self.run, record)
        reuse.flush(self.run)
        print(f"flowc: reused from run {order.origin}", file=sys.stderr)
        return result

    def _retries(self) -> int:
        return self.node.retry.times if self.node.retry else 0

    def _limit(self) -> int:
        """How often Argo retries: as the compiled retryStrategy says."""
        return self._retries() + (1 if self.node.catch else 0)

    def _begin_run(self) -> None:
        """Make the run's record, unless an earlier attempt of the start step did. Raises ProtocolError."""
        from flowc_runtime.arguments import read

        parameters = self.graph.flow.parameters
        try:
            values = read(os.environ.get("FLOWC_PARAMETERS") or "[]", parameters)
            if self.order is not None:
                before = Store(self.run.objects).run(self.run.flow, self.order.origin).record()["parameters"]
                values |= {name: before[name] for name in values if name in before and name not in self.order.given}
            _create_run(self.run, self.graph, store_files(self.run.objects, parameters, values))
            if self.order is not None:
                self.run.hold(self.order.origin)
        except ValueError as error:
            _create_run(self.run, self.graph, {})  # there was such a run, and this is how it ended
            self.run.set_status({"state": "failed", "changed": time.time(), "message": str(error)})
            raise ProtocolError(str(error)) from error

    # -- in the child

    def _child(self, control: int, numbers: int) -> int:
        began, code = time.time(), self.graph.flow.code
        failure: ErrorRecord | None = None
        cls: Any = object
        try:
            from flowc_runtime.loader import load_module

            cls = getattr(load_module(Path(_environment("FLOWC_CODE")), code.file), code.name)
            cls._flowc_prepare(config_values(self.graph.flow.configs), self.graph.own_decorators())
            cls._flowc_begin(self.graph.flow, _environment("FLOWC_CODE"))
        except BaseException as error:  # the user's code fails on import: recorded like any failure of the user's code
            failure = failures.describe(error, _environment("FLOWC_CODE"))
        attempt = int(os.read(numbers, 32) or b"0")
        if not attempt:
            return INFRASTRUCTURE  # the parent could not claim a number, and says why
        if failure is None:
            try:
                pods.meet(self.run, self.graph, self.node, self.path)
            except pods.GangError as error:
                failure = failures.describe(error, _environment("FLOWC_CODE"))
        if failure is not None:
            return report_failure(self.run, self.graph, (self.node.id, self.path, attempt), began, failure, control)
        cards = begin_cards(cls, self.run, self.graph, (self.node.id, self.path, attempt))
        record = self.run.record()  # the parent made it before it claimed the number
        assignment = Assignment(
            run=self.run,
            graph=self.graph,
            step=self.node.id,
            path=self.path,
            attempt=attempt,
            cls=cls,
            parameters=record["parameters"],
            user=record["user"],
            last=self.retry >= self._retries(),
            only_catch=self.retry > self._retries(),
            claimed=True,
            tags=tuple(record.get("tags", ())),
            namespace=record.get("namespace"),
            cache=os.environ.get("FLOWC_CACHE") != "0",
            origin=record.get("origin"),
            cards=cards,
        )
        breakpoints.install(None)
        return perform_and_report(assignment, control)


def _write_output(name: str, value: str) -> None:
    directory = os.environ.get("FLOWC_OUT", DEFAULT_OUT)
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
        file.write(value)


def _create_run(run: RunStore, graph: Graph, parameters: dict[str, Any]) -> None:
    created, user = time.time(), os.environ.get("FLOWC_USER", "argo")
    tags = check_tags(json.loads(os.environ.get("FLOWC_TAGS") or "[]"))
    record = RunRecord(
        version=RECORD_VERSION,
        flow=run.flow,
        run=run.id,
        created=created,
        user=user,
        target="argo",
        parameters=parameters,
        code=graph.flow.code.digest,
        process=this_process(),
        project=projects.values(graph.flow),
        system_tags=[*system_tags(user, "argo-workflows", created), *projects.tags(graph.flow.project)],
        tags=tags,
        namespace=f"user:{user}",
    )
    if (order := Order.of(os.environ.get("FLOWC_RESUME"))) is not None:
        record["origin"] = order.origin
        if order.step is not None:
            record["resumed_from"] = order.step
    if code := os.environ.get("FLOWC_CODE"):
        from flowc_runtime.code import store_package

        record["package"] = store_package(run.objects, code)
    with open(_environment("FLOWC_IR"), encoding="utf-8") as file:
        made = run.create(record, file.read())
    if made:
        run.add_tags(tags)


def _apart(record: Callable[[], None]) -> None:
    """Do it in a child: this process forks the exit hooks afterwards, so it must not use the store itself."""
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
        os._exit(OK)


def _finish(run: RunStore, graph: Graph, phase: str) -> None:
    """Record the end of the run. It is told when that fails, but an exit handler that fails would fail the workflow."""
    try:
        if not run.exists():  # its first pod never got as far: an image that cannot be pulled, a node that was lost
            _create_run(run, graph, {})
        status, now = run.status(), time.time()
        if phase == "Succeeded":
            run.set_status({"state": "succeeded", "changed": now, "ended": now})
        elif status["state"] == "running":
            message = f"the workflow ended as {phase}"
            run.set_status({"state": "failed", "changed": now, "message": message, "ended": now})
        else:
            run.set_status({**status, "ended": now})
        print(f"run {run.flow}/{run.id}: {phase}")
    except (FlowcError, OSError) as error:
        print(f"flowc: cannot record the end of the run: {error}", file=sys.stderr)


def _call_exit_hooks(run: RunStore, graph: Graph, *, successful: bool) -> None:
    """Call the flow's exit hooks; one that fails is told in the pod's log, and changes nothing."""
    from flowc_runtime.hooks import run_hooks

    def load() -> dict[str, Any]:
        from flowc_runtime.loader import load_module

        return vars(load_module(Path(_environment("FLOWC_CODE")), graph.flow.code.file))

    def output(_hook: str, stream: logs.Stream, data: bytes) -> None:
        out = sys.stdout.buffer if stream == "stdout" else sys.stderr.buffer
        out.write(data)
        out.flush()

    def failed(hook: str, problem: str) -> None:
        print(f"flowc: exit hook {hook} failed: {problem}; the run stays as it is", file=sys.stderr)

    run_hooks(graph.flow, run, load, output, failed, successful=successful)


if __name__ == "__main__":
    sys.exit(main())
