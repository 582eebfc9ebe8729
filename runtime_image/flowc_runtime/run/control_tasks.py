"""The control tasks of unbounded foreach.

In Metaflow such a foreach has one task more than it has items: the control task, which inherits the split's artifacts
and starts the tasks of the items. In flowc the scheduler starts them. For programs that read runs, flowc still shows a
control task with the split's path: `each-0` beside `each-0.0` and `each-0.1`. It has no process, log or record; this
module makes its record from the records of the split and of the items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flowc_ir import Foreach
from flowc_runtime.base.errors import NotFound, RecordError
from flowc_runtime.base.index import item_path, outer_path, parts
from flowc_runtime.store.records.record_types import AttemptRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from flowc_runtime.base.index import Graph
    from flowc_runtime.store.records.run_store import RunStore

ATTEMPT = 1
"""The number of a control task's only attempt."""

_OF_THE_SPLIT = ("cached", "choice", "constants", "fanout", "note", "origin", "reads")


class ControlTasks:
    """The control tasks of one run. `read` returns the record of a finished task (step, path) or raises NotFound."""

    def __init__(self, run: RunStore, graph: Graph, read: Callable[[str, str], AttemptRecord] | None = None) -> None:
        self._run, self._graph = run, graph
        self._read = read or run.task

    def paths(self, step: str, begun: Iterable[str]) -> list[str]:
        """Return the paths of the control tasks of the foreach that these tasks of a step belong to, in order.

        If the first foreach is bounded, all foreach of the step are.

        Args:
            step: the first step of the foreach's body.
            begun: the index paths of its tasks.
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
            except (NotFound, RecordError):  # a run of `spin` has the one task only
                continue
            found.append(path)
        return found

    def opened(self, step: str, path: str) -> AttemptRecord | None:
        """Return the record of the split that opened a control task; None for any other task.

        Raises:
            NotFound: the task of the split is not done.
            RecordError: its record cannot be read.
        """
        split = self._split_of(step)
        if split is None or len(parts(path)) != len(self._graph.scopes(split)):
            return None
        record = self._read(split, path)
        return record if record.get("fanout", {}).get("unbounded") else None

    def is_done(self, step: str, path: str, done: Collection[str]) -> bool:
        """Return whether the tasks of all items of a control task are done.

        Args:
            step: the task's step.
            path: its index path.
            done: the index paths of the step's tasks that are done.

        Raises:
            NotFound: the task of the split is not done.
            RecordError: its record cannot be read.
        """
        split = self.opened(step, path)
        return split is not None and all(item_path(path, number) in done for number in range(split["fanout"]["count"]))

    def record(self, step: str, path: str) -> AttemptRecord | None:
        """Return the record of a control task, or None while a task of its foreach is unfinished.

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
        """Return the step that opens a foreach with this step as its first; None if there is none."""
        before = self._graph.predecessors.get(step, ())
        return next((node.id for node in before if isinstance(node.next, Foreach)), None)
