"""Build the tree of regions of a flow without faults. A region is a sequence of items: steps, groups of arms (the
branches of a split or a switch), bodies (of a foreach or gang) and loops. All items but steps contain other regions.
Back ends lower this tree.

A switch is followed by a `Choose`, whose arms end before the step at which all of them meet. Arms of two switches may
contain the same steps. Example: a switch chooses between the steps `a` and `b`; each of these is a switch, too, and
chooses between `p` and `q`. Then `p` is in an arm of `a` and in an arm of `b`, and so is `q`; only one of these four
arms runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from flowc_ir.graphs.dominance import dominators, postorder
from flowc_ir.late.dataclass import dataclass
from flowc_ir.model import (
    Branch,
    Choice,
    End,
    Foreach,
    Gang,
    Goto,
    NodeId,
    Switch,
    assert_never,
    targets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_ir.model import Node


@final
@dataclass(frozen=True, slots=True)
class Task:
    """An item of a region: one task of a node.

    The index path of the task is not stored here, because it follows from the node: it has one index for each foreach
    and loop around the node.
    """

    node: NodeId


@final
@dataclass(frozen=True, slots=True)
class BranchArms:
    """The arms (parallel branches) of the node `split`. In the region, the task of `split` comes directly before the
    arms, and the task of the split's join directly after the arms.
    """

    split: NodeId
    arms: tuple[Region, ...]


@final
@dataclass(frozen=True, slots=True)
class Each:
    """The body of a foreach or gang that starts at the node `split`. The body runs once for each item. In the region,
    the join comes directly after the body.

    `together` is true for a gang, whose tasks all run at the same time; its body is one step.
    """

    split: NodeId
    body: Region
    together: bool = False


@final
@dataclass(frozen=True, slots=True)
class Arm:
    """An arm of a switch, which runs if one of `choices` is chosen. The default arm has no choices; it runs if no other
    arm is chosen.

    The region is empty if the arm leads directly to the step at which the arms meet.
    """

    choices: tuple[Choice, ...]
    target: NodeId
    region: Region


@final
@dataclass(frozen=True, slots=True)
class Choose:
    """The arms of a switch; exactly one arm runs. In the region, the task of the node `switch` comes directly before
    the arms.
    """

    switch: NodeId
    arms: tuple[Arm, ...]


@final
@dataclass(frozen=True, slots=True)
class Repeat:
    """A loop. `body` starts with the node `header`, and runs again whenever it reaches an `Again` with this header.

    An arm of the body that ends without an `Again` leaves the loop. If the loop has several exits, each arm that leaves
    the loop also contains the steps after its exit, up to the step at which all exits meet. These steps are not
    repeated: their index path has no component for this loop.
    """

    header: NodeId
    body: Region


@final
@dataclass(frozen=True, slots=True)
class Again:
    """The end of a loop's iteration, at which the next iteration of the loop with this header begins."""

    header: NodeId


Item: TypeAlias = "Task | BranchArms | Each | Choose | Repeat | Again"


@final
@dataclass(frozen=True, slots=True)
class Region:
    """A sequence of items; each item starts when the previous item has ended."""

    items: tuple[Item, ...]

    def nodes(self) -> Iterator[NodeId]:
        """Yield the nodes of the region and of the regions inside it, in order and without duplicates."""
        yield from dict.fromkeys(self._nodes())

    def _nodes(self) -> Iterator[NodeId]:
        for item in self.items:
            match item:
                case Task(node=node):
                    yield node
                case BranchArms(arms=arms):
                    for arm in arms:
                        yield from arm.nodes()
                case Each(body=body) | Repeat(body=body):
                    yield from body.nodes()
                case Choose(arms=chosen):
                    for one in chosen:
                        yield from one.region.nodes()
                case Again():
                    continue
                case _:
                    assert_never(item)


def build_region(
    start: NodeId,
    nodes: Mapping[NodeId, Node],
    join_of: Mapping[NodeId, NodeId],
    loops: Mapping[NodeId, frozenset[NodeId]],
    order: Sequence[NodeId],
) -> Region:
    """Return the tree of regions of a flow without faults. Other code reads `Analysis.region`, which calls this
    function.

    Args:
        start: the first node.
        nodes: the nodes by their id.
        join_of: the join of each split.
        loops: the nodes of each loop, by its header.
        order: the nodes in topological order.
    """
    return _Builder(nodes, join_of, loops, order).build(start, None, ())


