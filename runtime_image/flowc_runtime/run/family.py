"""Values that a task gets from other tasks: artifacts of parents, foreach items, and its position in a gang."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, final

from flowc_ir import Branch, Gang, targets
from flowc_ir.graphs.scopes import ItemScope
from flowc_runtime.base import contract
from flowc_runtime.base.ambient import LOCALHOST, Parallel
from flowc_runtime.base.errors import NotFound, ProtocolError
from flowc_runtime.base.index import outer_path, parts, task_id
from flowc_runtime.run.parents import Parents
from flowc_runtime.run.state import Inputs, TaskState
from flowc_runtime.store.values.descriptions import without_previews
from flowc_runtime.store.values.fanouts import ForeachFrame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir import Node
    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.store.records.record_types import ArtifactRef, AttemptRecord, Fanout, ParentsRecord


@final
class Family:
    """Reads the values that a task gets from its parents, from its splits and, in a join, from the join's inputs."""

    def __init__(self, job: Assignment) -> None:
        self.job = job
        # the parents' records that were already read, by the parent's step and index path
        self._known: dict[tuple[str, str], AttemptRecord] = {}
        self.seen: set[str] = set()  # The names of artifacts that the code read from inputs of a join.
        # The properties of the foreach around an input of a join that the code has read: "index", "item" or "stack".
        self.place: set[str] = set()

    def enter(self, state: TaskState) -> tuple[list[ParentsRecord], tuple[object, ...]]:
        """Set the task's inherited artifacts from its parents' records or, in a join, set the join's inputs.

        Args:
            state: the state of the task, which is changed.

        Returns:
            The parents, which are written into the task's record, and the arguments of the step's method (for a join,
            its inputs).

        Raises:
            ProtocolError: a parent task is not done.
            StoreError: the store cannot be read.
        """
        job = self.job
        parents = Parents(job.before, job.graph, job.step, job.path)
        if job.node.joins is not None:
            split = job.node.joins
            records, state.inputs = self._join(split, parents)
            state.before_split = lambda: without_previews(self._record(split, job.path)["artifacts"])
            return records, (state.inputs,)
        if found := parents.one():
            parent, path, record = found
            # the parent is often also the split of the foreach: its record is kept, so that it is read only once
            self._known[parent.id, path] = record
            state.inherited = without_previews(record["artifacts"])
            return [{"step": parent.id, "path": path, "count": None}], ()
        return [], ()

    def _join(self, split: str, parents: Parents) -> tuple[list[ParentsRecord], Inputs[object]]:
        """Return the parents and the inputs of a join.

        The record of an input is read when the step first uses the input, since a foreach may have many tasks.
        """
        job = self.job
        ends = job.graph.ends(job.node)
        steps: list[str] = []
        last: list[str] = []
        if isinstance(job.graph.nodes[split].next, Branch):
            arms = [parents.ended(arm, None) for arm in ends]
            length, steps = len(arms), [node.id for node, _, _ in arms]
            records: list[ParentsRecord] = [{"step": node.id, "path": path, "count": None} for node, path, _ in arms]

            def find(number: int) -> tuple[Node, str, AttemptRecord]:
                return arms[number]

        else:
            fanout = self._record(split, job.path).get("fanout")
            assert fanout is not None
            length, last = fanout["count"], [node.id for node in ends[0]]
            records = [{"step": node.id, "path": job.path, "count": length} for node in ends[0]]

            def find(number: int) -> tuple[Node, str, AttemptRecord]:
                return parents.ended(ends[0], number)

        def make(number: int) -> object:
            node, path, record = find(number)
            state = self.state(node, path, {**without_previews(record["artifacts"]), **job.overrides}, read_only=True)
            state.seen, state.place = self.seen, self.place
            made = job.program.bind(state, job.parameters)
            job.program.start(made)
            return made

        return records, Inputs(length, make, steps, last)

    def state(
        self, node: Node, path: str, inherited: Mapping[str, ArtifactRef], *, read_only: bool = False
    ) -> TaskState:
        """Create the state of a task. Foreach items are read from the records of the splits when they are first used.

        Args:
            node: the task's step.
            path: the task's index path.
            inherited: the task's artifacts.
            read_only: whether code cannot assign artifacts; true for the inputs of a join.
        """
        graph, run = self.job.graph, self.job.before
        numbers = parts(path)
        frames = []
        for depth, scope in enumerate(graph.scopes(node.id)):
            if isinstance(scope, ItemScope):
                body = targets(graph.nodes[scope.split].next)[0]

                def find(split: str = scope.split, at: str = outer_path(path, depth)) -> Fanout:
                    return self._record(split, at)["fanout"]

                frames.append(ForeachFrame(body, int(numbers[depth][1:]), find, run.objects))
        return TaskState(run.objects, inherited, step=node.id, path=path, frames=frames, read_only=read_only)

    def _record(self, step: str, path: str) -> AttemptRecord:
        if (known := self._known.get((step, path))) is not None:
            return known
        try:
            return self.job.before.task(step, path)
        except NotFound:
            raise ProtocolError(
                f"{self.job.node.id}/{self.job.path} needs {step}/{path}, but that task is not done"
            ) from None


def parallel_of(job: Assignment, state: TaskState) -> Parallel | None:
    """Return the task's position in its gang (the tasks of a `num_parallel` step), and set it in environment variables.

    In a flow with gangs, a task outside of gangs is treated as a gang of one task. In a flow without gangs the result
    is None.

    Args:
        job: the attempt.
        state: the state of the task.

    Raises:
        ProtocolError: the task that opened the gang is not done.
    """
    if not job.graph.analysis.gang_members:
        return None
    frame = state.frames[-1] if state.frames else None
    split = job.graph.foreach_of(job.node)
    if frame is None or split is None or not isinstance(split.next, Gang):
        return Parallel(LOCALHOST, 1, 0, None)
    number, count = frame.index, frame.fanout["count"]
    first = job.graph.following(split.id, outer_path(job.path, len(job.graph.scopes(split.id))), job.step, 0)
    control = task_id(job.step, first)
    # if the task runs in a pod, `coordination` has set this variable already
    main_ip = os.environ.setdefault(contract.PARALLEL_MAIN_IP, LOCALHOST)
    os.environ[contract.PARALLEL_NUM_NODES] = str(count)
    os.environ[contract.PARALLEL_NODE_INDEX] = str(number)
    os.environ[contract.PARALLEL_CONTROL_TASK_ID] = control
    return Parallel(main_ip, count, number, control)
