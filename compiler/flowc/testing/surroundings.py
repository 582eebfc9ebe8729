"""The tasks before a step under test, as records of a store in memory: the step then runs as in any run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from flowc_runtime import codecs
from flowc_runtime.attempts import new_record
from flowc_runtime.index import ROOT, Graph, item_path, parent_path
from flowc_runtime.memory import MemoryObjects
from flowc_runtime.state import OURS
from flowc_runtime.store import Store
from flowc_runtime.task import Assignment, Attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.ir import Flow, Node
    from flowc_runtime.codecs import ArtifactRef
    from flowc_runtime.records import Fanout

RUN = "test"
_held: dict[int, Any] = {}
_numbers = itertools.count()


def _find_held(number: int) -> Any:
    return _held[number]


class _Held:
    """Pickles as a reference to an object of this process: reading it gives that very object."""

    def __init__(self, value: Any) -> None:
        self._number = next(_numbers)
        _held[self._number] = value

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return _find_held, (self._number,)


@final
class Surroundings:
    """What a task of one step finds around it."""

    def __init__(self, cls: type, flow: Flow, step: str, parameters: Mapping[str, Any], *, pickled: bool) -> None:
        _held.clear()  # of the step that ran before
        self._graph = Graph(flow)
        if step not in self._graph.nodes:
            raise TypeError(f"flow '{flow.name}' has no step '{step}'; it has {', '.join(self._graph.nodes)}")
        self.node: Node = self._graph.node(step)
        self.inherited: dict[str, ArtifactRef] = {}
        self._cls, self._parameters, self._pickled = cls, parameters, pickled
        self._objects = MemoryObjects()
        self._run = Store(self._objects).run(flow.name, RUN)
        self._path = ROOT

    def place(self, item: Any, index: int | None, outer: Sequence[tuple[int, Any]]) -> None:
        """Say which item of each foreach around it the task is about, outermost first."""
        splits: list[Node] = []
        here: Node | None = self.node
        while here is not None and (here := self._graph.foreach_of(here)) is not None:
            splits.insert(0, here)
        given = [*outer]
        if index is not None or item is not None:
            given.append((index or 0, item))
        if len(given) > len(splits):
            raise TypeError(f"step '{self.node.id}' is in {len(splits)} foreaches, but {len(given)} items are given")
        given = [(0, None)] * (len(splits) - len(given)) + given
        for split, (number, value) in zip(splits, given, strict=True):
            self._split(split, self._path, [None] * number + [value])
            self._path = item_path(self._path, number)

    def precede(self, artifacts: Mapping[str, Any]) -> None:
        """Let a task with these artifacts come before; of the start step, let them be there."""
        self.inherited = self._store(artifacts)
        for parent in self._graph.predecessors[self.node.id][:1]:
            path = parent_path(parent, self._path)
            if path == self._path:  # else it is the split that `place` has recorded
                self._record(parent.id, path, {})

    def join(self, inputs: Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]]) -> None:
        """Let the tasks that the join waits for have these artifacts."""
        assert self.node.joins is not None
        before = [node.id for node in self._graph.predecessors[self.node.id]]
        split = self._graph.node(self.node.joins)
        foreach = self._graph.foreach_of(self._graph.node(before[0])) is split
        if isinstance(inputs, Mapping):
            if foreach or set(inputs) != set(before):
                wanted = "a list, one for each item" if foreach else f"those of {', '.join(before)}"
                raise TypeError(f"the inputs of join '{self.node.id}' are {wanted}")
            inputs = [inputs[name] for name in before]
        if not foreach and len(inputs) != len(before):
            raise TypeError(f"join '{self.node.id}' has {len(before)} inputs: {', '.join(before)}")
        if foreach:
            self._split(split, self._path, [None] * len(inputs))
        else:
            self._record(split.id, self._path, {})
        for number, artifacts in enumerate(inputs):
            step, path = (before[0], item_path(self._path, number)) if foreach else (before[number], self._path)
            self._record(step, path, self._store(artifacts))

    def attempt(self) -> Attempt:
        """The attempt, to be entered."""
        return Attempt(
            Assignment(
                run=self._run,
                graph=self._graph,
                step=self.node.id,
                path=self._path,
                attempt=1,
                cls=self._cls,
                parameters=self._parameters,
                user="test",
                claimed=True,
            )
        )

    def left(self, attempt: Attempt) -> dict[str, Any]:
        """What the step set or changed."""
        state = attempt.state
        if not self._pickled:
            merged = [name for name in state.inherited if name not in self.inherited]
            known = {name: getattr(attempt.flow, name) for name in merged}
            mine = {name: value for name, value in vars(attempt.flow).items() if not name.startswith(OURS)}
            return known | {name: value for name, value in mine.items() if name not in state.inherited}
        refs = state.store(attempt.flow)
        found = {name: ref["digest"] for name, ref in self.inherited.items() if name in state.inherited}
        changed = {name: ref for name, ref in refs.items() if ref["digest"] != found.get(name)}
        return {name: codecs.load_value(self._objects, ref) for name, ref in changed.items()}

    def _split(self, split: Node, path: str, items: list[Any]) -> None:
        fanout: Fanout = {"over": "", "count": len(items), "items": self._ref(items)}
        self._record(split.id, path, {}, fanout)

    def _record(self, step: str, path: str, artifacts: dict[str, ArtifactRef], fanout: Fanout | None = None) -> None:
        record = new_record(self._run, self._graph, (step, path, 1), "ok", time.time(), {"code": 0})
        record["artifacts"] = artifacts
        if fanout is not None:
            record["fanout"] = fanout
        self._run.finish(record)

    def _store(self, artifacts: Mapping[str, Any]) -> dict[str, ArtifactRef]:
        return {name: self._ref(value) for name, value in artifacts.items()}

    def _ref(self, value: Any) -> ArtifactRef:
        return codecs.store_value(self._objects, value if self._pickled else _Held(value))
