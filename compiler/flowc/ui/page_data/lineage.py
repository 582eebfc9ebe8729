"""The lineage of a task's artifacts: which task made each of them, and which later tasks have read it.

An artifact was inherited if a parent has it with the same digest. A run may have thousands of tasks, so the number of
records that are read is limited; a result says if it is not complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from flowc_ir import targets
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.index import parts, task_id
from flowc_runtime.run.caching import EVERY
from flowc_runtime.run.parents import Parents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

    from flowc_runtime.run.views.run_view import RunView
    from flowc_runtime.run.views.task_view import AttemptView
    from flowc_runtime.store.records.record_types import ArtifactRef, AttemptRecord, OriginRecord, ParentsRecord

MOST: Final = 300
"""The number of records that are read for one direction of a page."""
ITEMS: Final = 100
"""The number of inputs of a join whose artifacts are compared with those of the join."""
READERS: Final = 50
"""The number of tasks of one step that are searched for readers."""
_CARRIERS: Final = 5  # inputs of a join that are searched for an artifact from before the foreach
_DEEPEST: Final = 100  # tasks between a reader and the task that made the artifact


class Maker(NamedTuple):
    """The task that made an artifact.

    Attributes:
        step: its step.
        path: its index path.
        id: its id.
        ref: its reference to the artifact, which may have a preview.
        origin: the task of another run whose results it has: it was reused by a resumed run, or found by `@cache`.
        certain: whether the search has reached the maker; else this is the earliest task that was found.
    """

    step: str
    path: str
    id: str
    ref: ArtifactRef
    origin: OriginRecord | None
    certain: bool


class ReadingStep(NamedTuple):
    """The tasks of one step that have read an artifact.

    Attributes:
        step: the step.
        tasks: the index paths of the tasks.
        looked: the number of tasks whose records were read.
        total: the number of tasks of the step that may inherit the artifact.
    """

    step: str
    tasks: Sequence[str]
    looked: int
    total: int


class ArtifactReaders(NamedTuple):
    """The readers of each artifact of a task, by name, and whether all records that could name a reader were read."""

    steps: Mapping[str, Sequence[ReadingStep]]
    complete: bool


@final
class _Records:
    """Reads records of tasks, up to a limit."""

    def __init__(self, view: RunView, most: int) -> None:
        self._view, self.left = view, most
        self._known: dict[tuple[str, str], AttemptRecord | None] = {}

    def task(self, step: str, path: str) -> AttemptRecord | None:
        """Return the record of a finished task; None if there is none, if it cannot be read, or after the limit."""
        if (step, path) not in self._known:
            if self.left <= 0:
                return None
            self.left -= 1
            try:
                self._known[step, path] = self._view.records.done(step, path)
            except FlowcError:
                self._known[step, path] = None
        return self._known[step, path]

    def failed(self, step: str, path: str) -> AttemptRecord | None:
        """Return the record of the last attempt of a task that has not succeeded; None without one."""
        if self.left <= 0:
            return None
        self.left -= 1
        try:
            return self._view.attempt(step, path, self._view.records.last(step, path)).record
        except FlowcError:
            return None

    def parents(self, record: AttemptRecord, items: Iterable[int]) -> Iterator[AttemptRecord]:
        """Yield the records of a task's parents; of the inputs of a foreach's join, only those with these numbers."""
        each = [parent for parent in record["parents"] if parent["count"] is not None]
        for parent in record["parents"]:
            if parent["count"] is None and (found := self.task(parent["step"], parent["path"])) is not None:
                yield found
        for number in items if each else ():
            if (last := self._input(record, each, number)) is not None:
                yield last

    def _input(self, record: AttemptRecord, each: Sequence[ParentsRecord], number: int) -> AttemptRecord | None:
        """Return the record of the last task of a foreach's item: of one of several steps, after a switch."""
        for parent in each:
            if (found := self.task(parent["step"], f"{parent['path']}.{number}")) is not None:
                return found
        if self.left <= 0:
            return None
        self.left -= 1  # the item ends in a loop, or has not ended
        records = self._view.records
        try:
            node = records.graph.node(record["step"])
            ends = records.graph.ends(node)[0]
            return Parents(records.store, records.graph, node.id, record["path"]).ended(ends, number)[2]
        except FlowcError:
            return None


def where_made(view: RunView, attempt: AttemptView, most: int = MOST) -> Mapping[str, Maker]:
    """Return the task that made each artifact of an attempt, by name: the first one with the same digest along the
    parents.

    Args:
        view: the run.
        attempt: the attempt; without a record, it has no artifacts.
        most: the number of records that are read.
    """
    made: dict[str, Maker] = {}
    if attempt.record is None:
        return made
    records = _Records(view, most)
    waiting: list[tuple[AttemptRecord, Set[str]]] = [(attempt.record, attempt.record["artifacts"].keys())]
    while waiting:
        record, names = waiting.pop()
        left, refs = set(names), record["artifacts"]
        for parent in records.parents(record, range(_inputs(record))):
            same = {name for name in left if _digest(parent, name) == refs[name]["digest"]}
            left -= same
            if same:
                waiting.append((parent, same))
            if not left:
                break
        step, path = record["step"], record["path"]
        origin = record.get("origin") or record.get("cached")
        for name in left:
            certain = records.left > 0
            made[name] = Maker(step, path, task_id(step, path), refs[name], origin, certain)
    return made


