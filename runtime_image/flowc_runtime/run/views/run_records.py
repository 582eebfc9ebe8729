"""The records of a run, for programs that read the run, with computed records for the tasks that have no process.

Two kinds of tasks exist only for compatibility with Metaflow, and have neither a process nor a stored record: the only
task of the step `_parameters`, and the control tasks of unbounded foreach (`flowc_runtime.run.control_tasks`).
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from flowc_runtime.base.errors import NotFound, ProtocolError, RecordError
from flowc_runtime.base.index import ROOT, Graph, path_of, path_order
from flowc_runtime.run.control_tasks import ATTEMPT, ControlTasks
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowc_ir import Flow
    from flowc_runtime.store.records.record_types import AttemptRecord, BeginRecord, RunRecord
    from flowc_runtime.store.records.run_store import RunStore

PARAMETERS = "_parameters"
"""The name of a step that every run contains with one task, although it is not in the graph."""


class RunRecords:
    """Reads the records of one run. Records that can no longer change are read only once."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._record: RunRecord | None = None
        self._done: dict[tuple[str, str], AttemptRecord] = {}

    @property
    def record(self) -> RunRecord:
        """The run's record. Raises NotFound."""
        if self._record is None:
            self._record = self.store.record()
        return self._record

    @property
    def known(self) -> RunRecord | None:
        """The run's record, or None if no method has read the record yet."""
        return self._record

    @cached_property
    def flow(self) -> Flow:
        """The IR of the flow that the run executes. Raises NotFound, RecordError."""
        return self.store.executes()

    @cached_property
    def graph(self) -> Graph:
        """The graph of the flow."""
        return Graph(self.flow)

    # -- steps

    def steps(self) -> list[str]:
        """Return the steps that have begun, in the order of the flow.

        If the flow's IR cannot be read, which is reported, the steps are sorted by name.
        """
        order: list[str] = []
        with unreadable.skipping():
            order = [node.id for node in self.flow.nodes]
        known = self.store.steps()
        return [step for step in order if step in known] + [step for step in known if step not in order]

    def in_foreach(self, step: str) -> bool:
        """Return whether a step is inside a foreach or gang; False if the flow's graph cannot be read."""
        with unreadable.skipping():
            return step in self.graph.nodes and self.graph.foreach_of(self.graph.nodes[step]) is not None
        return False

    # -- tasks

    def has_step(self, step: str) -> bool:
        """Return whether a step has begun. The step `_parameters` always has begun."""
        return step in self.store.steps() or self.is_beside(step)

    def is_beside(self, step: str) -> bool:
        """Return whether a step is `_parameters`, which is not in the graph."""
        return step == PARAMETERS and step not in self.graph.nodes

    @cached_property
    def controls(self) -> ControlTasks:
        """The control tasks of the run's unbounded foreach."""
        return ControlTasks(self.store, self.graph, self._read)

    def is_control(self, step: str, path: str) -> bool:
        """Return whether a task is the control task of an unbounded foreach."""
        try:
            return self.controls.opened(step, path) is not None
        except (NotFound, RecordError):
            return False

    def done(self, step: str, path: str) -> AttemptRecord | None:
        """Return the record of a finished task, or None if the task is not finished.

        Args:
            step: the task's step.
            path: the task's index path.

        Raises:
            RecordError: the record cannot be read.
        """
        if self.is_beside(step):
            return self._of_parameters() if path == ROOT else None
        try:
            return self._read(step, path)
        except NotFound:
            return self._of_control(step, path)

    def _of_control(self, step: str, path: str) -> AttemptRecord | None:
        """Return the computed record of a control task, or None if the task is unfinished or not a control task."""
        try:
            record = self.controls.record(step, path)
        except (NotFound, RecordError):
            return None
        if record is not None:
            self._done[step, path] = record
        return record

    def _read(self, step: str, path: str) -> AttemptRecord:
        if (step, path) not in self._done:
            self._done[step, path] = self.store.task(step, path)
        return self._done[step, path]

    def _of_parameters(self) -> AttemptRecord:
        record = self.record
        return {
            "version": record["version"],
            "flow": record["flow"],
            "run": record["run"],
            "step": PARAMETERS,
            "path": ROOT,
            "attempt": 1,
            "outcome": "ok",
            "began": record["created"],
            "ended": record["created"],
            "parents": [],
            "artifacts": {},
            "exit": {},
            "process": record["process"],
            "code": self.flow.code.digest,
        }

    def attempt(self, step: str, path: str, number: int) -> AttemptRecord | None:
        """Return the record of an attempt, or None if the attempt has not ended.

        Args:
            step: the task's step.
            path: the task's index path.
            number: the number of the attempt, from 1.

        Raises:
            RecordError: the record cannot be read.
        """
        # if the task's record cannot be read, the record of this attempt may still be readable
        with suppress(RecordError):
            done = self.done(step, path)
            if done is not None and done["attempt"] == number:
                return done
        return self.store.attempt(step, path, number)

    def began(self, step: str, path: str, number: int) -> BeginRecord | None:
        """Return the record of an attempt's start, or None if the attempt has not begun.

        Args:
            step: the task's step.
            path: the task's index path.
            number: the number of the attempt, from 1.

        Raises:
            RecordError: the record cannot be read.
        """
        begun = self.store.beginning(step, path, number)
        if begun is None and number == ATTEMPT and self.is_control(step, path):
            split = self.controls.opened(step, path)
            assert split is not None
            return {"version": split["version"], "began": split["ended"], "process": split["process"]}
        return begun

    def last(self, step: str, task: str) -> int:
        """Return the number of a task's successful attempt, else of its latest attempt; 0 if it has no attempt.

        Args:
            step: the task's step.
            task: the task's id or its index path.

        Raises:
            RecordError: the record of the task cannot be read.
        """
        try:
            path = path_of(step, task)
        except ProtocolError:
            return 0
        if (done := self.done(step, path)) is not None:
            return done["attempt"]
        number = 0
        while self.store.has_begun(step, path, number + 1):
            number += 1
        return ATTEMPT if not number and self.is_control(step, path) else number

    def attempts(self, step: str) -> dict[str, list[int]]:
        """Return the numbers of the attempts of each task of a step, by the task's index path, like
        `RunStore.attempts`."""
        if self.is_beside(step):
            return {ROOT: [ATTEMPT]}
        begun = self.store.attempts(step)
        if not (controls := self._control_paths(step, begun)):
            return begun
        every = begun | {path: [ATTEMPT] for path in controls}
        return {path: every[path] for path in sorted(every, key=path_order)}

    def done_paths(self, step: str) -> set[str]:
        """Return the index paths of a step's finished tasks, like `RunStore.done`, without reading their records."""
        if self.is_beside(step):
            return {ROOT}
        done = self.store.done(step)
        return done | {path for path in self._control_paths(step, done) if self.controls.is_done(step, path, done)}

    def _control_paths(self, step: str, begun: Iterable[str]) -> list[str]:
        """Return the result of `ControlTasks.paths`; an empty list if the graph cannot be read, which is reported."""
        with unreadable.skipping():
            return self.controls.paths(step, begun)
        return []

    def read_ahead(self, step: str, paths: Sequence[str]) -> Iterator[str]:
        """Yield the index paths of tasks unchanged. A subclass can override this method to read the records of several
        tasks at once."""
        yield from paths

    def paths(self, step: str) -> list[str]:
        """Return the index paths of a step's tasks that have begun, sorted."""
        if self.is_beside(step):
            return [ROOT]
        begun = self.store.paths(step)
        controls = self._control_paths(step, begun)
        return sorted([*controls, *begun], key=path_order) if controls else begun
