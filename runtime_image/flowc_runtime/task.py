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
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn, final

from flowc.ir import Branch, End, Foreach, Gang, Goto, Switch, targets
from flowc.ir.model import assert_never
from flowc_runtime import codecs, context, failures, projects, secrets
from flowc_runtime.attempts import Result, begin_record, new_record, refuse, report, say
from flowc_runtime.caching import EVERY, Situation
from flowc_runtime.errors import (
    OK,
    USER_FAILED,
    ArtifactError,
    FlowcError,
    ProtocolError,
)
from flowc_runtime.family import Family, parallel_of
from flowc_runtime.fanouts import items_of, store_items
from flowc_runtime.reads import Reads
from flowc_runtime.state import bind
from flowc_runtime.store import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowc.ir import Node, Transition
    from flowc_runtime.codecs import ArtifactRef
    from flowc_runtime.errors import StepTimeout
    from flowc_runtime.index import Graph
    from flowc_runtime.records import AttemptRecord, ErrorRecord, Exit, Fanout, Outcome, ParentsRecord, ReadsRecord
    from flowc_runtime.state import Said


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt to make.

    `last` says that no retry follows, `only_catch` that the user's code is not run any more, `claimed` that the
    attempt's number was already claimed in the store; `tags` are the user's when the run began. A foreach or gang of
    more than `max_splits` tasks fails. `origin` is the id of the run that this one resumes. `cards` are those that
    `begin_cards` has begun before. Without `cache`, steps with @cache run as others do.

    For a task that is tried by itself, `inputs` is the run that has the tasks before it, and `overrides` are artifacts
    that it, and each input of a join, has instead of theirs.
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
    max_splits: int | None = None
    cards: Any = None
    origin: str | None = None
    cache: bool = True
    inputs: str | None = None
    overrides: Mapping[str, ArtifactRef] = field(default_factory=dict)

    @property
    def before(self) -> RunStore:
        """The run whose tasks come before this one."""
        return self.run if self.inputs is None else RunStore(self.run.objects, self.run.flow, self.inputs)

    @property
    def node(self) -> Node:
        """The node that the task is of."""
        return self.graph.node(self.step)


def perform(job: Assignment) -> Result:
    """Make one attempt and leave its record.

    A failure of the user's code is a Result. Raises FlowcError where the attempt could not be made or recorded.
    """
    attempt = Attempt(job)
    attempt.enter()
    try:
        if job.only_catch:
            return attempt.caught(failures.lost_attempts(job.run, job.node.id, job.path, job.attempt))
        if (recalled := attempt.recall()) is not None:
            return recalled
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


def begin_cards(cls: Any, run: RunStore, graph: Graph, attempt: tuple[str, str, int], *, made: bool = True) -> Any:
    """The cards of an attempt (step, path, number), None if the step has none.

    This forks, so it has to come before this process uses the store for the first time. Where they are not to be
    `made`, it does not: the step finds them all the same.
    """
    if not graph.node(attempt[0]).cards:
        return None
    cards = cls._flowc_cards(run, graph.flow, attempt)
    if made:
        cards.start()
    return cards