def _inputs(record: AttemptRecord) -> int:
    """Return how many inputs of a foreach's join are compared; 0 for other tasks."""
    return min(ITEMS, max((parent["count"] or 0 for parent in record["parents"]), default=0))


def _digest(record: AttemptRecord, name: str) -> str | None:
    ref = record["artifacts"].get(name)
    return None if ref is None else ref["digest"]


def readers(view: RunView, attempt: AttemptView, most: int = MOST) -> ArtifactReaders:
    """Return the later tasks that have read the artifacts of a task, in the versions that the task has.

    Args:
        view: the run.
        attempt: the attempt of the task whose results the run has.
        most: the number of records that are read.
    """
    if attempt.record is None or not attempt.is_done:
        return ArtifactReaders({}, True)
    try:
        graph = view.records.graph
    except FlowcError:
        return ArtifactReaders({}, False)
    if attempt.step not in graph.nodes:
        return ArtifactReaders({}, True)
    after = _after(view, attempt.step)
    search = _Search(view, attempt.record, {*after}, most)
    steps: dict[str, list[ReadingStep]] = {}
    for step in after:
        shared = graph.shared(attempt.step, step)
        paths = [path for path in view.step(step).paths if _may_follow(attempt.path, path, shared)]
        paths = [path for path in paths if (step, path) != (attempt.step, attempt.path)]
        found: dict[str, list[str]] = {}
        for path in paths[:READERS]:
            for name in search.read_by(step, path):
                found.setdefault(name, []).append(path)
        for name, tasks in found.items():
            steps.setdefault(name, []).append(ReadingStep(step, tasks, min(READERS, len(paths)), len(paths)))
    return ArtifactReaders(steps, search.complete)


def _after(view: RunView, step: str) -> list[str]:
    """Return the steps that can follow a step, in the order of the flow; also the step itself, if it is in a loop."""
    nodes = view.records.graph.nodes
    found, waiting = set[str](), [step]
    while waiting:
        node = nodes.get(waiting.pop())
        following = set(targets(node.next)) - found if node is not None else set[str]()
        found |= following
        waiting += following
    return [name for name in nodes if name in found]


def _may_follow(before: str, path: str, shared: int) -> bool:
    """Return whether a task can inherit from another task, by their index paths: they have the same items of all
    foreach that contain both steps, and the task is in no earlier iteration of a loop.

    Args:
        before: the index path of the earlier task.
        path: the index path of the later task.
        shared: the number of foreach and loops that contain both steps.
    """
    for one, other in zip(parts(before)[:shared], parts(path)[:shared], strict=False):
        if one != other:
            return one.startswith("~") and other.startswith("~") and int(other[1:]) > int(one[1:])
    return True


@final
class _Search:
    """Finds out which artifacts of one task other tasks have inherited and read."""

    def __init__(self, view: RunView, made: AttemptRecord, after: Set[str], most: int) -> None:
        self._records = _Records(view, most)
        self._after = after
        self._refs = made["artifacts"]
        self._place = parts(made["path"])
        self._carried = {(made["step"], made["path"]): frozenset(made["artifacts"])}
        self._deep = 0
        self._cut = False

    @property
    def complete(self) -> bool:
        """Whether no limit has ended the search."""
        return self._records.left > 0 and not self._cut

    def read_by(self, step: str, path: str) -> frozenset[str]:
        """Return the names of the artifacts that a task has inherited from the task and has read."""
        record = self._records.task(step, path) or self._records.failed(step, path)
        if record is None:
            return frozenset()
        reads = record.get("reads", {})
        names = {*reads.get("artifacts", ()), *reads.get("inputs", ())}
        if not names:
            return frozenset()
        inherited = self._inherited(record)
        return inherited if EVERY in names else inherited & names

    def _inherited(self, record: AttemptRecord) -> frozenset[str]:
        return frozenset().union(*map(self._carries, self._records.parents(record, self._items(record))))

    def _items(self, record: AttemptRecord) -> Sequence[int]:
        """Return the numbers of a join's inputs that may have an artifact of the task: its own item, if it is in the
        foreach."""
        parent = next((each for each in record["parents"] if each["count"] is not None), None)
        if parent is None:
            return ()
        depth = len(parts(parent["path"]))
        if self._place[:depth] == parts(parent["path"]) and self._place[depth : depth + 1]:
            number = self._place[depth]
            if number.startswith("."):
                return (int(number[1:]),)
        return range(min(_CARRIERS, parent["count"] or 0))

    def _carries(self, record: AttemptRecord) -> frozenset[str]:
        """Return the names of the artifacts that a task has left unchanged."""
        place = record["step"], record["path"]
        if place not in self._carried:
            if record["step"] not in self._after:
                return frozenset()
            if self._deep >= _DEEPEST:
                self._cut = True
                return frozenset()
            self._deep += 1
            kept = (name for name in self._inherited(record) if _digest(record, name) == self._refs[name]["digest"])
            self._carried[place] = frozenset(kept)
            self._deep -= 1
        return self._carried[place]
