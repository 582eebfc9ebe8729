"""The control tasks of unbounded foreach steps.

In Metaflow, an unbounded foreach has an additional task: the control task, which inherits the split's artifacts and
starts the tasks of the items. In flowc the scheduler starts the tasks of the items. Programs that read runs still see a
control task. Its path is that of the split: the control task of `each-0.0` and `each-0.1` is `each-0`. The control task
has no process, log or stored record: this module computes its record from the records of the split and of the items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flowc_ir import Foreach
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.index import item_path, outer_path, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from flowc_runtime.base.index import Graph
    from flowc_runtime.store.records.record_types import AttemptRecord
    from flowc_runtime.store.records.run_store import RunStore

ATTEMPT = 1
"""The attempt number of control tasks, which have a single attempt."""

_OF_THE_SPLIT = ("cached", "choice", "constants", "fanout", "note", "origin", "reads")


class ControlTasks:
    """The control tasks of one run. `read` is a function from step and path to the record of a finished task."""

    def __init__(self, run: RunStore, graph: Graph, read: Callable[[str, str], AttemptRecord] | None = None) -> None:
        self._run, self._graph = run, graph
        self._read = read or run.task

    def paths(self, step: str, begun: Iterable[str]) -> list[str]:
        """Return the index paths of the control tasks to which the given tasks of a step belong, in order.

        The result is empty if the foreach is bounded. Whether it is bounded is read from the record of its first split
        task.

        Args:
            step: the first step of the foreach's body.
            begun: the index paths of the step's tasks.
        """
        split = self._split_of(step)
        if split is None:
            return []
        depth = len(self._graph.scopes(split))
        found: list[str] = []
        for path in dict.fromkeys(outer_path(path, depth) for path in begun):
            try:
                if self.opened(step, path) is None:
                    break
            except (NotFound, RecordError):  # the split's record may be missing: a run of `spin` contains only one task
                continue
            found.append(path)
        return found

    def opened(self, step: str, path: str) -> AttemptRecord | None:
        """Return the record of the split's task to which a control task belongs, or None if the given task is not a
        control task.

        Raises:
            NotFound: the task of the split is not done.
            RecordError: the record of the split's task cannot be read.
        """
        split = self._split_of(step)
        if split is None or len(parts(path)) != len(self._graph.scopes(split)):
            return None
        record = self._read(split, path)
        return record if record.get("fanout", {}).get("unbounded") else None

    def is_done(self, step: str, path: str, done: Collection[str]) -> bool:
        """Return whether all tasks that belong to a control task are done: one for each item of the foreach.

        Args:
            step: the step of the control task.
            path: the index path of the control task.
            done: the index paths of the step's tasks that are done.

        Raises:
            NotFound: the task of the split is not done.
            RecordError: the record of the split's task cannot be read.
        """
        split = self.opened(step, path)
        return split is not None and all(item_path(path, number) in done for number in range(split["fanout"]["count"]))

    def record(self, step: str, path: str) -> AttemptRecord | None:
        """Return the record of a control task, or None while a task of an item is unfinished.

        Raises:
            NotFound: the task is not a control task.
            RecordError: the record of the split cannot be read.
        """
        split = self.opened(step, path)
        if split is None:
            raise NotFound(f"{step}/{path} is not a control task")
        try:
            items = [self._read(step, item_path(path, number)) for number in range(split["fanout"]["count"])]
        except (NotFound, RecordError):
            return None
        made = {name: value for name, value in split.items() if name not in _OF_THE_SPLIT}
        made |= {
            "step": step,
            "path": path,
            "attempt": ATTEMPT,
            "outcome": "ok",
            "began": split["ended"],
            "ended": max([split["ended"], *(item["ended"] for item in items)]),
            "parents": [{"step": split["step"], "path": path, "count": None}],
        }
        if "origin" in split and all("origin" in item for item in items):
            made["origin"] = {**split["origin"], "step": step, "attempt": ATTEMPT}
        return cast("AttemptRecord", made)

    def _split_of(self, step: str) -> str | None:
        """Return the step whose foreach has `step` as its body's first step, or None if there is no such foreach."""
        before = self._graph.predecessors.get(step, ())
        return next((node.id for node in before if isinstance(node.next, Foreach)), None)
