"""Facts that follow from a flow's graph. Passes and back ends share one `Analysis` of a flow, so each is computed once.

Each field is computed on first use, since most programs need few of them. Edges are available for any flow, also one
that `verify` refuses; the other fields only for a flow without faults.
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
    """The analysis of one flow's graph. Passes return new flows, and each flow has its own analysis."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    # -- edges ---------------------------------------------------------------------------------------------------------

    @cached_property
    def nodes(self) -> Mapping[NodeId, Node]:
        """The nodes by their id, in the order written."""
        return self.flow.by_id()

    @cached_property
    def children(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """The successors of each node, in the order written, each once."""
        return {node.id: targets(node.next) for node in self.flow.nodes}

    @cached_property
    def parents(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """The predecessors of each node, in the order written; targets that are not nodes are left out."""
        found: dict[NodeId, list[NodeId]] = {node.id: [] for node in self.flow.nodes}
        for at, following in self.children.items():
            for target in following:
                if target in found:
                    found[target].append(at)
        return {at: tuple(before) for at, before in found.items()}

    @cached_property
    def join_of(self) -> Mapping[NodeId, NodeId]:
        """The join that closes each split."""
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
        """The nodes of each loop, by its header; only a switch can close a loop."""
        if not self.has_switch:
            return {}
        return find_loops(self.flow.start, self.children)

    @cached_property
    def has_switch(self) -> bool:
        """Whether a node chooses one of several successors."""
        return any(isinstance(node.next, Switch) for node in self.flow.nodes)

    @cached_property
    def places(self) -> Mapping[NodeId, Nesting]:
        """The scopes and arms around each node."""
        return find_places(self.order, self.nodes, self.loops)

    @cached_property
    def scopes(self) -> Mapping[NodeId, tuple[Scope, ...]]:
        """The foreach, gangs and loops around each node, outermost first."""
        return {at: place.scopes for at, place in self.places.items()}

    @cached_property
    def region(self) -> Region:
        """The tree of regions."""
        from flowc_ir.graphs.regions import build_region  # only back ends need these classes: pods do not load them

        return build_region(self.flow.start, self.nodes, self.join_of, self.loops, self.order)
