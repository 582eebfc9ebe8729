"""Find the names of the values that a step sets, in a flow that is not written as a class. The values are what the
step's code returns, and the failure that the step stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.model import Function, Merge, Notebook, Shell, targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc_ir.model import Action, Flow, Node, NodeId, Return


def returns_of(action: Action) -> tuple[Return, ...]:
    """Return the values, with their names, that the code of a step returns. The result is empty for kinds of code that
    return no values."""
    match action:
        case Function(returns=returns) | Notebook(returns=returns) | Shell(returns=returns):
            return returns
        case _:
            return ()


def failure_of(node: Node) -> str | None:
    """Return the name of the artifact in which a step stores its caught failure, or None if the step stores no
    failure."""
    return node.catch.var if node.catch is not None else None


def set_here(node: Node) -> list[str]:
    """Return the names of the values that a step sets, in order. If the step stores its caught failure, the name for
    the failure is last."""
    failure = failure_of(node)
    return [*_returned(node.run), *([] if failure is None else [failure])]


def returned_in(flow: Flow) -> frozenset[str]:
    """Return the names of all values that the steps of a flow return or compute by reducers; the names under which
    steps store caught failures are not included."""
    return frozenset(name for node in flow.nodes for name in _returned(node.run))


def _returned(action: Action) -> list[str]:
    if isinstance(action, Merge):
        return [each.name for each in action.reducers]
    return [each.name for each in returns_of(action)]


def between(nodes: Mapping[NodeId, Node], first: Iterable[NodeId], join: NodeId) -> list[Node]:
    """Return the steps from the `first` steps up to a join, without the join, breadth first and without duplicates."""
    waiting, seen = [*first], {join}
    found: list[Node] = []
    while waiting:
        at = waiting.pop(0)
        if at not in seen:
            seen.add(at)
            found.append(nodes[at])
            waiting += targets(nodes[at].next)
    return found


def set_between(nodes: Mapping[NodeId, Node], first: NodeId, join: NodeId) -> list[str]:
    """Return the names of the values that the steps from `first` up to a join set, in order and without duplicates."""
    return list(dict.fromkeys(name for node in between(nodes, [first], join) for name in set_here(node)))
