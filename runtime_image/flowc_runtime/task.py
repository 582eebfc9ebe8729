"""The task protocol: one attempt of one task, in this process.

Input is the store, the IR, the user's class and (run, step, index path). The parents' records give the artifacts; the
step's code runs; artifacts are stored and the record is written, last. The same function runs in a pod and in the
emulator's forked child.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from flowc.ir import Branch, End, Foreach, Goto, targets
from flowc.ir.model import assert_never
from flowc_runtime import codecs, context, failures, projects, secrets
from flowc_runtime.attempts import Result, begin_record, new_record, refuse, report, say
from flowc_runtime.errors import (
    OK,
    USER_FAILED,
    ArtifactError,
    FlowcError,
    NotFound,
    ProtocolError,
)
from flowc_runtime.index import Graph, item_index, item_path, outer_path, parent_path
from flowc_runtime.records import AttemptRecord
from flowc_runtime.state import Inputs, TaskState, bind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc.ir import Node
    from flowc_runtime.codecs import ArtifactRef
    from flowc_runtime.errors import StepTimeout
    from flowc_runtime.records import ErrorRecord, Exit, Fanout, Outcome, ParentsRecord
    from flowc_runtime.store import RunStore


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt to make.

    `last` says that no retry follows, `only_catch` that the user's code is not run any more, `claimed` that the
    attempt's number was already claimed in the store; `tags` are the user's when the run began.
    """

    run: RunStore
    graph: Graph
    step: str
    path: str
    attempt: int
    cls: type
    parameters: Mapping[str, Any]
    user: str
    last: bool = True
    only_catch: bool = False
    claimed: bool = False
    tags: tuple[str, ...] = ()
    namespace: str | None = None

    @property
    def node(self) -> Node:
        """The node that the task is of."""
        return self.graph.node(self.step)


def perform(job: Assignment) -> Result:
    """Make one attempt and leave its record.

    A failure of the user's code is a Result. Raises FlowcError where the attempt could not be made or recorded.
    """
    attempt = _Attempt(job)
    attempt.enter()
    try:
        if job.only_catch:
            return attempt.caught(failures.lost_attempts(job.run, job.node.id, job.path, job.attempt))
        attempt.run_code()
        return attempt.done()
    except FlowcError as error:
        if isinstance(error, ArtifactError):
            return attempt.failed(error)
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt end a step as well: it did not finish
        return attempt.failed(error)


def perform_and_report(job: Assignment, control: int) -> int:
    """Perform in a forked child: report the result to the parent by its pipe and give the exit code."""
    try:
        result = perform(job)
    except FlowcError as error:
        return refuse(error, control)
    report(control, result)
    return USER_FAILED if result.outcome == "failed" else OK


