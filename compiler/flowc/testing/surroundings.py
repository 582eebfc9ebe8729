"""Records the parent tasks of a tested step in a store in memory, so that the step runs like in a normal run."""

from __future__ import annotations

import itertools
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from flowc_ir import Branch, Foreach, Gang, Switch
from flowc_ir.graphs.scopes import ItemScope, LoopScope
from flowc_runtime.base.index import ROOT, Graph, item_path, iteration_path, parts
from flowc_runtime.run.assignment import Assignment
from flowc_runtime.run.state import OURS
from flowc_runtime.run.task.attempts import begin_record, new_record
from flowc_runtime.run.task.task import Attempt, begin_cards
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.values import codecs
from flowc_runtime.store.values.files import store_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_ir import Flow, Node
    from flowc_runtime.run.program import Program
    from flowc_runtime.store.records.record_types import ArtifactRef, Fanout

RUN = "test"
_held: dict[int, object] = {}  # objects by number; removed when the store whose pickles refer to them is freed
_numbers = itertools.count()


def _find_held(number: int) -> object:
    return _held[number]


class _Held:
    """A wrapper whose pickle is a reference to an object of this process; unpickling returns the object itself."""

    def __init__(self, value: object, objects: MemoryObjects) -> None:
        self._number = next(_numbers)
        _held[self._number] = value
        weakref.finalize(objects, _held.pop, self._number).atexit = False

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        return _find_held, (self._number,)


