"""The graph of a flow, for the flow's own code: `self._graph["train"].type`, and iteration over the steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, final

from flowc_ir.graphs.analysis import Analysis
from flowc_ir.graphs.scopes import ItemScope
from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.model import Branch, End, Foreach, Gang, Goto, Switch, assert_never, targets
from metaflow import _seam
from metaflow._legacy.stand_ins import decorators_of
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from flowc_ir import Flow, Node
    from flowc_ir.graphs.scopes import Nesting

__all__ = ["DAGNode", "FlowGraph"]


@final
@dataclass(frozen=True, kw_only=True)
class DAGNode:
    """A step in the graph of a flow.

    Attributes:
        name: the name of the step.
        type: start, linear, split, foreach, split-switch, join or end.
        doc: the docstring of the step.
        in_funcs: the steps that lead to this step, sorted.
        out_funcs: the steps that follow this step, in the order of `self.next`.
        split_parents: the splits that contain the step, outermost first; for a join also the split that it joins.
        split_branches: the first steps of the branches that contain the step.
        matching_join: the join that ends this split.
        is_inside_foreach: whether the step runs once for each item of a foreach.
        foreach_param: the artifact with the items, if the step starts a foreach.
        condition: the artifact with the choice, if the step is a switch.
        switch_cases: for a switch, choice -> step.
        parallel_step: whether the step's tasks are a gang.
        parallel_foreach: whether the next step is a gang.
        num_args: the number of arguments of the step's method: 2 for a join, otherwise 1.
        source_file: the source file of the step, relative to the flow's directory.
        func_lineno: the line of the step in the source file.
        node_info: the value of `@step(node_info=…)`.
        decorators: the decorators, from the inside out.
    """

    name: str
    type: str
    doc: str
    in_funcs: list[str]
    out_funcs: list[str]
    split_parents: list[str]
    split_branches: list[str]
    matching_join: str | None
    is_inside_foreach: bool
    foreach_param: str | None = None
    condition: str | None = None
    switch_cases: dict[Any, str] = field(default_factory=dict)
    parallel_step: bool = False
    parallel_foreach: bool = False
    num_args: int = 1
    source_file: str = ""
    func_lineno: int = 0
    node_info: Any = field(default_factory=dict)
    decorators: list[Any] = field(default_factory=list, compare=False)
    """The step's decorators, from the innermost to the outermost, each with its `name` and `attributes`.

    Hooks that run before a run may append to this list, also in the graph that the flow's own code sees.
    """

    @property
    def __name__(self) -> str:
        """The step's name; programs that treat the steps as functions read this attribute."""
        return self.name


class FlowGraph:
    """The steps of a flow by name; iteration is in the order of the names.

    Args:
        flow: the intermediate representation.
        cls: the class from which the graph was read; if given, the steps of the graph have decorators.
    """

    def __init__(self, flow: Flow, cls: type | None = None) -> None:
        self._flowc_class = cls
        self.name = flow.name
        self.doc = flow.doc
        self.start_step = flow.start
        self.end_step = next(node.id for node in flow.nodes if isinstance(node.next, End))
        analysis = Analysis(flow)
        where, before = analysis.places, {at: sorted(parents) for at, parents in analysis.parents.items()}
        joins, gangs = analysis.join_of, analysis.gang_members
        nodes = {node.id: _node(node, where[node.id], before[node.id], joins, gangs) for node in flow.nodes}
        self.nodes = {name: nodes[name] for name in sorted(nodes)}
        self.sorted_nodes = list(where)
        if cls is not None:
            for node in flow.nodes:
                nodes[node.id].decorators.extend(decorators_of(cls, node))

    def __getitem__(self, name: str) -> DAGNode:
        return self.nodes[name]

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def __iter__(self) -> Iterator[DAGNode]:
        return iter(self.nodes.values())


def outline(cls: type) -> FlowGraph:
    """Return the graph of a flow's class, read from its source. Configs need no values.

    Raises:
        MetaflowException: the graph is invalid; the message is the first error.
    """
    found = _seam.read_graph(cls)
    if isinstance(found, tuple):
        raise MetaflowException(f"{found[0].span}: {found[0].message}")
    return FlowGraph(found, cls)


def _node(node: Node, place: Nesting, before: list[str], joins: Mapping[str, str], gangs: Collection[str]) -> DAGNode:
    over = node.next.over if isinstance(node.next, Foreach) else None
    condition, cases = (node.next.condition, dict(node.next.arms)) if isinstance(node.next, Switch) else (None, {})
    return DAGNode(
        name=node.id,
        type=_type(node, first=not before),
        doc=node.doc,
        in_funcs=before,
        out_funcs=list(targets(node.next)),
        split_parents=[split for split, _ in place.arms] + ([node.joins] if node.joins is not None else []),
        split_branches=[arm for _, arm in place.arms],
        matching_join=joins.get(node.id),
        is_inside_foreach=any(isinstance(scope, ItemScope) for scope in place.scopes),
        foreach_param=over,
        condition=condition,
        switch_cases=cases,
        parallel_step=node.id in gangs,
        parallel_foreach=isinstance(node.next, Gang),
        num_args=1 if node.joins is None else 2,
        source_file=node.where.file,
        func_lineno=node.where.line,
        node_info=json.loads(node.info) if node.info else {},
    )


def _type(node: Node, *, first: bool) -> str:
    match node.next:
        case Foreach() | Gang():
            return "foreach"
        case Branch():
            return "split"
        case Switch():
            return "split-switch"
        case End() | Goto():
            if node.joins is not None:
                return "join"
            if isinstance(node.next, End):
                return "end"
            return "start" if first else "linear"
        case _:
            assert_never(node.next)
