"""Find the split that each join closes. For each node, a stack lists the splits that are open at this node, which
means that no join has closed them yet. A join removes the top split.

An entry of the stack is a split and one of its arms (branches). A switch adds no entry. If paths to a node have equal
stacks, only one of the paths is taken, because a switch chooses it. So these paths may meet at any node.

One mistake of an author should cause only one fault: if paths with different stacks reach a node, one fault is reported
there. After a fault, the search continues with the stack that the author probably meant, or it ends at this node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from flowc_ir import codes
from flowc_ir.model import Branch, End, Foreach, Gang, Goto, NodeId, Switch, assert_never, targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir.graphs.structure import Vertex

Stack: TypeAlias = tuple[tuple[NodeId, NodeId], ...]


def _splits(stack: Stack) -> tuple[NodeId, ...]:
    return tuple(split for split, _ in stack)


class Report(Protocol):
    """A function that receives faults."""

    def __call__(
        self, code: str, message: str, at: NodeId, hint: str | None, also: Sequence[tuple[NodeId, str]] = ()
    ) -> None:
        """Report one fault at the node `at`; `also` has further nodes that explain the fault, each with a label."""
        ...


def match_joins(
    order: Sequence[NodeId],
    by_id: Mapping[NodeId, Vertex],
    predecessors: Mapping[NodeId, Sequence[NodeId]],
    report: Report,
) -> dict[NodeId, NodeId]:
    """Return a mapping from each join to the split that it closes, and report faults.

    Args:
        order: the nodes in topological order, from the start.
        by_id: the vertices.
        predecessors: the nodes before each node.
        report: called with each fault.
    """
    return _Walk(by_id, predecessors, report).walk(order)


class _Walk:
    def __init__(
        self, by_id: Mapping[NodeId, Vertex], predecessors: Mapping[NodeId, Sequence[NodeId]], report: Report
    ) -> None:
        self.by_id = by_id
        self.predecessors = predecessors
        self._fault = report
        self.closes: dict[NodeId, NodeId] = {}
        self.entries: dict[NodeId, list[Stack]] = {}
        self.inside: dict[NodeId, Stack] = {}  # the stacks of the nodes visited so far
        self.clean = True

    def walk(self, order: Sequence[NodeId]) -> dict[NodeId, NodeId]:
        self.entries[order[0]] = [()]
        for at in order:
            stack = self._stack_at(at)
            if stack is None:
                continue
            self.inside[at] = stack
            after = self._joined(at, stack)
            if after is not None:
                self._leave(at, after)
        if self.clean:
            self._check_joined_whole()
        return self.closes

    def _stack_at(self, at: NodeId) -> Stack | None:
        """Return the stack of the splits that are open at the node; None if a fault makes the stack unknown."""
        by_splits = {_splits(entry): entry for entry in reversed(self.entries.get(at, ()))}
        entries = list(by_splits.values())[::-1]
        if len(entries) < 2:
            return entries[0] if entries else None
        *_, deepest = sorted(entries, key=len)
        shallowest = min(entries, key=len)
        left_open = _splits(deepest[len(shallowest) :])
        one_line = all(_splits(deepest[: len(entry)]) == _splits(entry) for entry in entries)
        if one_line and not any(split in self.closes.values() for split in left_open):
            if not shallowest and self.by_id[at].takes_inputs:
                self._entered_past(left_open[-1], at)
                return deepest
            for split in left_open:
                self._unclosed(split, at)
            return shallowest if self.by_id[at].takes_inputs else None
        self._foreign(at)
        return deepest if one_line and self.by_id[at].takes_inputs else None

    def _joined(self, at: NodeId, stack: Stack) -> Stack | None:
        """Return the stack for the nodes after this node: if the node is a join, its split is removed. Return None if a
        fault makes the stack unknown."""
        takes_inputs = self.by_id[at].takes_inputs
        if not stack:
            if takes_inputs:
                self._fault(
                    codes.INPUTS_WITHOUT_SPLIT,
                    f"step '{at}' takes inputs, but no branch or foreach is open there",
                    at,
                    f"write `def {at}(self):`, or split the flow before it",
                )
            return stack
        before = set(self.predecessors[at])
        split, _ = stack[-1]
        if takes_inputs and split in before:
            self._empty_branch(split, at)
            if len(before) == 1:  # the step is probably not meant as a join: its argument `inputs` is wrong
                return stack
        if not takes_inputs:
            arms = {entry[-1] for entry in self.entries[at] if _splits(entry) == _splits(stack)}
            # If all paths to this node come through the same arm of the split (they may meet after a switch), the node
            # joins nothing.
            if len(arms) < 2:
                return stack
            self._join_without_inputs(at, split, "branches")
            if len(arms) < len(targets(self.by_id[split].next or End())):  # other arms of the split end elsewhere
                return None
        self.closes[at] = split
        return stack[:-1]

    def _leave(self, at: NodeId, stack: Stack) -> None:
        following = self.by_id[at].next
        match following:
            case None:
                pass
            case End():
                for split in _splits(stack):
                    self._unclosed(split, at)
            case Goto() | Switch():
                for target in targets(following):
                    self._enter(target, at, stack)
            case Branch() | Foreach() | Gang():
                for target in targets(following):
                    self._enter(target, at, (*stack, (at, target)))
            case _:
                assert_never(following)

    def _enter(self, target: NodeId, at: NodeId, stack: Stack) -> None:
        self.entries.setdefault(target, []).append(stack)
        # If `target` was visited before, this edge closes a loop.
        if target in self.inside and self.inside[target] != stack:
            self.clean = False
            self._fault(
                codes.CYCLE,
                f"step '{at}' leads back to '{target}' out of a branch or foreach",
                at,
                "a loop begins and ends in the same branch or foreach: join first, then lead back",
            )

    def _check_joined_whole(self) -> None:
        """Report the splits that have a branch which does not end in the split's join."""
        joins_of: dict[NodeId, list[NodeId]] = {}
        for join, split in self.closes.items():
            joins_of.setdefault(split, []).append(join)
        for split, joins in joins_of.items():
            if len(joins) > 1:
                names = " and ".join(f"'{name}'" for name in joins)
                self._fault(
                    codes.FOREIGN_JOIN,
                    f"the branches of step '{split}' end in different joins: {names}",
                    joins[-1],
                    "lead every branch of one split to the same join",
                    [(split, "the split"), *((join, "also a join of it") for join in joins[:-1])],
                )

    # -- faults --------------------------------------------------------------------------------------------------------

    def _unclosed(self, split: NodeId, end: NodeId) -> None:
        self.clean = False
        what = {Foreach: "a foreach", Gang: "a gang"}.get(type(self.by_id[split].next), "branches")
        # The most likely mistake is a join without the argument `inputs`: if the name of a step contains "join", the
        # fault is reported at this step.
        for at, stack in self.inside.items():
            if "join" in at and split in _splits(stack) and not self.by_id[at].takes_inputs:
                self._join_without_inputs(at, split, what)
                return
        self._fault(
            codes.SPLIT_WITHOUT_JOIN,
            f"step '{split}' opens {what} that no step joins",
            split,
            f"add a step `def join(self, inputs):` between '{split}' and '{end}'",
            [(end, f"{what.removeprefix('a ')} still open here")] if end != split else (),
        )

    def _join_without_inputs(self, at: NodeId, split: NodeId, what: str) -> None:
        self._fault(
            codes.JOIN_WITHOUT_INPUTS,
            f"step '{at}' closes {what} but takes no inputs",
            at,
            f"write `def {at}(self, inputs):`",
            [(split, f"opens {what}")],
        )

    def _empty_branch(self, split: NodeId, join: NodeId) -> None:
        self._fault(
            codes.EMPTY_BRANCH,
            f"step '{split}' leads straight into the join '{join}', with no step between",
            split,
            f"put at least one step between '{split}' and '{join}', or write `def {join}(self):` if it joins nothing",
            [(join, "the join")],
        )

    def _entered_past(self, split: NodeId, at: NodeId) -> None:
        """Report a join that can be reached in two ways: through its split, and from a switch past the split. The
        second way has no branches to join."""
        self.clean = False
        self._fault(
            codes.FOREIGN_JOIN,
            f"step '{at}' joins the branches of step '{split}', but a switch also leads to it past '{split}'",
            at,
            "end the branches in a separate join, and let both paths meet in a step after it",
            [(split, "opens the branches")],
        )

    def _foreign(self, at: NodeId) -> None:
        self.clean = False
        *others, last = (f"'{name}'" for name in self.predecessors[at])
        self._fault(
            codes.FOREIGN_JOIN,
            f"step '{at}' brings together {', '.join(others)} and {last}, which are not branches of one split",
            at,
            "give each split its own join, innermost first",
        )
