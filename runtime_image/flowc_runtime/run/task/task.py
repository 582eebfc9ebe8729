"""`Attempt`: the stages of one attempt of one task, in this process.

The input of an attempt is the store, the IR, the program, the run, the step and the index path. The attempt reads the
parents' records, which list the artifacts, runs the step's code, stores the artifacts, and writes its record last. A
pod and a forked process of the emulator call the same function, `perform.perform_and_report`.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import TYPE_CHECKING

from flowc_ir import Merge, Switch
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import replace
from flowc_runtime.base.ambient import TaskContext, TaskMetrics, ambient, set_variables
from flowc_runtime.base.contract import DISALLOW_RETRY
from flowc_runtime.base.errors import (
    ArtifactError,
    Damaged,
    DamagedOnTheWay,
    ProtocolError,
)
from flowc_runtime.base.index import ROOT, task_id, task_pathspec
from flowc_runtime.process.process import peak_rss
from flowc_runtime.run.caching import EVERY, Situation
from flowc_runtime.run.family import Family, parallel_of
from flowc_runtime.run.reads import Reads
from flowc_runtime.run.routes import check_splits, check_transition, fan_out
from flowc_runtime.run.task import failures
from flowc_runtime.run.task.attempts import Result, begin_record, new_record, outcome_code, say
from flowc_runtime.run.task.calling import call_code
from flowc_runtime.store.backends.durability import Disk
from flowc_runtime.store.records import projects
from flowc_runtime.store.values import classes, codecs
from flowc_runtime.store.values.parameters import attribute_names
from flowc_runtime.store.values.sources import store_constants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_runtime.base.index import Graph
    from flowc_runtime.run import patches
    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.run.metrics import recorded
    from flowc_runtime.run.program import Cards, Program
    from flowc_runtime.run.task import patched, task_files
    from flowc_runtime.store.records.record_types import (
        ArtifactRef,
        AttemptRecord,
        ErrorRecord,
        Exit,
        Outcome,
        ParentsRecord,
        ReadsRecord,
    )
    from flowc_runtime.store.records.run_store import RunStore
else:  # imported at first use: only patches, files and metrics need these modules
    patches = LateModule("flowc_runtime.run.patches")
    patched = LateModule("flowc_runtime.run.task.patched")
    task_files = LateModule("flowc_runtime.run.task.task_files")
    recorded = LateModule("flowc_runtime.run.metrics.recorded")


def begin_cards(
    program: Program, run: RunStore, graph: Graph, attempt: tuple[str, str, int], *, forks: bool = True
) -> Cards | None:
    """Return the new cards of an attempt (step, index path, number), or None if the step has no cards.

    Hazard: this function forks, so call it before this process first uses the store or starts a thread. With
    `forks=False` the function does not fork, but the step can still use `current.card`.
    """
    if not graph.node(attempt[0]).cards:
        return None
    cards = program.cards(run, graph.flow, attempt)
    if forks:
        cards.start()
    return cards


class Attempt:
    """One attempt of a task. Its stages are the methods `enter`, `run_code`, and `done` or `failed`. Unit tests of
    steps call these methods separately.

    A stage may raise StoreError if the store fails, ProtocolError if a parent is not done or `self.next` does not match
    the IR, and ValueError if a foreach has more items than --max-num-splits allows.
    """

    def __init__(self, job: Assignment, end: Callable[[], None] = lambda: None) -> None:
        self._end = end
        self.reads = job.parameters if isinstance(job.parameters, Reads) else Reads(job.parameters)
        self.job = job if self.reads is job.parameters else replace(job, parameters=self.reads)
        job = self.job
        self._begun = begin_record(time.time())
        self.parents: list[ParentsRecord] = []
        self.family = Family(job)
        self.state = self.family.state(job.node, job.path, {})
        self.flow: object = job.program.bind(self.state, job.parameters)
        self.arguments: tuple[object, ...] = ()
        self.situation: Situation | None = None  # None if the step has no @cache
        self.reads.others = self._see_all
        self.constants: dict[str, ArtifactRef] = {}  # The flow's constants; only the run's first task stores them.
        self._starting = False  # Whether `program.start` is running; @catch does not apply to its exceptions.
        self.final = False  # Whether the step's code has forbidden a retry.
        self.hopeless = False  # Whether stored data is damaged, so that no retry helps.
        self.note = ""  # A remark for the task's record.
        self._hooked = False  # Whether the decorators' hooks for the outcome must still be called.
        self.cards = job.cards
        self.files = task_files.TaskFiles(job) if job.graph.has_files else None
        self.metrics: Mapping[str, float] = {}  # the last values of the metrics in the record

    @property
    def _runs_code(self) -> bool:
        """Whether user code runs: the step's code, or a function of a patch."""
        return self.job.patch is None or self.job.patch["kind"] not in patches.IN_PROCESS

    def enter(self) -> None:
        """Claim the attempt, read the parents' records, and set the environment variables and `current`."""
        job = self.job
        set_variables(job.node.environment)
        if self.cards is None and self._runs_code:
            self.cards = begin_cards(job.program, job.run, job.graph, (job.step, job.path, job.attempt))
        if not job.claimed and not job.run.begin(job.step, job.path, job.attempt, self._begun):
            raise ProtocolError(f"attempt {job.attempt} of {job.step}/{job.path} has begun before")
        here = ambient()
        here.find_class = classes.in_task(job.run).find
        here.pickler = job.pickler
        here.metrics = TaskMetrics.begin()
        self.parents, self.arguments = self.family.enter(self.state)
        self.state.parents = self.parents
        if self.files is not None:
            self.files.enter()
        self.state.inherited.update(job.overrides)
        if job.step == job.graph.flow.start and job.path == ROOT:
            # The constants are stored before the step's code runs, since the code may change their values.
            values = job.program.constants(job.graph.flow, dict(self.reads))
            self.constants = store_constants(self.state.objects, values)
        parallel = parallel_of(job, self.state)
        here.task = TaskContext(
            flow=job.graph.flow.name,
            run=job.run.id,
            step=job.step,
            task_id=task_id(job.step, job.path),
            attempt=job.attempt,
            user=job.user,
            parameter_names=attribute_names(job.graph.flow),
            project=projects.values(job.graph.flow),
            namespace=job.namespace,
            origin_run=job.origin,
            tags=frozenset(job.tags),
            store=job.run.objects.url,
            parallel=parallel,
            ir=job.graph.flow,
            card=self.cards.current if self.cards else None,
        )

    def recall(self) -> Result | None:
        """With @cache: if an earlier task had equal inputs, record its results for this task. Else return None."""
        job = self.job
        if job.node.cache is None or not job.cache or job.inputs is not None or job.patch is not None:
            return None
        self.situation = Situation(job, self.state, self.reads, self.state.inputs)
        found = self.situation.recall()
        for damaged in self.situation.unreadable:
            say(f"flowc: {damaged}\n")
        if found is None:
            if self.situation.refused is not None:
                say(f"flowc: {self.situation.refused}; the task is run\n")
            return None
        entry, reads = found
        self._end()
        record = self._new_record("ok", self.situation.artifacts(entry))
        record["reads"], record["cached"] = reads, entry["task"]
        if "fanout" in entry:
            record["fanout"] = entry["fanout"]
            check_splits(job, entry["fanout"]["count"], f"the foreach of step '{job.step}'")
        if "choice" in entry:
            record["choice"] = entry["choice"]
        if "metrics" in entry:
            record["metrics"] = entry["metrics"]
            self.metrics = recorded.last_values(record)
        if "series" in entry:
            record["series"] = entry["series"]
        if self.cards and self.cards.leave_to(entry["task"]):
            self.cards = None
        self._finish(record)
        task = entry["task"]
        origin = task_pathspec(task["run"], task["step"], path=task["path"])
        count = entry["fanout"]["count"] if "fanout" in entry else 0
        choice = entry.get("choice", "")
        return Result(outcome="ok", count=count, choice=choice, cached=origin, metrics=self.metrics)

    def _see_all(self) -> None:
        self.state.see_all()
        self.family.seen.add(EVERY)
        self.family.place.add("stack")

    def run_code(self) -> None:
        """Run the step's code with its secrets and its timeout, or apply its patch. Raises the code's exceptions."""
        for seen in (self.reads.seen, self.state.seen, self.state.place, self.family.seen, self.family.place):
            seen.clear()  # so far only flowc has read values, not the step's code
        self.reads.watch_forks()
        if self.job.patch is not None:
            if self.files is not None and self._runs_code:
                self.files.get()
            self.note = patched.apply(self.job, self.job.patch, self.flow, self.arguments)
            check_transition(self.job, self.flow, self.state)
            return
        self._starting = True
        self.job.program.start(self.flow)
        self._starting = False
        self._hooked = True
        if self.files is not None:
            self.files.get()
        job = self.job
        call_code(job.program, self.flow, job.node, self.arguments, self._tell, job.secrets)
        check_transition(self.job, self.flow, self.state)

    def done(self) -> Result:
        """Store the artifacts and the record of a successful step. After an ArtifactError, `failed` must be called."""
        node = self.job.node
        if (catch := node.catch) and catch.var and not isinstance(node.run, Merge):
            # the step has not failed, so the artifact of @catch is None; a join without code keeps the failure of its
            # inputs
            self.flow.__dict__[catch.var] = None
            self.state.forget(catch.var)
        if self.files is not None and self._runs_code:
            self.files.put()
        artifacts = self.state.store(self.flow)
        fanout = fan_out(self.job, self.flow, self.state, artifacts)
        self._tell_finished(ok=True)
        self._end()
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
        mocked = self.note if self.job.patch is not None else ""
        count = fanout["count"] if fanout else 0
        return Result(outcome="ok", count=count, choice=choice, mocked=mocked, metrics=self.metrics)

    def failed(self, error: BaseException) -> Result:
        """Record the failure of the code; in the last attempt of a step with @catch, catch the failure.

        The artifacts that can be stored are stored, except after an interrupt or a MemoryError.
        """
        # After an interrupt there is no time to store artifacts, and after a MemoryError there is no memory.
        self.final = isinstance(error, SystemExit) and error.code == DISALLOW_RETRY
        self.hopeless = isinstance(error, Damaged) and not isinstance(error, DamagedOnTheWay)
        return self._end_failed(self._describe(error), keeps=not isinstance(error, KeyboardInterrupt | MemoryError))

    def catch_lost(self) -> Result:
        """Catch the failure of earlier attempts, whose processes died. This attempt does not run the step's code."""
        self._hooked = True
        try:
            self.job.program.lost(self.flow, self.job.node, self.arguments)
        except Exception as error:  # a decorator's hook raised the error
            return self.failed(error)
        lost = failures.lost_attempts(self.job.run, self.job.node.id, self.job.path, self.job.attempt)
        return self._end_failed(lost, keeps=False)

    def _tell(self, note: str) -> None:
        """Write a remark to the task's log, and add the remark to the task's record later."""
        say(f"{note}\n")
        self.note = note

    def _describe(self, error: BaseException) -> ErrorRecord:
        program = self.job.program
        return failures.describe(error, program.directory, program.code_of(self.job.node))

    def _end_failed(self, described: ErrorRecord, *, keeps: bool) -> Result:
        last = self.job.last or self.hopeless
        catches = last and self.job.node.catch is not None and not self.final and not self._starting
        try:
            self._tell_finished(ok=catches)
        except Exception as later:
            described, catches = self._describe(later), False
        if catches:
            return self.caught(described)
        say(described.get("traceback", ""))
        artifacts = self._left() if keeps else {}
        self._end()
        self.final = self.final or self.hopeless
        record = self._new_record("failed", artifacts)
        record["error"] = described
        self._finish(record)
        return Result(outcome="failed", error=described, final=self.final, metrics=self.metrics)

    def _left(self) -> Mapping[str, ArtifactRef]:
        """Store and return the artifacts of a failed step. No task reads these artifacts, but they help the user to
        find the cause."""
        try:
            return self.state.store(self.flow, whatever=True)
        except Exception as later:  # the store has an error, or a thread is changing a value
            say(f"the artifacts of the failed attempt are not kept: {later}\n")
            return {}

    def caught(self, error: ErrorRecord) -> Result:
        """Catch the failure: store the step's artifacts if possible, and the failure as the artifact `var`."""
        catch = self.job.node.catch
        assert catch is not None
        if catch.print_exception:
            # The message is written to stdout, since a caught failure is not an error.
            say(error.get("traceback", error["message"] + "\n"), out=True)
        failure = failures.Caught(error) if catch.var else None
        if catch.var:
            self.flow.__dict__[catch.var] = failure
            self.state.forget(catch.var)
        try:
            artifacts = self.state.store(self.flow)
        # a value that cannot be stored may be the cause of the failure: only the inherited artifacts are kept
        except ArtifactError:
            artifacts = dict(self.state.inherited)
            if catch.var:
                artifacts[catch.var] = codecs.store_value(self.state.objects, failure)
        choice = self._choice_after_failure()
        self._end()
        record = self._new_record("caught", artifacts)
        record["error"] = error
        if choice:
            record["choice"] = choice
        self._finish(record)
        return Result(outcome="caught", choice=choice, error=error, metrics=self.metrics)

    def _choice_after_failure(self) -> str:
        """Return the target of a switch after a caught failure; empty if the step has no switch."""
        node = self.job.node
        if not isinstance(node.next, Switch):
            return ""
        self.job.program.imply(self.flow, node.next, {})
        assert self.state.transition is not None
        return self.state.transition.choice

    def _tell_finished(self, *, ok: bool) -> None:
        """Call the decorators' hooks for the attempt's outcome, once, and only if the hooks for its start were
        called."""
        if self._hooked:
            self._hooked = False
            self.job.program.finished(self.flow, self.job.node, ok=ok)

    def _new_record(self, outcome: Outcome, artifacts: Mapping[str, ArtifactRef]) -> AttemptRecord:
        job = self.job
        peak = peak_rss(resource.getrusage(resource.RUSAGE_SELF))
        exit_: Exit = {"code": outcome_code(outcome, final=self.final), "peak_rss": peak}
        record = new_record(job.run, job.graph, (job.step, job.path, job.attempt), outcome, self._begun, exit_)
        record["parents"] = self.parents
        record["artifacts"] = dict(artifacts)
        record["reads"] = self._looked()
        if job.patch is not None:
            record["mocked"] = True
        if self.note:
            record["note"] = self.note
        if metadata := ambient().metadata:
            record["metadata"] = [*metadata]
        if self.files is not None:
            self.files.add_to(record)
        metrics = ambient().metrics
        if metrics is not None and (metrics.points or os.path.exists(metrics.file)):
            for fault in recorded.add_to(record, metrics, job.run.objects):
                say(f"flowc: {fault}\n")
            self.metrics = recorded.last_values(record)
        return record

    def _looked(self) -> ReadsRecord:
        looked: ReadsRecord = {"parameters": sorted(self.reads.seen), "artifacts": sorted(self.state.seen)}
        if self.state.inputs is not None:
            looked["inputs"] = sorted(self.family.seen)
        if place := self.state.place | ({"stack"} if self.family.place else set()):
            looked["place"] = sorted(place)
        return looked

    def _finish(self, record: AttemptRecord) -> None:
        """Write the record. After this method, the caller reports the end of the attempt, and renders the final cards,
        which show the record."""
        flush_streams()
        if self.constants:
            record["constants"] = self.constants
        if self.job.durable:
            self._finish_durably(record)
        else:
            self.job.run.finish(record)

    def _finish_durably(self, record: AttemptRecord) -> None:
        """Flush the blobs that the record names to disk, then write the record. Raises StoreError."""
        disk = Disk.of(self.job.run.objects, "task")
        if disk is not None:
            disk.flush(lambda message: say(f"flowc: {message}\n"))
        self.job.run.finish(record, disk)


def flush_streams() -> None:
    """Flush stdout and stderr, so that the step's output is in the log before the record is written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError, OSError):  # the step may have closed or replaced the stream
            continue
