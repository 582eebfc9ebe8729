"""Facts about a flow's graph. Passes and back ends share one `Analysis` of a flow, so each fact is computed only once.

Each property is computed on first use, since most programs need few of them. The properties in the section "edges" can
be read for any flow, even if it has faults; the other properties can be read only for a flow without faults.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, final

from flowc_ir.graphs.dominance import postorder
from flowc_ir.graphs.scopes import find_loops, find_places
from flowc_ir.model import Gang, Switch, targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir.graphs.regions import Region
    from flowc_ir.graphs.scopes import Nesting, Scope
    from flowc_ir.model import Flow, Node, NodeId


@final
class Analysis:
    """The analysis of one flow's graph. A pass returns a new flow, which needs a new analysis."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    # -- edges ---------------------------------------------------------------------------------------------------------

    @cached_property
    def nodes(self) -> Mapping[NodeId, Node]:
        """The nodes by their id, in the order of the source."""
        return self.flow.by_id()

    @cached_property
    def children(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """The successors of each node without duplicates, in the order in which the source names them."""
        return {node.id: targets(node.next) for node in self.flow.nodes}

    @cached_property
    def parents(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """The predecessors of each node, in the order of the source. If a faulty transition names a node that does not
        exist, this node has no entry."""
        found: dict[NodeId, list[NodeId]] = {node.id: [] for node in self.flow.nodes}
        for at, following in self.children.items():
            for target in following:
                if target in found:
                    found[target].append(at)
        return {at: tuple(before) for at, before in found.items()}

    @cached_property
    def join_of(self) -> Mapping[NodeId, NodeId]:
        """For each split, the join that closes it."""
        return {node.joins: node.id for node in self.flow.nodes if node.joins is not None}

    @cached_property
    def gang_members(self) -> frozenset[NodeId]:
        """The nodes whose tasks start together as a gang."""
        return frozenset(node.next.body for node in self.flow.nodes if isinstance(node.next, Gang))

    # -- structure -----------------------------------------------------------------------------------------------------

    @cached_property
    def order(self) -> Sequence[NodeId]:
        """The nodes in topological order from the start, ignoring edges that close loops."""
        return postorder(self.flow.start, self.children.__getitem__)[::-1]

    @cached_property
    def loops(self) -> Mapping[NodeId, frozenset[NodeId]]:
        """The nodes of each loop, by the loop's header (its first node). Only a switch can lead back to the header."""
        if not self.has_switch:
            return {}
        return find_loops(self.flow.start, self.children)

    @cached_property
    def has_switch(self) -> bool:
        """Whether the flow has a switch, which chooses one of several successors."""
        return any(isinstance(node.next, Switch) for node in self.flow.nodes)

    @cached_property
    def places(self) -> Mapping[NodeId, Nesting]:
        """For each node, the scopes (foreach, gangs and loops) around the node, and the arms of splits that contain the
        node."""
        return find_places(self.order, self.nodes, self.loops)

    @cached_property
    def scopes(self) -> Mapping[NodeId, tuple[Scope, ...]]:
        """The foreach, gangs and loops around each node, outermost first."""
        return {at: place.scopes for at, place in self.places.items()}

    @cached_property
    def region(self) -> Region:
        """The tree of regions, see `flowc_ir.graphs.regions`."""
        from flowc_ir.graphs.regions import build_region  # imported late, because only back ends need regions, not pods

        return build_region(self.flow.start, self.nodes, self.join_of, self.loops, self.order)
