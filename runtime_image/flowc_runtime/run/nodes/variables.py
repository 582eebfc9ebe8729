"""The values of a task in a flow without a class, as attributes: items, loop counters, artifacts, parameters."""

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
    """The values of one task, as attributes. Attributes that the step sets are stored as artifacts when it has ended.

    A name is looked up in this order: values that the step has set; the items and counters of the foreach and loops
    that contain the task, the innermost first; artifacts of earlier tasks; parameters of the run. Reads of parameters
    are recorded. Parameters in `absent` were not given and have no value.
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
        # Python calls this only for names that the task has not set.
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
            value = parameters[name]  # records the read, even if the parameter is absent
            if name not in self.__dict__[f"{OURS}absent"]:
                return value
        raise AttributeError(f"no step before '{state.step}' returns '{name}', and the run has no such parameter")

    def __setattr__(self, name: str, value: object) -> None:
        state: TaskState = self.__dict__[STATE]
        state.assign(name, value)
        self.__dict__[name] = value


def names_of(task: Variables) -> Iterator[str]:
    """Yield the name of each value that the task can read. All artifacts and absent parameters are recorded as read."""
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
    """The names of foreach items and loop counters in a flow, and their values for a task."""

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
        """Return the counters of the loops that contain a task: counter name → number of the current iteration."""
        return {
            name: number
            for scope, number in self._around(state)
            if isinstance(scope, LoopScope) and (name := self._counters.get(scope.header))
        }

    def of(self, state: TaskState) -> dict[str, Callable[[], object]]:
        """Return, by name, functions that read the task's foreach items and loop counters; the name of an inner foreach
        or loop hides an equal outer name."""
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
        """Yield the foreach and loops that contain a task, outermost first, each with its item or iteration number."""
        if state.step:
            numbers = (int(part[1:]) for part in parts(state.path))
            yield from zip(self._graph.scopes(state.step), numbers, strict=True)


def _item(state: TaskState, depth: int) -> object:
    return state.frames[depth].item