class _Builder:
    def __init__(
        self,
        nodes: Mapping[NodeId, Node],
        join_of: Mapping[NodeId, NodeId],
        loops: Mapping[NodeId, frozenset[NodeId]],
        order: Sequence[NodeId],
    ) -> None:
        self.nodes = nodes
        self.join_of = join_of
        self.loops = loops
        has_switch = any(isinstance(node.next, Switch) for node in nodes.values())
        self.meets = _meeting_points({at: targets(node.next) for at, node in nodes.items()}) if has_switch else {}
        self.order = {at: n for n, at in enumerate(order)}
        self.made: dict[tuple[NodeId, NodeId | None, tuple[NodeId, ...]], Region] = {}

    def build(self, first: NodeId, stop: NodeId | None, loops: tuple[NodeId, ...]) -> Region:
        """Return the region from `first` up to `stop`, which is not included. `loops` has the headers of the loops
        around this region; an edge to one of these headers becomes an `Again`."""
        key = (first, stop, loops)
        if key not in self.made:
            self.made[key] = Region(tuple(self._items(first, stop, loops)))
        return self.made[key]

    def _items(self, first: NodeId, stop: NodeId | None, loops: tuple[NodeId, ...]) -> Iterator[Item]:
        here: NodeId | None = first
        # Whether this call builds the body of a loop: then `first` is the header of the innermost loop.
        begun = loops[-1:] == (first,)
        while here is not None and here != stop:
            if here in loops and not begun:
                yield Again(here)
                return
            if here in self.loops and not begun:
                behind: NodeId | None = here
                while behind is not None and behind in self.loops[here]:
                    behind = self.meets[behind]
                yield Repeat(here, self.build(here, behind, (*loops, here)))
                here = behind
                continue
            begun = False
            yield Task(here)
            following = self.nodes[here].next
            match following:
                case End():
                    return
                case Goto(target=target):
                    here = target
                case Branch(targets=several):
                    join = self.join_of[here]
                    yield BranchArms(here, tuple(self.build(target, join, loops) for target in several))
                    here = join
                case Foreach(body=body) | Gang(body=body):
                    join = self.join_of[here]
                    yield Each(here, self.build(body, join, loops), together=isinstance(following, Gang))
                    here = join
                case Switch():
                    meet = self.meets[here]
                    ahead = meet is not None and self.order[meet] > self.order[here]
                    yield self._choose(here, following, meet if ahead else stop, loops)
                    if not ahead:
                        return
                    here = meet
                case _:
                    assert_never(following)

    def _choose(self, at: NodeId, switch: Switch, stop: NodeId | None, loops: tuple[NodeId, ...]) -> Choose:
        choices: dict[NodeId, list[Choice]] = {}
        for choice, target in switch.arms:
            choices.setdefault(target, []).append(choice)
        if switch.default is not None:
            choices.setdefault(switch.default, [])
        return Choose(
            at, tuple(Arm(tuple(given), target, self._arm(target, stop, loops)) for target, given in choices.items())
        )

    def _arm(self, target: NodeId, stop: NodeId | None, loops: tuple[NodeId, ...]) -> Region:
        if target in loops:
            return Region((Again(target),))
        return self.build(target, stop, loops)


def _meeting_points(after: dict[NodeId, tuple[NodeId, ...]]) -> dict[NodeId, NodeId | None]:
    """Return, for each node, the first later node that is on all paths from this node to the end of the flow; None if
    there is no such node."""
    sink = ""  # stands for the end of the flow; no node has an empty name
    before: dict[NodeId, list[NodeId]] = {sink: [], **{at: [] for at in after}}
    for at, following in after.items():
        for target in following or (sink,):
            before[target].append(at)
    order = postorder(sink, before.__getitem__)[::-1]
    nearest = dominators(order, {at: following or (sink,) for at, following in after.items()})
    return {at: (None if nearest[at] == sink else nearest[at]) for at in after}
