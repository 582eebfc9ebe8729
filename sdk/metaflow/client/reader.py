"""The records of one run, each read at most once where it cannot change any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from flowc.ir import End
from flowc_runtime.control import ATTEMPT, ControlTasks
from flowc_runtime.errors import NotFound, ProtocolError
from flowc_runtime.index import ROOT, Graph, path_of, path_order
from flowc_runtime.remote import RemoteObjects
from flowc_runtime.version import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowc.ir import Flow
    from flowc_runtime.records import AttemptRecord, BeginRecord, RunRecord
    from flowc_runtime.store import RunStore, Store
    from metaflow.client.values import Constant

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16  # requests to a bucket at once
PARAMETERS = "_parameters"
"""The step that has one task in every run, whose artifacts all tasks have. It is not in the graph."""


class RunReader:
    """What a run's objects of the client share: the run in the store, and what was read of it."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._record: RunRecord | None = None
        self._done: dict[tuple[str, str], AttemptRecord] = {}
        self.constants: dict[str, Constant] | None = None  # filled by `values.constants`

    def exists(self) -> bool:
        """Whether the run has begun."""
        try:
            return self.record is not None
        except NotFound:
            return False

    @property
    def record(self) -> RunRecord:
        """The run's record. Raises NotFound."""
        if self._record is None:
            self._record = self.store.record()
        return self._record

    @property
    def system_tags(self) -> frozenset[str]:
        """The tags that the run was made with."""
        return frozenset(self.record.get("system_tags", ()))

    @property
    def user_tags(self) -> frozenset[str]:
        """The tags that the run has been given, as of now."""
        return frozenset(self.store.user_tags())

    def has_tag(self, tag: str) -> bool:
        """Whether it is one of the run's tags."""
        return tag in self.system_tags or tag in self.user_tags

    # -- the graph

    @cached_property
    def flow(self) -> Flow:
        """What the run executes."""
        return self.store.executes()

    @cached_property
    def graph(self) -> Graph:
        """Its graph."""
        return Graph(self.flow)

    @cached_property
    def end(self) -> str:
        """The step that ends the run."""
        return next(node.id for node in self.flow.nodes if isinstance(node.next, End))

    def find_class(self, module: str, name: str) -> Any:
        """A class of the run's values that cannot be imported here. Raises ArtifactError."""
        from flowc_runtime.classes import Classes
        from metaflow.client.loaded import module_of

        return Classes(self.store, module_of).find(module, name)

    # -- tasks

    def has_step(self, step: str) -> bool:
        """Whether a step has begun; that of the parameters has, with the run."""
        return step in self.store.steps() or self.is_beside(step)

    def is_beside(self, step: str) -> bool:
        """Whether a step is that of the parameters, which is in no graph."""
        return step == PARAMETERS and step not in self.graph.nodes

    @cached_property
    def controls(self) -> ControlTasks:
        """The control tasks of its unbounded foreach."""
        return ControlTasks(self.store, self.graph, self._read)

    def is_control(self, step: str, path: str) -> bool:
        """Whether a task is the control task of an unbounded foreach."""
        try:
            return self.controls.opened(step, path) is not None
        except NotFound:
            return False

    def done(self, step: str, path: str) -> AttemptRecord | None:
        """The record of a task that is done."""
        if self.is_beside(step):
            return self._of_parameters() if path == ROOT else None
        try:
            return self._read(step, path)
        except NotFound:
            return self._of_control(step, path)

    def _of_control(self, step: str, path: str) -> AttemptRecord | None:
        """The record of a control task that is done."""
        try:
            record = self.controls.record(step, path)
        except NotFound:
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
        """The record of an attempt that has ended. The first attempt is number 1."""
        done = self.done(step, path)
        if done is not None and done["attempt"] == number:
            return done
        return self.store.attempt(step, path, number)

    def began(self, step: str, path: str, number: int) -> BeginRecord | None:
        """The record of an attempt's beginning."""
        begun = self.store.beginning(step, path, number)
        if begun is None and number == ATTEMPT and self.is_control(step, path):
            split = self.controls.opened(step, path)
            assert split is not None
            return {"version": split["version"], "began": split["ended"], "process": split["process"]}
        return begun

    def last(self, step: str, task: str) -> int:
        """The number of the attempt that is the task's: that which is done, else the latest; 0 if there is none.

        The task is named by its id or its index path.
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

    def paths(self, step: str) -> list[str]:
        """The index paths of the tasks of a step that have begun, in their order."""
        if self.is_beside(step):
            return [ROOT]
        begun = self.store.paths(step)
        controls = self.controls.paths(step, begun)
        return sorted([*controls, *begun], key=path_order) if controls else begun

    def read_ahead(self, step: str, paths: Sequence[str]) -> Iterator[str]:
        """The paths, with their records read some ahead where each is a request."""
        if not isinstance(self.store.objects, RemoteObjects):
            yield from paths
        else:
            yield from (path for path, _ in ahead(paths, lambda path: self.done(step, path)))

    # -- what is the same for all tasks

    @property
    def metaflow_version(self) -> str:
        """Which Metaflow's API the run was made with, as its tag says."""
        return self.tagged("metaflow_version:") or API_VERSION

    def tagged(self, prefix: str) -> str | None:
        """What follows the prefix in a system tag that begins with it."""
        found: Iterable[Any] = (tag for tag in self.system_tags if tag.startswith(prefix))
        return next((str(tag)[len(prefix) :] for tag in found), None)


class UserTags:
    """The user tags of a flow's runs: one listing for all, made when it is first asked for."""

    def __init__(self, store: Store, flow: str) -> None:
        self._store, self._flow = store, flow
        self._found: dict[str, set[str]] | None = None

    def of(self, reader: RunReader) -> set[str]:
        """Those of one run."""
        if self._found is None:
            self._found = self._store.tagged(self._flow)
        return self._found.get(reader.store.id, set())


def readers(store: Store, flow: str) -> Iterator[RunReader]:
    """The runs of a flow that have begun, newest first."""
    found = [RunReader(store.run(flow, run)) for run in reversed(store.runs(flow))]
    if not isinstance(store.objects, RemoteObjects):
        yield from (reader for reader in found if reader.exists())
    else:
        yield from (reader for reader, exists in ahead(found, RunReader.exists) if exists)


def ahead(items: Sequence[T], read: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """Each item with what is read for it, many at once, and no more than a few hundred before they are needed."""
    with ThreadPoolExecutor(THREADS) as pool:
        size = THREADS
        at = 0
        while at < len(items):  # twice as many each time: who stops after the first has paid for few
            part = items[at : at + size]
            yield from zip(part, pool.map(read, part), strict=True)
            at, size = at + size, min(2 * size, 256)
