"""The control tasks of unbounded foreach.

In Metaflow such a foreach has one task more than items: it has the artifacts that the split has left, and starts the
others. Here the split has them started. For programs that read runs, a task with the split's path stands in its place,
`each-0` beside `each-0.0` and `each-0.1`. It has no process, log or record of its own: this makes the record, of those
of the split and of the items.
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
    from flowc_runtime.store.records.store import RunStore

ATTEMPT = 1
"""The number of a control task's only attempt."""

_OF_THE_SPLIT = ("cached", "choice", "constants", "fanout", "note", "origin", "reads")


class ControlTasks:
    """Those of a run. `read` gives the record of a task (step, path) that is done. Raises NotFound."""

    def __init__(self, run: RunStore, graph: Graph, read: Callable[[str, str], AttemptRecord] | None = None) -> None:
        self._run, self._graph = run, graph
        self._read = read or run.task

    def paths(self, step: str, begun: Iterable[str]) -> list[str]:
        """The paths of a step's control tasks whose items include these tasks, in their order.

        Where the first foreach is bounded, the others are.
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
        """The record of the split with which a task began; None if it is no control task. Raises NotFound."""
        split = self._split_of(step)
        if split is None or len(parts(path)) != len(self._graph.scopes(split)):
            return None
        record = self._read(split, path)
        return record if record.get("fanout", {}).get("unbounded") else None

    def is_done(self, step: str, path: str, done: Collection[str]) -> bool:
        """Whether all items of a control task are among the tasks of its step that are done. Raises NotFound."""
        split = self.opened(step, path)
        return split is not None and all(item_path(path, number) in done for number in range(split["fanout"]["count"]))

    def record(self, step: str, path: str) -> AttemptRecord | None:
        """The record of one; None while a task of its foreach is not done. Raises NotFound if there is no such task."""
        split = self.opened(step, path)
        if split is None:
            raise NotFound(f"{step}/{path} is no control task")
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
        """The step whose foreach a step is the first of."""
        before = self._graph.predecessors.get(step, ())
        return next((node.id for node in before if isinstance(node.next, Foreach)), None)
