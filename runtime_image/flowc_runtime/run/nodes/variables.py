"""The values that a step without a flow class reads and sets by name: items, loop counters, artifacts, parameters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, final

from flowc_ir import Foreach, Switch
from flowc_ir.graphs.scopes import ItemScope, LoopScope
from flowc_runtime.base.index import parts
from flowc_runtime.run.state import OURS, STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowc_ir.graphs.scopes import Scope
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.state import TaskState


@final
class Variables:
    """The artifacts of one task as attributes; those that it sets are stored when its step has ended.

    A name is looked up in this order: values that the step has set, the items and counters of the foreach and loops
    around it (the innermost first), artifacts of the tasks before, parameters of the run. The parameters record which
    of them are read; those in `absent` have no value.
    """

    def __init__(
        self,
        state: TaskState,
        parameters: Mapping[str, object],
        around: ItemNames,
        absent: frozenset[str] = frozenset(),
    ) -> None:
        self.__dict__[STATE] = state
        self.__dict__[f"{OURS}given"] = parameters
        self.__dict__[f"{OURS}absent"] = absent
        self.__dict__[f"{OURS}around"] = around.of(state)

    def __getattr__(self, name: str) -> object:
        # Only called for a name that this task has not set.
        if name.startswith("__"):
            raise AttributeError(name)
        around: Mapping[str, Callable[[], object]] = self.__dict__[f"{OURS}around"]
        if name in around:
            return around[name]()
        state: TaskState = self.__dict__[STATE]
        if state.load(self, name):
            return self.__dict__[name]
        parameters: Mapping[str, object] = self.__dict__[f"{OURS}given"]
        if name in parameters:
            value = parameters[name]  # recorded also if it is absent: a value would change what the step does
            if name not in self.__dict__[f"{OURS}absent"]:
                return value
        raise AttributeError(f"no step before '{state.step}' returns '{name}', and the run has no such parameter")

    def __setattr__(self, name: str, value: object) -> None:
        state: TaskState = self.__dict__[STATE]
        state.assign(name, value)
        self.__dict__[name] = value


def names_of(task: Variables) -> Iterator[str]:
    """Yield the names of all values that the task can read, each once. The absent parameters count as read."""
    inside = task.__dict__
    state: TaskState = inside[STATE]
    own = (name for name in inside if not name.startswith(OURS))
    state.see_all()
    parameters: Mapping[str, object] = inside[f"{OURS}given"]
    absent: frozenset[str] = inside[f"{OURS}absent"]
    for name in absent:
        _ = parameters[name]
    given = (name for name in parameters if name not in absent)
    yield from dict.fromkeys((*own, *inside[f"{OURS}around"], *state.inherited, *given))


@final
class ItemNames:
    """The names of the items and counters that the steps of a flow can read."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._counters = {
            target: node.next.loop.index
            for node in graph.flow.nodes
            if isinstance(node.next, Switch) and node.next.loop is not None
            for _, target in node.next.arms
            if self._graph.repeats(node.id, target)
        }

    def counters(self, state: TaskState) -> dict[str, int]:
        """Return the numbers of the iterations around a task, by the names of their counters."""
        return {
            name: number
            for scope, number in self._around(state)
            if isinstance(scope, LoopScope) and (name := self._counters.get(scope.header))
        }

    def of(self, state: TaskState) -> dict[str, Callable[[], object]]:
        """Return functions that read the items and counters around a task, by name; inner ones hide outer ones."""
        found: dict[str, Callable[[], object]] = {}
        items = 0
        for scope, number in self._around(state):
            if isinstance(scope, ItemScope):
                transition = self._graph.nodes[scope.split].next
                if isinstance(transition, Foreach) and transition.item:
                    found[transition.item] = partial(_item, state, items)
                items += 1
            elif name := self._counters.get(scope.header):
                found[name] = partial(int, number)
        return found

    def _around(self, state: TaskState) -> Iterator[tuple[Scope, int]]:
        """Yield the scopes around a task, outermost first, with the numbers of its item or iteration in each."""
        if state.step:
            numbers = (int(part[1:]) for part in parts(state.path))
            yield from zip(self._graph.scopes(state.step), numbers, strict=True)


def _item(state: TaskState, depth: int) -> object:
    return state.frames[depth].item
