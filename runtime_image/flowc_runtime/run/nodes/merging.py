"""Executes joins without code, which flowc adds to pipelines: a join after branches merges the artifacts of the
branches, and a join after a map collects or reduces the artifacts of the items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import Branch, Merge, targets
from flowc_ir.graphs.step_values import set_between
from flowc_runtime.run.nodes import failing
from flowc_runtime.run.nodes.returned import to_json
from flowc_runtime.run.nodes.signatures import VAR_POSITIONAL, arguments_of
from flowc_runtime.run.state import STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_ir import Function, Node
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.nodes.user_functions import UserFunction
    from flowc_runtime.run.nodes.variables import Variables
    from flowc_runtime.run.state import Inputs, TaskState


class ReducerError(ValueError):
    """A reducer raised an exception when it was called with the values of a map's items."""


def merge(
    task: Variables,
    node: Node,
    inputs: Inputs[Variables],
    graph: Graph,
    load: Callable[[Function], UserFunction],
    *,
    mocked: bool = False,
) -> None:
    """Set the artifacts of a join from the artifacts of its inputs (see `flowc_ir.Merge`).

    Args:
        task: the task of the join.
        node: the join's node, whose action is a Merge.
        inputs: the inputs of the join: the last task of each branch or item.
        graph: the flow's graph.
        load: a function that returns the Python function of a reducer.
        mocked: whether the run is mocked: a reducer is then called only if no value is None; else its result is None.

    Raises:
        ReducerError: a reducer raised an exception.
    """
    assert isinstance(node.run, Merge)
    assert node.joins is not None
    state: TaskState = task.__dict__[STATE]
    merged: object
    state.inherited.update(state.before_split())
    split = graph.nodes[node.joins]
    if isinstance(split.next, Branch):
        _merge_branches(state, split, inputs, graph)
        return
    failure = failing.caught_as(graph.flow)
    reducers = {each.name: each.function for each in node.run.reducers}
    names = set_between(graph.nodes, targets(split.next)[0], node.id)
    caught = _first_failure(inputs, failure) if failure in names else None
    for name in names:
        values = [getattr(each, name) for each in inputs if _has(each, name)]
        if name == failure:
            merged = caught
        elif name not in reducers:  # an item without the value gets None, so that the list has an entry for each item
            merged = [getattr(each, name) if _has(each, name) else None for each in inputs]
        elif mocked and not _all_patched(values):
            merged = None
        else:
            try:
                merged = _reduced(name, values, load(reducers[name]))
            except ReducerError:
                if caught is None:
                    raise
                # an item of the map has failed, so the reducer may lack its value; the handler of the failure runs next
                merged = None
        setattr(task, name, merged)


def _first_failure(inputs: Inputs[Variables], failure: str) -> object:
    """Return the first caught failure of a map's items, or None if no item failed."""
    values = (getattr(each, failure) for each in inputs if _has(each, failure))
    return next((value for value in values if value is not None), None)


def _merge_branches(state: TaskState, split: Node, inputs: Inputs[Variables], graph: Graph) -> None:
    """Copy references to the branches' artifacts without reading values. If several branches have an artifact of the
    same name, the artifact of the last branch is used."""
    join, failure = graph.join_of[split.id], failing.caught_as(graph.flow)
    for first, each in zip(targets(split.next), inputs, strict=True):
        own: TaskState = each.__dict__[STATE]
        own.see_all()
        for name in set_between(graph.nodes, first, join):
            if name == failure and getattr(each, name, None) is None and failure in state.inherited:
                continue  # this branch has no failure: keep the failure that an earlier branch may have set
            if name in own.inherited:
                state.inherited[name] = own.inherited[name]


def _has(task: Variables, name: str) -> bool:
    state: TaskState = task.__dict__[STATE]
    return name in state.inherited


def _all_patched(values: list[object]) -> bool:
    return bool(values) and all(value is not None for value in values)


def _reduced(name: str, values: list[object], reduce: UserFunction) -> object:
    try:
        return to_json_or_same(reduce(*values) if _takes_each(reduce) else reduce(values))
    except Exception as error:
        what = f"{getattr(reduce, '__qualname__', reduce)!s}"
        raise ReducerError(
            f"the reducer {what} of '{name}' failed on {len(values)} values: {type(error).__name__}: {error}"
        ) from error


def _takes_each(reduce: UserFunction) -> bool:
    """Return whether a reducer takes each value as an argument, like `lambda *x: max(x)`, rather than a list."""
    try:
        arguments = [*arguments_of(reduce).values()]
    except (TypeError, ValueError):  # the function is a builtin without a signature
        return False
    return bool(arguments) and arguments[0].kind == VAR_POSITIONAL


def to_json_or_same(value: object) -> object:
    """Convert a value to JSON's types; return it unchanged if JSON cannot represent it."""
    try:
        return to_json(value, "", "")
    except TypeError:
        return value
