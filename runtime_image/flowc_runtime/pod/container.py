"""Run one attempt in a pod's container, with two processes.

The container's main process forks a child that runs the user's code, and only watches the child. So the logs and a
record with the reason exist even if the child is killed. The child imports the user's code while the parent claims the
attempt's number.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from flowc_ir import Foreach, Gang, Switch
from flowc_runtime.base import contract
from flowc_runtime.base.config import configuration
from flowc_runtime.base.contract import DISALLOW_RETRY, INFRASTRUCTURE, NO_RETRY, OK, USER_FAILED
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.pod import coordination, pod_tracker
from flowc_runtime.pod.workflow import begin_run, environment, say_in_pod
from flowc_runtime.process import leftovers, logs
from flowc_runtime.process.process import adopt_orphans, load_prctl, spawn
from flowc_runtime.process.watch import Ended, Output, Reported, Watcher, kill_child
from flowc_runtime.run.assignment import Assignment
from flowc_runtime.run.program import check_runnable, open_program
from flowc_runtime.run.reuse import Order, Reuse
from flowc_runtime.run.task import breakpoints, failures
from flowc_runtime.run.task.attempts import (
    Result,
    begin_record,
    read_report,
    record_death,
    record_failure,
    refuse,
    report_failure,
)
from flowc_runtime.run.task.perform import perform_and_report
from flowc_runtime.run.task.task import begin_cards
from flowc_runtime.store.backends import durability
from flowc_runtime.store.backends.durability import Disk
from flowc_runtime.store.records.record_types import StatusRecord
from flowc_runtime.store.records.runs import end_run_here
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from flowc_ir import Node
    from flowc_runtime.base.index import Graph
    from flowc_runtime.process.process import Child
    from flowc_runtime.run.program import Program
    from flowc_runtime.store.records.record_types import ErrorRecord
    from flowc_runtime.store.records.run_store import RunStore


class ContainerTask:
    """One attempt in a pod: runs in the parent process, except for `_child`, which runs in the child process."""

    def __init__(self, run: RunStore, graph: Graph, node: Node, path: str, retry: int) -> None:
        self.run, self.graph, self.node, self.path, self.retry = run, graph, node, path, retry
        self.order = Order.of(os.environ.get(contract.RESUME))
        self.durability = durability.mode()
        self.disk = Disk.of(run.objects, self.durability)
        self._measured = False  # whether this attempt's metrics are sent to the tracker

    def main(self) -> int:
        """Run the attempt; return an exit code of `flowc_runtime.base.contract`.

        The process adopts orphaned processes, and handles SIGTERM and SIGINT by asking the child to end.

        Raises:
            FlowcError: the store cannot be read or written, or the flow has a step of a kind that tasks cannot run; the
                child is killed first.
            OSError: no process can be created.
        """
        check_runnable(self.graph.flow)
        adopt_orphans(prctl := load_prctl())
        numbers, number_in = os.pipe()
        with Watcher([signal.SIGTERM, signal.SIGINT]) as watcher:
            child = spawn(
                lambda control: self._child(control, numbers),
                prctl=prctl,
                close=(number_in, *watcher.descriptors()),
            )
            os.close(numbers)
            watcher.add(child)
            began = time.time()
            try:
                if self.node.id == self.graph.flow.start:
                    begin_run(self.run, self.graph, self.order)
                if self.order is not None and (reused := self._reuse(self.order)) is not None:
                    kill_child(child.pid, signal.SIGKILL)  # the child has only imported the flow and run no step
                    self._measured = bool(reused.metrics)
                    code = self._kept(self._outputs(reused))
                    self._track(1)
                    return code
                attempt = self._claim(began)
                self._count_lost(attempt)
                if self.retry > contract.attempts_limit(self.node):
                    kill_child(child.pid, signal.SIGKILL)
                    return self._kept(self._give_up(attempt, began))
                with contextlib.suppress(BrokenPipeError):  # the child has already ended; `_watch` finds the reason
                    os.write(number_in, f"{attempt} {self.retry}".encode())
                os.close(number_in)
                ended = self._watch(watcher, child, attempt)
            except BaseException:
                kill_child(child.pid, signal.SIGKILL)
                raise
            code = self._kept(self._conclude(ended, attempt, began))
            # Metrics are sent after Argo's outputs are written, so that the outputs exist even if the pod is killed
            # now.
            self._track(attempt)
            leftovers.end_adopted(asked_groups=watcher.asked_groups(), hurry=watcher.wakeup)
        return code

    def _claim(self, began: float) -> int:
        """Claim and return the first unused attempt number. Argo's own number of the attempt is not used, because
        `argo retry` starts it at 0 again."""
        attempt = 1
        record = begin_record(began)
        while not self.run.begin(self.node.id, self.path, attempt, record):
            attempt += 1
        return attempt

    def _count_lost(self, attempt: int) -> None:
        """Count attempts that Argo has not counted, so that the step's code runs at most as often as `@retry` allows.

        Hazard: if a pod is deleted before Argo knows its result, Argo 3.7 creates it again with the same number. After
        `argo retry`, Argo also counts from 0, but the run's state is already `failed` in this case, and the method does
        nothing. If an earlier attempt has succeeded, it was not lost, so nothing is counted: the code runs again, and
        Argo gets the outputs.
        """
        if attempt - 1 <= self.retry or self.run.is_done(self.node.id, self.path):
            return
        if self.run.status()["state"] == "running":
            self.retry = attempt - 1

    def _give_up(self, attempt: int, began: float) -> int:
        """Record the failure of a task whose last allowed attempt was lost; return the exit code."""
        place = self.node.id, self.path, attempt
        error = failures.lost_attempts(self.run, *place)
        record_failure(self.run, self.graph, place, began, error, {"code": NO_RETRY})
        print(f"flowc: {failures.text_of(error)}", file=sys.stderr)
        self._fail_run(failures.typed(error))
        return NO_RETRY

    def _watch(self, watcher: Watcher, child: Child, attempt: int) -> Ended:
        """Copy the child's output to the pod's log and to the store until the child ends."""
        key = self.run.log_key(self.node.id, self.path, attempt)
        while True:
            for event in watcher.poll(self.run.objects.flush()):
                match event:
                    case Output(_, stream, data):
                        self.run.objects.append(key, logs.frame(time.time(), stream, data))
                        _pass_on(1 if stream == "stdout" else 2, data)
                    case Ended():
                        return event
                    case Reported():
                        continue  # the child still renders cards: wait until it ends
                    case _:
                        watcher.ask(child.pid)

    def _conclude(self, ended: Ended, attempt: int, began: float) -> int:
        """Write Argo's outputs, and the attempt's record if the child could not write it; return the exit code."""
        result = read_report(ended.report)
        if result is None:
            error = record_death(self.run, self.graph, (self.node.id, self.path, attempt), began, ended)
            self.run.objects.append(
                self.run.log_key(self.node.id, self.path, attempt),
                logs.frame(time.time(), "stderr", f"{failures.text_of(error)}\n".encode()),
            )
            print(f"flowc: {failures.text_of(error)}", file=sys.stderr)
            result = Result(outcome="failed", error=error)
        self.run.objects.flush(now=True)
        self._measured = bool(result.metrics)
        if result.outcome == "failed":
            assert result.error is not None
            follows = self.retry < contract.attempts_limit(self.node) and ended.code not in (NO_RETRY, DISALLOW_RETRY)
            self._measured = self._measured and not follows
            if not follows:
                self._fail_run(failures.typed(result.error))
            if ended.code == DISALLOW_RETRY:  # the step itself has called os._exit with this code
                return NO_RETRY
            return ended.code if ended.code in (INFRASTRUCTURE, NO_RETRY) else USER_FAILED
        return self._outputs(result)

    def _track(self, attempt: int) -> None:
        """Send the metrics of the attempt to the tracker; the first task always creates the tracker's run."""
        if self._measured:
            pod_tracker.send(self.run, {"task": (self.node.id, self.path, attempt)})
        elif self.node.id == self.graph.flow.start:
            pod_tracker.send(self.run)

    def _kept(self, code: int) -> int:
        """Flush this pod's writes to the disk, which no other pod can do; return `code`. Raises StoreError."""
        if self.disk is not None:
            self.disk.flush(say_in_pod)
        return code

    def _outputs(self, result: Result) -> int:
        """Write the outputs of a finished task for Argo; return the exit code."""
        if problem := coordination.too_far(self.graph, self.node, self.path, result.choice):
            print(f"flowc: {problem}", file=sys.stderr)
            self._fail_run(problem)  # the task succeeded, but the next task cannot run
            return NO_RETRY
        if isinstance(self.node.next, Foreach | Gang):
            _write_output(contract.COUNT, str(result.count))
        if isinstance(self.node.next, Switch):
            _write_output(contract.CHOICE, result.choice)
        return OK

    def _fail_run(self, message: str) -> None:
        task = f"{self.node.id}/{self.path}"
        status = StatusRecord(state="failed", changed=time.time(), failed=task, message=message)
        end_run_here(self.run, status, say_in_pod, self.disk)

    def _reuse(self, order: Order) -> Result | None:
        """Reuse the task's record from the resumed run and return its result; None if the task has to run."""
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

    # -- in the child

    def _child(self, control: int, numbers: int) -> int:
        began, root = time.time(), environment(contract.CODE)
        program: Program | None = None
        failure: ErrorRecord | None = None
        try:
            program = open_program(self.graph.flow, root)
        except BaseException as error:  # a failed import is recorded like any failure of the user's code
            failure = failures.describe(error, root)
        words = os.read(numbers, 32).split()
        if not words:
            return INFRASTRUCTURE  # the parent could not claim an attempt number, and reports the reason itself
        attempt, self.retry = map(int, words)
        try:
            if program is not None:
                try:
                    coordination.meet(self.run, self.graph, self.node, self.path)
                except coordination.GangError as error:
                    failure = failures.describe(error, root)
            if program is None or failure is not None:
                assert failure is not None
                return report_failure(self.run, self.graph, (self.node.id, self.path, attempt), began, failure, control)
            assignment = self._assignment(program, attempt)
        except FlowcError as error:
            return refuse(error, control)
        breakpoints.install(None)
        return perform_and_report(assignment, control)

    def _assignment(self, program: Program, attempt: int) -> Assignment:
        """Return the assignment of the attempt. Raises FlowcError if the run's record cannot be read."""
        cards = begin_cards(program, self.run, self.graph, (self.node.id, self.path, attempt))
        record = self.run.record()  # the parent process wrote the run's record before it claimed the attempt's number
        return Assignment(
            run=self.run,
            graph=self.graph,
            step=self.node.id,
            path=self.path,
            attempt=attempt,
            program=program,
            parameters=record["parameters"],
            user=record["user"],
            last=self.retry >= contract.retries(self.node),
            only_catch=self.retry > contract.retries(self.node),
            claimed=True,
            tags=tuple(record.get("tags", ())),
            namespace=record.get("namespace"),
            cache=os.environ.get(contract.CACHE) != "0",
            origin=record.get("origin"),
            cards=cards,
            durable=self.durability == "task",
            catalog=str(configuration.text("catalog")),
            secrets=configuration.text("secrets") or "",
            pickler=configuration.text("pickler") or "",
        )


def _pass_on(descriptor: int, data: bytes) -> None:
    """Write output to the pod's log. If the write fails, for example on a full disk, only the store contains the
    output."""
    # A buffered stream is not used: after a failure, Python would try to write the buffer's content again at exit.
    left = memoryview(data)
    with contextlib.suppress(OSError):
        while left:
            left = left[os.write(descriptor, left) :]


def _write_output(name: str, value: str) -> None:
    directory = os.environ.get(contract.OUT, contract.OUT_DIRECTORY)
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
        file.write(value)
