"""Computes the dominators and the natural loops of a graph with one start node.

No function is recursive: a flow may be a chain of thousands of steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flowc_ir.model import NodeId


def postorder(start: NodeId, successors: Callable[[NodeId], Iterable[NodeId]]) -> list[NodeId]:
    """Return the nodes that are reachable from the start. Their order is the postorder of a depth-first search.

    Args:
        start: where the search begins.
        successors: returns a node's successors, in the order in which they are visited.
    """
    found: list[NodeId] = []
    seen = {start}
    stack = [(start, iter(successors(start)))]
    while stack:
        at, rest = stack[-1]
        for target in rest:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(successors(target))))
                break
        else:
            found.append(at)
            stack.pop()
    return found


def dominators(order: Sequence[NodeId], before: Mapping[NodeId, Iterable[NodeId]]) -> dict[NodeId, NodeId]:
    """Return the immediate dominator of each node; the immediate dominator of the start is the start itself.

    The function uses the algorithm of Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm".

    Args:
        order: the nodes in reverse postorder, from the start.
        before: the predecessors of each node; predecessors that are not in `order` are ignored.
    """
    number = {at: index for index, at in enumerate(order)}
    nearest = {order[0]: order[0]}

    def common(one: NodeId, other: NodeId) -> NodeId:
        while one != other:
            if number[one] > number[other]:
                one = nearest[one]
            else:
                other = nearest[other]
        return one

    changed = True
    while changed:
        changed = False
        for at in order[1:]:
            found: NodeId | None = None
            for earlier in before[at]:
                if earlier in nearest:
                    found = earlier if found is None else common(found, earlier)
            if found is not None and nearest.get(at) != found:
                nearest[at] = found
                changed = True
    return nearest


def dominates(nearest: Mapping[NodeId, NodeId], one: NodeId, other: NodeId) -> bool:
    """Return whether `one` dominates `other`: whether every path from the start to `other` passes `one`. `nearest` is
    the result of `dominators`."""
    while other != one:
        if nearest[other] == other:
            return False
        other = nearest[other]
    return True


def natural_loop(
    header: NodeId, latches: Iterable[NodeId], before: Mapping[NodeId, Iterable[NodeId]]
) -> frozenset[NodeId]:
    """Return the nodes of a loop: the header, and the nodes from which an edge back to the header can be reached
    without passing the header.

    Args:
        header: the node that dominates all other nodes of the loop.
        latches: the nodes with an edge back to the header.
        before: the predecessors of each node.
    """
    inside = {header}
    stack = [latch for latch in latches if latch != header]
    while stack:
        at = stack.pop()
        if at not in inside:
            inside.add(at)
            stack += before[at]
    return frozenset(inside)