class Attempt:
    """The parts of `perform`, for those who make an attempt of their own: enter, run the code, look at what it left."""

    def __init__(self, job: Assignment) -> None:
        self.reads = Reads(job.parameters)
        self.job = job = replace(job, parameters=self.reads)
        self.began = time.time()
        self.parents: list[ParentsRecord] = []
        self.family = Family(job)
        self.state = self.family.state(job.node, job.path, {})
        self.flow: Any = bind(job.cls, self.state, job.parameters)
        self.arguments: tuple[Any, ...] = ()
        self.situation: Situation | None = None  # of a step with @cache
        self.reads.others = self._see_all
        self._hooked = False  # whether decorators of extensions are still to be told how the attempt ended
        self.cards: Any = job.cards

    def enter(self) -> None:
        """Find the parents' records and become the task: environment, `current`."""
        job = self.job
        os.environ.update(job.node.environment)
        if self.cards is None:
            self.cards = begin_cards(job.cls, job.run, job.graph, (job.step, job.path, job.attempt))
        if not job.claimed and not job.run.begin(job.step, job.path, job.attempt, begin_record(self.began)):
            raise ProtocolError(f"attempt {job.attempt} of {job.step}/{job.path} has begun before")
        self.parents, self.arguments = self.family.enter(self.state)
        self.state.parents = self.parents
        self.state.inherited.update(job.overrides)
        parallel = parallel_of(job, self.state)
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
                origin_run=job.origin,
                tags=frozenset(job.tags),
                store=job.run.objects.url,
                parallel=parallel,
                ir=job.graph.flow,
                card=self.cards.current if self.cards else None,
            )
        )

    def recall(self) -> Result | None:
        """Take over what an earlier task in the same situation has left; None if the code has to run."""
        job = self.job
        if job.node.cache is None or not job.cache or job.inputs is not None:
            return None
        self.situation = Situation(job, self.state, self.reads, self.state.inputs)
        found = self.situation.recall()
        if found is None:
            return None
        entry, reads = found
        record = self._new_record("ok", self.situation.artifacts(entry))
        record["reads"], record["cached"] = reads, entry["task"]
        if "fanout" in entry:
            record["fanout"] = entry["fanout"]
            self._check_splits(entry["fanout"]["count"], f"the foreach of step '{job.step}'")
        if "choice" in entry:
            record["choice"] = entry["choice"]
        if self.cards and self.cards.leave_to(entry["task"]):
            self.cards = None
        self._finish(record)
        origin = "/".join(entry["task"][part] for part in ("run", "step", "path"))
        count = entry["fanout"]["count"] if "fanout" in entry else 0
        return Result(outcome="ok", count=count, choice=entry.get("choice", ""), cached=origin)

    def _see_all(self) -> None:
        self.state.see_all()
        self.family.seen.add(EVERY)
        self.family.place.add("stack")

    def run_code(self) -> None:
        """Run the step's method under its timeout, with its secrets in the environment."""
        for seen in (self.reads.seen, self.state.seen, self.state.place, self.family.seen, self.family.place):
            seen.clear()  # what was looked at until here, the code has not
        self.reads.watch_forks()
        node = self.job.node
        self._hooked = True
        secrets.inject(node.secrets, lambda: self.flow._flowc_inline_secrets(node.run.name))
        process = os.getpid()
        try:
            with _timeout(node, self.flow._flowc_timeout_error):
                self.flow._flowc_call(node.run.name, self.arguments)
        finally:
            if os.getpid() != process:
                _end_copy()
        self._check_transition()

    def _check_transition(self) -> None:
        """The IR decides where the flow goes; code that says something else is an error, not a surprise."""
        said, node = self.state.transition, self.job.node
        if isinstance(node.next, End):
            return
        if said is None and self.state.implied is not None:
            self._imply(self.state.implied)
            return
        if said is None:
            raise ProtocolError(f"step '{node.id}' returned before its self.next(…)")
        if not _agree(said, node.next):
            raise ProtocolError(f"step '{node.id}' called self.next with other targets than its source shows")

    def _imply(self, given: Mapping[str, Any]) -> None:
        """A decorator ran in place of the code: the step goes where the IR says, with what the decorator gives."""
        node = self.job.node
        known = {"foreach"} if isinstance(node.next, Foreach) else set()
        if unknown := sorted(set(given) - known):
            raise ProtocolError(
                f"a decorator of step '{node.id}' gives self.next {', '.join(unknown)}=, which the step does not "
                "give it"
            )
        self.flow._flowc_imply(node.next, given)

    def done(self) -> Result:
        """Store the artifacts and the record of a step that has finished."""
        if (catch := self.job.node.catch) and catch.var:
            self.flow.__dict__[catch.var] = None  # whatever it was: no failure
            self.state.forget(catch.var)
        artifacts = self.state.store(self.flow)
        fanout = self._fanout(artifacts)
        self._tell_finished(ok=True)
        record = self._new_record("ok", artifacts)
        choice = ""
        if fanout is not None:
            record["fanout"] = fanout
        if isinstance(self.job.node.next, Switch) and self.state.transition is not None:
            choice = record["choice"] = self.state.transition.choice
        if self.situation is not None:
            own = self.state.assigned if self.state.inputs is None else artifacts
            self.situation.keep(record, own)
        self._finish(record)
        return Result(outcome="ok", count=fanout["count"] if fanout else 0, choice=choice)

    def _fanout(self, artifacts: Mapping[str, ArtifactRef]) -> Fanout | None:
        said = self.state.transition
        match self.job.node.next:
            case Foreach(over=over):
                over = said.foreach if said is not None and said.foreach is not None else over
                items = items_of(getattr(self.flow, over))
                self._check_splits(len(items), f"the foreach over self.{over}")
                whole = artifacts.get(over) or codecs.store_value(self.state.objects, items)  # a parameter has no ref
                fanout = store_items(self.state.objects, over, items, whole)
                if getattr(getattr(self.flow, over), "flowc_unbounded", False):
                    fanout["unbounded"] = True
                return fanout
            case Gang():
                assert said is not None
                assert said.gang is not None
                self._check_splits(said.gang, "num_parallel")
                return {"count": said.gang}
            case End() | Goto() | Branch() | Switch():
                return None
            case _:
                assert_never(self.job.node.next)

    def _check_splits(self, count: int, what: str) -> None:
        most = self.job.max_splits
        if most is not None and count > most:
            raise ValueError(
                f"{what} in step '{self.job.node.id}' makes {count} tasks, but --max-num-splits allows {most}"
            )

    def failed(self, error: BaseException) -> Result:
        """Record why the code failed; on the last attempt of a step with @catch, catch it."""
        described = failures.describe(error, failures.directory(self.job.cls), (self.job.cls, self.job.node))
        catches = self.job.last and self.job.node.catch is not None
        try:
            self._tell_finished(ok=catches)
        except Exception as later:
            described = failures.describe(later, failures.directory(self.job.cls), (self.job.cls, self.job.node))
            catches = False
        if catches:
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

    def _tell_finished(self, *, ok: bool) -> None:
        """Tell decorators of extensions, once, how an attempt that has run the step's code ends."""
        if self._hooked:
            self._hooked = False
            self.flow._flowc_finished(self.job.node.run.name, ok=ok)

    def _new_record(self, outcome: Outcome, artifacts: Mapping[str, ArtifactRef]) -> AttemptRecord:
        job = self.job
        exit_: Exit = {"code": OK if outcome != "failed" else USER_FAILED, "peak_rss": peak_rss()}
        record = new_record(job.run, job.graph, (job.step, job.path, job.attempt), outcome, self.began, exit_)
        record["parents"] = self.parents
        record["artifacts"] = dict(artifacts)
        record["reads"] = self._looked()
        return record

    def _looked(self) -> ReadsRecord:
        looked: ReadsRecord = {"parameters": sorted(self.reads.seen), "artifacts": sorted(self.state.seen)}
        if self.state.inputs is not None:
            looked["inputs"] = sorted(self.family.seen)
        if place := self.state.place | ({"stack"} if self.family.place else set()):
            looked["place"] = sorted(place)
        return looked

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
            except (AttributeError, ValueError, OSError):  # the step closed it or took it away, which is its right
                continue


def _end_copy() -> NoReturn:
    """A process that the step forked has come back from the step: the task is its parent's to end."""
    try:
        if (error := sys.exc_info()[1]) is not None and not isinstance(error, SystemExit):
            say("".join(traceback.format_exception(error)))
        say("a process that the step had forked came back from the step: it ends here; let it call os._exit(0)\n")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(1)


def _agree(said: Said, expected: Transition) -> bool:
    """Whether what a step called self.next with is what the IR says."""
    return (
        said.steps == targets(expected)
        and said.foreach == (expected.over if isinstance(expected, Foreach) else None)
        and said.condition == (expected.condition if isinstance(expected, Switch) else None)
        and (said.gang is None) == (not isinstance(expected, Gang))
    )


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
