"""A join without code: merges the artifacts of branches, and lists or reduces those of a foreach's items."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from flowc_ir import Branch, Function, Merge, Notebook, Shell, targets
from flowc_runtime.run.nodes import failing
from flowc_runtime.run.nodes.returned import to_json
from flowc_runtime.run.state import STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_ir import Flow, Node
    from flowc_ir.model import Action, NodeId
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.nodes.user_functions import UserFunction
    from flowc_runtime.run.nodes.variables import Variables
    from flowc_runtime.run.state import Inputs, TaskState


class ReducerError(ValueError):
    """A reducer failed on the list of values."""


def merge(
    task: Variables,
    node: Node,
    inputs: Inputs[Variables],
    graph: Graph,
    load: Callable[[Function], UserFunction],
) -> None:
    """Set the artifacts of a join from those of its inputs (see `flowc_ir.Merge`).

    Args:
        task: the join's task.
        node: its node, whose action is a Merge.
        inputs: the tasks before it.
        graph: the flow's graph.
        load: returns the function of a reducer.

    Raises:
        ReducerError: a reducer raised an exception.
    """
    assert isinstance(node.run, Merge)
    assert node.joins is not None
    state: TaskState = task.__dict__[STATE]
    state.inherited.update(state.before_split())
    split = graph.nodes[node.joins]
    if isinstance(split.next, Branch):
        _merge_branches(state, split, inputs, graph)
        return
    failure = failing.caught_as(graph.flow)
    reducers = {each.name: each.function for each in node.run.reducers}
    for name in set_by(graph.nodes, targets(split.next)[0], node.id):
        values = [getattr(each, name) for each in inputs if _has(each, name)]
        if name == failure:
            setattr(task, name, next((value for value in values if value is not None), None))
            continue
        setattr(task, name, _reduced(name, values, load(reducers[name])) if name in reducers else values)


def _merge_branches(state: TaskState, split: Node, inputs: Inputs[Variables], graph: Graph) -> None:
    """Take over the references of artifacts; no value is read. The last branch that sets a name counts."""
    join, failure = graph.join_of[split.id], failing.caught_as(graph.flow)
    for first, each in zip(targets(split.next), inputs, strict=True):
        own: TaskState = each.__dict__[STATE]
        own.see_all()
        for name in set_by(graph.nodes, first, join):
            if name == failure and getattr(each, name, None) is None and failure in state.inherited:
                continue  # another branch has failed
            if name in own.inherited:
                state.inherited[name] = own.inherited[name]


def _has(task: Variables, name: str) -> bool:
    state: TaskState = task.__dict__[STATE]
    return name in state.inherited


def _reduced(name: str, values: list[object], reduce: UserFunction) -> object:
    try:
        return to_json_or_same(reduce(*values) if _takes_each(reduce) else reduce(values))
    except Exception as error:
        what = f"{getattr(reduce, '__qualname__', reduce)!s}"
        raise ReducerError(
            f"the reducer {what} of '{name}' failed on {len(values)} values: {type(error).__name__}: {error}"
        ) from error


def _takes_each(reduce: UserFunction) -> bool:
    """Return whether a reducer, such as `lambda *x: max(x)`, takes the values as its arguments."""
    try:
        parameters = [*inspect.signature(reduce).parameters.values()]
    except (TypeError, ValueError):  # a builtin without a signature
        return False
    return bool(parameters) and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL


def to_json_or_same(value: object) -> object:
    """Return a value reduced to JSON's types; one that JSON cannot represent stays as it is."""
    try:
        return to_json(value, "", "")
    except TypeError:
        return value


def set_by(nodes: Mapping[NodeId, Node], first: NodeId, join: NodeId) -> list[str]:
    """Return the names that the steps from `first` up to a join set, in the order of the steps."""
    waiting, seen = [first], {join}
    names: dict[str, None] = {}
    while waiting:
        at = waiting.pop(0)
        if at in seen:
            continue
        seen.add(at)
        node = nodes[at]
        names.update(dict.fromkeys(_returned(node.run)))
        if node.catch is not None and node.catch.var is not None:
            names[node.catch.var] = None
        waiting += targets(node.next)
    return list(names)


def names_set(flow: Flow) -> frozenset[str]:
    """Return all names that the steps of a flow set."""
    return frozenset(name for node in flow.nodes for name in _returned(node.run))


def _returned(action: Action) -> list[str]:
    match action:
        case Function(returns=returns) | Notebook(returns=returns) | Shell(returns=returns):
            return [each.name for each in returns]
        case Merge(reducers=reducers):
            return [each.name for each in reducers]
        case _:
            return []