@final
class Surroundings:
    """A run in a store in memory, for one task of the tested step: it contains the records that the task reads, such as
    those of its parents."""

    def __init__(
        self, program: Program, flow: Flow, step: str, parameters: Mapping[str, object], *, pickled: bool
    ) -> None:
        self._graph = Graph(flow)
        if step not in self._graph.nodes:
            raise TypeError(f"flow '{flow.name}' has no step '{step}'; it has {', '.join(self._graph.nodes)}")
        self.node: Node = self._graph.node(step)
        self.inherited: dict[str, ArtifactRef] = {}
        self._program, self._pickled = program, pickled
        self._objects = MemoryObjects()
        self._parameters = store_files(self._objects, flow.parameters, parameters)
        self._run = Store(self._objects).run(flow.name, RUN)
        self._path = ROOT

    def place(self, item: object, index: int | None, outer: Sequence[tuple[int, object]]) -> None:
        """Set the task's position in the flow: which item it has of each foreach that contains its step. In a loop of
        the flow, the task belongs to iteration 0.

        Args:
            item: the item of the foreach that directly contains the step.
            index: the item's index; None means 0. If `item` and `index` are both None, no item is given.
            outer: pairs of index and item, one for each foreach that contains the foreach of `item`; the pair of the
                outermost foreach comes first. If there are fewer pairs than foreaches, the index in the outermost
                foreaches is 0.

        Raises:
            TypeError: more items are given than there are foreaches around the step.
        """
        scopes = self._graph.scopes(self.node.id)
        count = sum(isinstance(scope, ItemScope) for scope in scopes)
        given = [*outer]
        if index is not None or item is not None:
            given.append((index or 0, item))
        if len(given) > count:
            raise TypeError(f"step '{self.node.id}' is in {count} foreaches, but {len(given)} items are given")
        items = iter([(0, None)] * (count - len(given)) + given)
        for scope in scopes:
            if isinstance(scope, LoopScope):
                self._path = iteration_path(self._path, 0)
                continue
            number, value = next(items)
            self._split(self._graph.node(scope.split), self._path, [None] * number + [value])
            self._path = item_path(self._path, number)

    def precede(self, artifacts: Mapping[str, object]) -> None:
        """Write the record of the tested task's parent, with these artifacts, into the store. The start step has no
        parent and gets the artifacts directly.

        Raises:
            ArtifactError: an artifact cannot be pickled.
        """
        self.inherited = self._store(artifacts)
        before = [node for node in self._graph.predecessors[self.node.id] if not self._repeats(node)]
        # If the parent starts a foreach or a gang, `place` has already recorded the parent.
        if before and not isinstance(before[0].next, (Foreach, Gang)):
            shared = self._graph.shared(before[0].id, self.node.id)
            self._end(before[0], ROOT + "".join(parts(self._path)[:shared]), {})

    def join(self, inputs: Sequence[Mapping[str, object]] | Mapping[str, Mapping[str, object]]) -> None:
        """Write the records of the tested join's parent tasks into the store.

        Args:
            inputs: the artifacts of each input, as a list in the order of the inputs; for a join of branches, also as a
                mapping by the names of the branches' last steps.

        Raises:
            TypeError: the number or the names of the inputs do not fit the join.
            ArtifactError: an artifact cannot be pickled.
        """
        assert self.node.joins is not None
        split = self._graph.node(self.node.joins)
        ends = self._graph.ends(self.node)
        if not isinstance(split.next, Branch):
            if isinstance(inputs, Mapping):
                raise TypeError(f"the inputs of join '{self.node.id}' are a list with a mapping for each item")
            self._split(split, self._path, [None] * len(inputs))
            for number, artifacts in enumerate(inputs):
                self._end(ends[0][0], item_path(self._path, number), self._store(artifacts))
            return
        self._record(split, self._path, {})
        for node, artifacts in self._of_arms(ends, inputs):
            self._end(node, self._path, self._store(artifacts))

    def _of_arms(
        self,
        ends: Sequence[Sequence[Node]],
        inputs: Sequence[Mapping[str, object]] | Mapping[str, Mapping[str, object]],
    ) -> Iterator[tuple[Node, Mapping[str, object]]]:
        """Yield the last step of each branch that the join closes, and the step's artifacts. If a branch has several
        last steps because of a switch, a name in `inputs` chooses one of them."""
        wanted = ", ".join("/".join(node.id for node in arm) for arm in ends)
        if not isinstance(inputs, Mapping):
            if len(inputs) != len(ends):
                raise TypeError(f"join '{self.node.id}' has {len(ends)} inputs: {wanted}")
            yield from zip((arm[0] for arm in ends), inputs, strict=True)
            return
        chosen = [[node for node in arm if node.id in inputs] for arm in ends]
        if len(inputs) != len(ends) or not all(chosen):
            raise TypeError(f"the inputs of join '{self.node.id}' must have the names {wanted}")
        yield from ((arm[0], inputs[arm[0].id]) for arm in chosen)

    def attempt(self) -> Attempt:
        """Return the attempt of the task; it begins when the caller enters it with `with`."""
        place = (self.node.id, self._path, 1)
        return Attempt(
            Assignment(
                run=self._run,
                graph=self._graph,
                step=self.node.id,
                path=self._path,
                attempt=1,
                program=self._program,
                parameters=self._parameters,
                user="test",
                claimed=True,
                cards=begin_cards(self._program, self._run, self._graph, place, forks=False),
            )
        )

    def left(self, attempt: Attempt) -> dict[str, object]:
        """Return the artifacts that the step assigned or changed in place. If artifacts are not pickled, changes in
        place cannot be found, so only assigned artifacts are returned.

        Raises:
            ArtifactError: an artifact cannot be pickled.
        """
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

    def _repeats(self, node: Node) -> bool:
        return self._graph.repeats(node.id, self.node.id)

    def _end(self, node: Node, path: str, artifacts: dict[str, ArtifactRef]) -> None:
        """Write the record of a parent task into the store. `path` has the foreach indexes and loop iterations that the
        parent and the task have in common. For a loop that contains the parent but not the task, the parent belongs to
        iteration 0."""
        for scope in self._graph.scopes(node.id)[len(parts(path)) :]:
            assert isinstance(scope, LoopScope)
            path = iteration_path(path, 0)
            if scope.header != node.id:
                self._record(self._graph.node(scope.header), path, {})
        self._record(node, path, artifacts)

    def _split(self, split: Node, path: str, items: list[object]) -> None:
        fanout: Fanout = {"count": len(items)}
        if isinstance(split.next, Foreach):
            fanout = {"over": "", "count": len(items), "items": self._ref(items)}
        self._record(split, path, {}, fanout)

    def _record(self, node: Node, path: str, artifacts: dict[str, ArtifactRef], fanout: Fanout | None = None) -> None:
        record = new_record(self._run, self._graph, (node.id, path, 1), "ok", begin_record(time.time()), {"code": 0})
        record["artifacts"] = artifacts
        if fanout is not None:
            record["fanout"] = fanout
        if isinstance(node.next, Switch):
            record["choice"] = self.node.id
        self._run.finish(record)

    def _store(self, artifacts: Mapping[str, object]) -> dict[str, ArtifactRef]:
        return {name: self._ref(value) for name, value in artifacts.items()}

    def _ref(self, value: object) -> ArtifactRef:
        return codecs.store_value(self._objects, value if self._pickled else _Held(value, self._objects))
