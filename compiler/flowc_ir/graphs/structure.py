"""Check the structure of a flow's graph; the function `analyse` finds all faults of the structure.

In a structured flow, exactly one join closes each split, splits are properly nested, and every cycle is a loop with a
switch that leads out of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir import codes
from flowc_ir.diagnostic import Diagnostic, Faults
from flowc_ir.graphs.dominance import postorder
from flowc_ir.graphs.nesting import match_joins
from flowc_ir.graphs.scopes import find_loops
from flowc_ir.late.dataclass import dataclass
from flowc_ir.model import NodeId, Span, Switch, Transition, targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """A node of the graph, with only the fields that the check of the structure needs. A vertex does not contain the
    split that a join closes: the check finds this split.

    `next` is None if the transition is unknown because of a fault that was reported before. If `next` is None, the
    check does not go beyond this node, so that it reports no further faults for the same mistake.
    """

    id: NodeId
    where: Span
    takes_inputs: bool
    next: Transition | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStructure:
    """The result of `analyse`: `closes` maps a join to its split; `faults` is empty for a structured flow."""

    closes: Mapping[NodeId, NodeId]
    faults: tuple[Diagnostic, ...]


def analyse(start: NodeId, vertices: Sequence[Vertex]) -> FlowStructure:
    """Walk the graph from `start` once and report every fault: cycles, unreachable steps, unbalanced splits."""
    return _Analysis(start, vertices).shape()


class _Analysis:
    def __init__(self, start: NodeId, vertices: Sequence[Vertex]) -> None:
        self.start = start
        self.by_id = {vertex.id: vertex for vertex in vertices}
        self.faults = Faults()
        self.said: set[tuple[str, str]] = set()
        self.predecessors: dict[NodeId, list[NodeId]] = {vertex.id: [] for vertex in vertices}
        for vertex in vertices:
            for target in self._targets(vertex.id):
                if target in self.predecessors:
                    self.predecessors[target].append(vertex.id)

    def _targets(self, at: NodeId) -> tuple[NodeId, ...]:
        transition = self.by_id[at].next
        return () if transition is None else targets(transition)

    def shape(self) -> FlowStructure:
        order = self._in_order()
        self._check_cycles(order)
        if self.faults:  # the checks below assume that every cycle is a loop
            return FlowStructure(closes={}, faults=tuple(self.faults))
        closes = match_joins(order, self.by_id, self.predecessors, self._fault)
        self._report_unreachable(set(order))
        return FlowStructure(closes=closes, faults=tuple(self.faults))

    def _fault(
        self, code: str, message: str, at: NodeId, hint: str | None, also: Sequence[tuple[NodeId, str]] = ()
    ) -> None:
        if (code, message) in self.said:  # for example, a split is still open at several ends of the flow
            return
        self.said.add((code, message))
        places = [(self.by_id[other].where, label) for other, label in also]
        self.faults.add(code, self.by_id[at].where, message, hint=hint, also=places)

    def _in_order(self) -> list[NodeId]:
        """Return the reachable nodes in topological order, ignoring edges that close a cycle."""
        return postorder(self.start, self._known)[::-1]

    def _known(self, at: NodeId) -> list[NodeId]:
        return [target for target in self._targets(at) if target in self.by_id]

    def _check_cycles(self, order: list[NodeId]) -> None:
        """Report cycles that are not loops. A loop is entered only at one step, and has a switch that leads out of the
        loop."""
        number = {at: index for index, at in enumerate(order)}
        back = [(at, target) for at in order for target in self._known(at) if number[target] <= number[at]]
        if not back:
            return
        loops = find_loops(self.start, {at: self._known(at) for at in order})
        for at, target in back:
            hint = "lead to a later step; to repeat steps, end them with a switch that leads back or forward"
            if target == self.start:
                message = f"step '{at}' leads back to '{target}', where the flow starts"
                hint = f"add a step after '{target}', and let the loop begin with it"
            elif target not in loops or at not in loops[target]:
                message = f"step '{at}' leads back to '{target}', but that cycle is also entered at another step"
                hint = "a loop can be entered only at its first step: lead to this step"
            elif self._has_exit(loops[target]):
                continue
            else:
                message = f"step '{at}' leads back to '{target}', so the flow would never end"
            self._fault(codes.CYCLE, message, at, hint, [(target, "leads back to here")] if target != at else ())

    def _has_exit(self, loop: frozenset[NodeId]) -> bool:
        """Return whether a switch leads out of the loop. A branch (parallel arms) that leads out of the loop is not
        enough: its other arms would stay in the loop."""
        return any(isinstance(self.by_id[at].next, Switch) and not loop.issuperset(self._targets(at)) for at in loop)

    def _report_unreachable(self, reached: set[NodeId]) -> None:
        """Report only the first step of each unreachable part of the graph: if the author makes a step lead to this
        first step, the steps after it become reachable, too."""
        if any(self.by_id[at].next is None for at in reached):
            return
        lost = [at for at in self.by_id if at not in reached]
        first = [at for at in lost if all(before == at for before in self.predecessors[at])]
        covered: set[NodeId] = set()
        for at in [*first, *lost]:  # a cycle has no first step: report the step that is written first
            if at in covered:
                continue
            covered.update(self._reached_from(at))
            self._fault(
                codes.UNREACHABLE_STEP,
                f"step '{at}' is never reached from '{self.start}'",
                at,
                f"name it in the self.next of a step, as in `self.next(self.{at})`, or remove it",
            )

    def _reached_from(self, start: NodeId) -> set[NodeId]:
        found, stack = {start}, [start]
        while stack:
            new = [target for target in self._targets(stack.pop()) if target not in found and target in self.by_id]
            found.update(new)
            stack.extend(new)
        return found
