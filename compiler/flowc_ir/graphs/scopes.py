"""Find the scopes of each node: the foreach, gangs and loops around the node, outermost first. The scopes determine the
index path of a task.

A task's index path is `0`, followed by one component for each scope of its node: `.3` is item 3 of a foreach or member
3 of a gang, `~3` is iteration 3 of a loop. `0.3~1` is iteration 1 of a loop in item 3; tasks after this loop have the
path `0.3` again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir.graphs.dominance import dominates, dominators, natural_loop, postorder
from flowc_ir.late.dataclass import dataclass
from flowc_ir.model import Branch, Foreach, Gang, NodeId, targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flowc_ir.model import Node


@final
@dataclass(frozen=True, slots=True)
class ItemScope:
    """The scope of the nodes in the body of a foreach or gang. The node `split` starts the foreach or gang."""

    split: NodeId


@final
@dataclass(frozen=True, slots=True)
class LoopScope:
    """The scope of the nodes in a loop. Each iteration starts with the node `header`."""

    header: NodeId


Scope: TypeAlias = "ItemScope | LoopScope"


def find_loops(start: NodeId, after: Mapping[NodeId, Sequence[NodeId]]) -> dict[NodeId, frozenset[NodeId]]:
    """Return the nodes of each loop, by its header. An edge that leads back makes a loop only if the edge's target
    dominates its source: every path to the source passes the target.

    Args:
        start: the first node.
        after: the successors of each node.
    """
    order = postorder(start, after.__getitem__)[::-1]
    number = {at: index for index, at in enumerate(order)}
    back = [(at, target) for at in order for target in after[at] if number[target] <= number[at]]
    if not back:
        return {}
    before: dict[NodeId, list[NodeId]] = {at: [] for at in order}
    for at in order:
        for target in after[at]:
            before[target].append(at)
    nearest = dominators(order, before)
    latches: dict[NodeId, list[NodeId]] = {}
    for at, target in back:
        if dominates(nearest, target, at):
            latches.setdefault(target, []).append(at)
    return {header: natural_loop(header, its, before) for header, its in latches.items()}


@final
@dataclass(frozen=True, slots=True)
class Nesting:
    """The scopes and the splits around a node, both outermost first. Each split is a pair: the node that splits, and
    the first node of the arm that contains the nested node.
    """

    scopes: tuple[Scope, ...]
    arms: tuple[tuple[NodeId, NodeId], ...]


def find_places(
    order: Sequence[NodeId], nodes: Mapping[NodeId, Node], loops: Mapping[NodeId, frozenset[NodeId]]
) -> dict[NodeId, Nesting]:
    """Return the scopes and splits around every node of a valid flow.

    Args:
        order: the nodes in topological order, from the start.
        nodes: the nodes by their id.
        loops: the nodes of each loop, by its header.
    """
    found = {order[0]: Nesting((), ())}
    for at in order:
        following = nodes[at].next
        opens = isinstance(following, Branch | Foreach | Gang)
        items: tuple[Scope, ...] = (ItemScope(at),) if isinstance(following, Foreach | Gang) else ()
        for target in targets(following):
            if target in found:
                continue
            split = nodes[target].joins
            if split is not None:
                found[target] = Nesting(_enter(target, found[split].scopes, loops), found[split].arms)
            else:
                arms = (*found[at].arms, *(((at, target),) if opens else ()))
                found[target] = Nesting(_enter(target, (*found[at].scopes, *items), loops), arms)
    return found


def _enter(at: NodeId, inside: Iterable[Scope], loops: Mapping[NodeId, frozenset[NodeId]]) -> tuple[Scope, ...]:
    kept = tuple(scope for scope in inside if not (isinstance(scope, LoopScope) and at not in loops[scope.header]))
    return (*kept, LoopScope(at)) if at in loops else kept
