"""Finds the parents of a task: from its index path, and after a switch or a loop from records in the store.

Which branch of a switch runs is known only after the switch's task has ended. So a task after a switch has several
possible parents, and the possible parent with a record is its parent. After a loop, the last iteration is searched by
doubling and bisection: for a loop of a million iterations this takes forty lookups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import Switch
from flowc_ir.graphs.scopes import LoopScope
from flowc_runtime.base.errors import NotFound, ProtocolError
from flowc_runtime.base.index import ROOT, iteration_path, parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Node
    from flowc_runtime.base.index import Graph
    from flowc_runtime.store.records.record_types import AttemptRecord
    from flowc_runtime.store.records.run_store import RunStore


class Parents:
    """Finds the parents of one task (step and index path) of a run."""

    def __init__(self, run: RunStore, graph: Graph, step: str, path: str) -> None:
        self._run, self._graph = run, graph
        self._step, self._path = step, path

    def one(self) -> tuple[Node, str, AttemptRecord] | None:
        """Return the parent of a task that is not a join: node, index path and record, or None for the run's first
        task.

        Raises:
            ProtocolError: the parent is not done.
            StoreError: the store cannot be read.
        """
        before = self._graph.predecessors[self._step]
        return self._of(before, self._path) if before else None

    def ended(self, ends: Sequence[Node], item: int | None) -> tuple[Node, str, AttemptRecord]:
        """Return an input of a join: the last task of one branch or foreach item, as node, index path and record.

        Args:
            ends: the nodes that may be the last node of the branch or item.
            item: the number of the foreach item, or None for a branch.

        Raises:
            ProtocolError: none of these nodes has a finished task.
            StoreError: the store cannot be read.
        """
        return self._of(ends, self._path if item is None else f"{self._path}.{item}")

    def _of(self, candidates: Sequence[Node], path: str) -> tuple[Node, str, AttemptRecord]:
        missing: list[str] = []
        for node in candidates:
            at = self._path_of(node, path)
            if at is None:
                missing.append(node.id)
                continue
            try:
                record = self._run.task(node.id, at)
            except NotFound:
                missing.append(f"{node.id}/{at}")
                continue
            if not isinstance(node.next, Switch) or record.get("choice") == self._step:
                return node, at, record
        raise ProtocolError(f"{self._step}/{self._path} needs {' or '.join(missing)}, but that task is not done")

    def _path_of(self, node: Node, path: str) -> str | None:
        """Return the index path that a parent in step `node` would have, or None if no parent can be in this step.

        `path` is the task's own path; for a join, it is the path of the foreach item to look up.
        """
        graph, known = self._graph, parts(path)
        around = graph.scopes(self._step)
        begins = bool(around) and around[-1] == LoopScope(self._step)  # whether this step is the first step of a loop
        if graph.repeats(node.id, self._step):
            number = int(known[-1][1:])
            if number == 0:
                return None
            at = ROOT + "".join([*known[:-1], f"~{number - 1}"])
        elif begins and known[-1] != "~0":
            return None
        elif graph.nodes[self._step].joins is not None:
            at = path
        else:
            at = ROOT + "".join(known[: graph.shared(node.id, self._step)])
        # The parent's index path also has a part for each loop that ends between the parent and this step.
        for scope in graph.scopes(node.id)[len(parts(at)) :]:
            assert isinstance(scope, LoopScope)
            last = self._last_iteration(scope.header, at)
            if last is None:
                return None
            at = iteration_path(at, last)
        return at

    def _last_iteration(self, header: str, path: str) -> int | None:
        """Return the number of a loop's last iteration, or None if the loop has not run."""

        def is_done(number: int) -> bool:
            return self._run.is_done(header, iteration_path(path, number))

        if not is_done(0):
            return None
        low, high = 0, 1
        while is_done(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if is_done(middle) else (low, middle)
        return low
