"""The shape of a flow's graph: what is reached from its start, and the tree of regions that back ends lower.

A flow is structured: every split is closed by one join and splits nest. `analyse` finds all that is wrong with a graph
in one walk; `region` gives the tree of a graph with no fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

from flowc.ir.diagnostic import Diagnostic
from flowc.ir.model import Branch, End, Flow, Foreach, Goto, NodeId, Span, Transition, assert_never, targets
from flowc.ir.nesting import match_joins

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """What the shape of a graph depends on: a node before it is known what it joins.

    `next` is None where a fault that is already reported hides it: the walk ends there, and blames nothing on it.
    """

    id: NodeId
    where: Span
    takes_inputs: bool
    next: Transition | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`closes` maps a join to its split; `faults` is empty when the graph is a structured flow."""

    closes: Mapping[NodeId, NodeId]
    faults: tuple[Diagnostic, ...]


def analyse(start: NodeId, vertices: Sequence[Vertex]) -> Shape:
    """Walk the graph from `start` once and report every fault: cycles, unreachable steps, unbalanced splits."""
    return _Analysis(start, vertices).shape()


class _Analysis:
    def __init__(self, start: NodeId, vertices: Sequence[Vertex]) -> None:
        self.start = start
        self.by_id = {vertex.id: vertex for vertex in vertices}
        self.faults: list[Diagnostic] = []
        self.said: set[tuple[str, str]] = set()
        self.predecessors: dict[NodeId, list[NodeId]] = {vertex.id: [] for vertex in vertices}
        for vertex in vertices:
            for target in self._targets(vertex.id):
                if target in self.predecessors:
                    self.predecessors[target].append(vertex.id)

    def _targets(self, at: NodeId) -> tuple[NodeId, ...]:
        transition = self.by_id[at].next
        return () if transition is None else targets(transition)

    def shape(self) -> Shape:
        order = self._reachable_in_order()
        if self.faults:  # past a cycle neither nesting nor reach means anything: report cycles first, alone
            return Shape(closes={}, faults=tuple(self.faults))
        closes = match_joins(order, self.by_id, self.predecessors, self._fault)
        self._report_unreachable(set(order))
        return Shape(closes=closes, faults=tuple(self.faults))

    def _fault(self, code: str, message: str, at: NodeId, hint: str | None, note: str | None = None) -> None:
        if (code, message) in self.said:  # such as a split that several ends leave open
            return
        self.said.add((code, message))
        self.faults.append(Diagnostic(code=code, message=message, span=self.by_id[at].where, hint=hint, note=note))

    def _reachable_in_order(self) -> list[NodeId]:
        """Reverse postorder from the start; reports cycles. Iterative: a flow may be a chain of thousands of steps."""
        postorder: list[NodeId] = []
        open_, done = set(), set()
        stack: list[tuple[NodeId, bool]] = [(self.start, False)]
        while stack:
            at, leaving = stack.pop()
            if leaving:
                open_.discard(at)
                done.add(at)
                postorder.append(at)
                continue
            if at in done or at in open_:
                continue
            open_.add(at)
            stack.append((at, True))
            for target in reversed(self._targets(at)):
                if target in open_:
                    self._fault(
                        "cycle",
                        f"step '{at}' leads back to '{target}', so the flow would never end",
                        at,
                        "a flow is a graph without cycles; repeat work inside one step, or with a foreach",
                    )
                elif target in self.by_id and target not in done:
                    stack.append((target, False))
        return postorder[::-1]

    def _report_unreachable(self, reached: set[NodeId]) -> None:
        """Only the first step of each part that is cut off: what follows it is reached as soon as it is."""
        if any(self.by_id[at].next is None for at in reached):
            return
        lost = [at for at in self.by_id if at not in reached]
        first = [at for at in lost if all(before == at for before in self.predecessors[at])]
        covered: set[NodeId] = set()
        for at in [*first, *lost]:  # a part that is a cycle has no first step: then the one written first
            if at in covered:
                continue
            covered.update(self._reached_from(at))
            self._fault(
                "unreachable-step",
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


# -- regions -----------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class Task:
    """One node, run once at the region's index path."""

    node: NodeId


@final
@dataclass(frozen=True, slots=True)
class Parallel:
    """The arms of the Branch of `split`, which stands right before it in the region; its join stands right after."""

    split: NodeId
    arms: tuple[Region, ...]


@final
@dataclass(frozen=True, slots=True)
class Each:
    """The body of the Foreach of `split`, run once for each item; its join stands right after."""

    split: NodeId
    body: Region


Item: TypeAlias = "Task | Parallel | Each"


@final
@dataclass(frozen=True, slots=True)
class Region:
    """A sequence: each item starts when the one before it has ended."""

    items: tuple[Item, ...]

    def nodes(self) -> Iterable[NodeId]:
        """Every node of the region and of those inside it, in order."""
        for item in self.items:
            match item:
                case Task(node=node):
                    yield node
                case Parallel(arms=arms):
                    for arm in arms:
                        yield from arm.nodes()
                case Each(body=body):
                    yield from body.nodes()
                case _:
                    assert_never(item)


def region(flow: Flow) -> Region:
    """The tree of regions of a flow that has no fault."""
    by_id = flow.by_id()

    def build(here: NodeId | None) -> tuple[Region, NodeId | None]:
        """The region that starts `here`, and the join that closes it: one that no split of this region opened."""
        items: list[Item] = []
        while here is not None:
            node = by_id[here]
            if node.joins is not None and not (items and isinstance(items[-1], Parallel | Each)):
                break
            items.append(Task(here))
            match node.next:
                case End():
                    here = None
                case Goto(target=target):
                    here = target
                case Branch(targets=arms):
                    built = [build(arm) for arm in arms]
                    items.append(Parallel(node.id, tuple(arm for arm, _ in built)))
                    here = built[0][1]
                case Foreach(body=body):
                    inner, here = build(body)
                    items.append(Each(node.id, inner))
                case _:
                    assert_never(node.next)
        return Region(tuple(items)), here

    return build(flow.start)[0]