class _Attempt:
    def __init__(self, job: Assignment) -> None:
        self.job = job
        self.began = time.time()
        self.parents: list[ParentsRecord] = []
        self.state = self._state(job.node, job.path, {})
        self.flow: Any = bind(job.cls, self.state, job.parameters)
        self.arguments: tuple[Any, ...] = ()
        self.cards: Any = None
        if job.node.cards:
            self.cards = self.flow._flowc_cards(job.run, job.graph.flow, (job.step, job.path, job.attempt))

    def enter(self) -> None:
        """Find the parents' records and become the task: environment, `current`."""
        job = self.job
        os.environ.update(job.node.environment)
        context.enter(
            context.TaskContext(
                flow=job.graph.flow.name,
                run=job.run.id,
                step=job.step,
                path=job.path,
                attempt=job.attempt,
                user=job.user,
                parameter_names=tuple(parameter.name for parameter in job.graph.flow.parameters),
                project=projects.values(job.graph.flow),
                namespace=job.namespace,
                tags=frozenset(job.tags),
                store=job.run.objects.url,
                ir=job.graph.flow,
                card=self.cards.current if self.cards else None,
            )
        )
        if self.cards:
            self.cards.start()  # forks, which has to come before the first use of the store
        if not job.claimed and not job.run.begin(job.step, job.path, job.attempt, begin_record(self.began)):
            raise ProtocolError(f"attempt {job.attempt} of {job.step}/{job.path} has begun before")
        before = job.graph.predecessors[job.step]
        if job.node.joins is not None:
            self._enter_join(job.node.joins, before)
        elif before:
            parent, path = before[0], parent_path(before[0], job.path)
            self.parents = [{"step": parent.id, "path": path, "count": None}]
            self.state.inherited = dict(self._record(parent.id, path)["artifacts"])

    def _enter_join(self, split: str, before: Sequence[Node]) -> None:
        job = self.job
        fanout = self._record(split, job.path).get("fanout")
        if fanout is None:
            tasks = [(last, job.path) for last in before]
            self.parents = [{"step": last.id, "path": path, "count": None} for last, path in tasks]
        else:
            tasks = [(before[0], item_path(job.path, index)) for index in range(fanout["count"])]
            self.parents = [{"step": before[0].id, "path": job.path, "count": fanout["count"]}]

        def make(number: int) -> Any:
            last, path = tasks[number]
            state = self._state(last, path, self._record(last.id, path)["artifacts"], read_only=True)
            return bind(job.cls, state, job.parameters)

        steps = [last.id for last in before] if fanout is None else []
        self.state.inputs = Inputs(len(tasks), make, steps)
        self.arguments = (self.state.inputs,)

    def _state(
        self, node: Node, path: str, inherited: Mapping[str, ArtifactRef], *, read_only: bool = False
    ) -> TaskState:
        """The state of a task of `node`: its item is found through the record of the foreach that it is in."""

        def find_fanout() -> Fanout | None:
            split = self.job.graph.foreach_of(node)
            return self._record(split.id, outer_path(path)).get("fanout") if split else None

        return TaskState(
            self.job.run.objects,
            inherited,
            index=item_index(path),
            find_fanout=find_fanout,
            read_only=read_only,
        )

    def run_code(self) -> None:
        """Run the step's method under its timeout, with its secrets in the environment."""
        node = self.job.node
        secrets.inject(node.secrets, lambda: self.flow._flowc_inline_secrets(node.run.name))
        with _timeout(node, self.flow._flowc_timeout_error):
            self.flow._flowc_call(node.run.name, self.arguments)
        self._check_transition()

    def _check_transition(self) -> None:
        """The IR decides where the flow goes; code that says something else is an error, not a surprise."""
        said, expected = self.state.transition, self.job.node.next
        if isinstance(expected, End):
            return
        over = expected.over if isinstance(expected, Foreach) else None
        if said is None and self.state.implied is not None:
            self._check_implied(self.state.implied)
            return
        if said is None:
            raise ProtocolError(f"step '{self.job.node.id}' returned before its self.next(…)")
        if said != (targets(expected), over):
            raise ProtocolError(f"step '{self.job.node.id}' called self.next with other targets than its source shows")

    def _check_implied(self, given: Mapping[str, Any]) -> None:
        """What a decorator gives self.next must be something that the step gives it as well."""
        known = {"foreach"} if isinstance(self.job.node.next, Foreach) else set()
        if unknown := sorted(set(given) - known):
            raise ProtocolError(
                f"a decorator of step '{self.job.node.id}' gives self.next {', '.join(unknown)}=, which the step does "
                "not give it"
            )

    def done(self) -> Result:
        """Store the artifacts and the record of a step that has finished."""
        if (catch := self.job.node.catch) and catch.var:
            self.flow.__dict__[catch.var] = None  # whatever it was: no failure
            self.state.forget(catch.var)
        artifacts = self.state.store(self.flow)
        fanout = self._fanout(artifacts)
        record = self._new_record("ok", artifacts)
        if fanout is not None:
            record["fanout"] = fanout
        self._finish(record)
        return Result(outcome="ok", count=fanout["count"] if fanout else 0)

    def _fanout(self, artifacts: Mapping[str, ArtifactRef]) -> Fanout | None:
        match self.job.node.next:
            case Foreach(over=over):
                over = (self.state.implied or {}).get("foreach", over)
                items = getattr(self.flow, over)  # AttributeError: the user's fault, told as such
                if isinstance(items, list | tuple):
                    return {"over": over, "count": len(items), "items": artifacts[over]}
                try:
                    listed = list(items)
                except TypeError:
                    raise TypeError(
                        f"foreach needs a list, but self.{over} is of type {codecs.type_name(type(items))}"
                    ) from None
                return {"over": over, "count": len(listed), "items": codecs.store_value(self.state.objects, listed)}
            case End() | Goto() | Branch():
                return None
            case _:
                assert_never(self.job.node.next)

    def failed(self, error: BaseException) -> Result:
        """Record why the code failed; on the last attempt of a step with @catch, catch it."""
        described = failures.describe(error, failures.directory(self.job.cls), (self.job.cls, self.job.node))
        if self.job.last and self.job.node.catch:
            return self.caught(described)
        say(described.get("traceback", ""))
        record = self._new_record("failed", {})
        record["error"] = described
        self._finish(record)
        return Result(outcome="failed", error=described)

    def caught(self, error: ErrorRecord) -> Result:
        """Go on after the failure: what the step had set is kept where that can be, and `var` holds the failure."""
        catch = self.job.node.catch
        assert catch is not None
        if catch.print_exception:
            say(error.get("traceback", error["message"] + "\n"))
        failure = failures.Caught(error) if catch.var else None
        if catch.var:
            self.flow.__dict__[catch.var] = failure
            self.state.forget(catch.var)
        try:
            artifacts = self.state.store(self.flow)
        except ArtifactError:  # the failure may be that very value: fall back to what the step started with
            artifacts = dict(self.state.inherited)
            if catch.var:
                artifacts[catch.var] = codecs.store_value(self.state.objects, failure)
        record = self._new_record("caught", artifacts)
        record["error"] = error
        self._finish(record)
        return Result(outcome="caught", error=error)

    def _record(self, step: str, path: str) -> AttemptRecord:
        try:
            return self.job.run.task(step, path)
        except NotFound:
            raise ProtocolError(
                f"{self.job.node.id}/{self.job.path} needs {step}/{path}, but that task is not done"
            ) from None

    def _new_record(self, outcome: Outcome, artifacts: Mapping[str, ArtifactRef]) -> AttemptRecord:
        job = self.job
        exit_: Exit = {"code": OK if outcome != "failed" else USER_FAILED, "peak_rss": peak_rss()}
        record = new_record(job.run, job.graph, (job.step, job.path, job.attempt), outcome, self.began, exit_)
        record["parents"] = self.parents
        record["artifacts"] = dict(artifacts)
        return record

    def _finish(self, record: AttemptRecord) -> None:
        """Write the record; the cards, which show what it says, come after it, and before anyone is told of the end."""
        self._flush()
        self.job.run.finish(record)
        if self.cards:
            self.cards.finish()
            self._flush()

    def _flush(self) -> None:
        """What the step printed goes out before the record says that it has ended."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (ValueError, OSError):  # the step closed it, which is its right
                continue


def peak_rss() -> int:
    """The largest resident set of this process so far, in bytes (ru_maxrss is in KiB on Linux, in bytes on macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def _timeout(node: Node, error: Callable[[], type[StepTimeout]]) -> Iterator[None]:
    """Raise the authoring API's kind of StepTimeout inside the step when its time is up."""
    if node.timeout is None:
        yield
        return
    seconds, kind = node.timeout.seconds, error()

    def expire(signum: int, frame: object) -> None:
        raise kind(f"step '{node.id}' took longer than its timeout of {seconds} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
