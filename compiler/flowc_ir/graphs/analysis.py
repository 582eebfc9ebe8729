"""What follows from a flow's graph, worked out once: who needs it is given the `Analysis`, and asks it.

Each field is computed when it is first asked for, since most programs need few of them. Edges may be asked of any flow,
also of one that `verify` refuses; all else only of a flow without faults.
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
    """The graph of `flow`. Passes return new flows, so each flow has an analysis of its own."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    # -- edges ---------------------------------------------------------------------------------------------------------

    @cached_property
    def nodes(self) -> Mapping[NodeId, Node]:
        """The nodes by their id, in the order written."""
        return self.flow.by_id()

    @cached_property
    def children(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """What each node leads to, in the order written, each once."""
        return {node.id: targets(node.next) for node in self.flow.nodes}

    @cached_property
    def parents(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """What leads to each node, in the order written; of targets that are no nodes, nothing."""
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
        """The nodes whose tasks a gang starts all at once."""
        return frozenset(node.next.body for node in self.flow.nodes if isinstance(node.next, Gang))

    # -- structure -----------------------------------------------------------------------------------------------------

    @cached_property
    def order(self) -> Sequence[NodeId]:
        """The nodes from the start on, each before what it leads to, apart from edges that close loops."""
        return postorder(self.flow.start, self.children.__getitem__)[::-1]

    @cached_property
    def loops(self) -> Mapping[NodeId, frozenset[NodeId]]:
        """The nodes of each loop, by the node that begins it; only a switch makes loops."""
        if not self.has_switch:
            return {}
        return find_loops(self.flow.start, self.children)

    @cached_property
    def has_switch(self) -> bool:
        """Whether a node chooses one of several ways."""
        return any(isinstance(node.next, Switch) for node in self.flow.nodes)

    @cached_property
    def places(self) -> Mapping[NodeId, Nesting]:
        """Where each node is: its scopes and arms."""
        return find_places(self.order, self.nodes, self.loops)

    @cached_property
    def scopes(self) -> Mapping[NodeId, tuple[Scope, ...]]:
        """The foreach, gangs and loops around each node, outermost first."""
        return {at: place.scopes for at, place in self.places.items()}

    @cached_property
    def region(self) -> Region:
        """The tree of regions."""
        from flowc_ir.graphs.regions import build_region  # classes that only back ends need: pods do not wait for them

        return build_region(self.flow.start, self.nodes, self.join_of, self.loops, self.order)
