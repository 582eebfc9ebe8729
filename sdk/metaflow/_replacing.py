"""A step of a flow class whose code a patch replaces: its artifacts and its transition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import End, Foreach, Gang, Switch, targets
from flowc_runtime.run.state import STATE, NextCall
from metaflow.transitions import imply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Node
    from flowc_runtime.run.patches import Replacement
    from flowc_runtime.run.state import Inputs, TaskState
    from metaflow.flowspec import FlowSpec


class PatchedStepError(TypeError):
    """The patch of a step is no dict of artifacts, or its function returned something else."""


def replace_step(task: FlowSpec, node: Node, arguments: Sequence[Inputs[FlowSpec]], new: Replacement) -> str:
    """Set the artifacts and the transition of a step as its replacement says.

    A function gets the arguments of the step's method: the flow object, and the inputs of a join. It may set
    artifacts, return a dict of them, and call `self.next`. A join without a function takes over the artifacts of its
    inputs, except for those that differ.

    Returns:
        A remark about values that were supplied; or an empty text.

    Raises:
        PatchedStepError: the patch has no dict of artifacts.
        BaseException: any exception of the function, or of the assignment of an artifact.
    """
    state: TaskState = task.__dict__[STATE]
    given = new.value
    if new.function is not None:
        given = new.function(task, *arguments)
    elif arguments:
        _take_over(state, arguments[0])
    if given is not None:
        if not isinstance(given, dict) or not all(isinstance(name, str) and name.isidentifier() for name in given):
            raise PatchedStepError(
                f"the patch of step '{node.id}' is {given!r:.60}, not a dict of artifacts by their names"
            )
        for name, value in given.items():
            setattr(task, name, value)
    if state.transition is not None:
        return ""
    note = _fill(task, node, new.way) if new.mock else ""
    if isinstance(node.next, Gang):
        state.transition = NextCall(targets(node.next), gang=1)
        return "only the step's code knows the size of the gang: it has one task"
    if not isinstance(node.next, End) and state.transition is None:
        state.transition = imply(task, node.next, {})
    return note


def _take_over(state: TaskState, inputs: Inputs[FlowSpec]) -> None:
    """Take over the references of the inputs' artifacts; no value is read."""
    differing: set[str] = set()
    found = state.inherited
    for each in inputs:
        own: TaskState = each.__dict__[STATE]
        own.see_all()
        for name, ref in own.inherited.items():
            if found.setdefault(name, ref)["digest"] != ref["digest"]:
                differing.add(name)
    for name in differing:
        del found[name]


def _fill(task: FlowSpec, node: Node, way: str) -> str:
    """Supply the artifact by which a mocked step continues, if nothing has set it; return a remark about it.

    Args:
        task: the flow object.
        node: the step.
        way: the step to which a switch leads.
    """
    match node.next:
        case Foreach(over=over) if getattr(task, over, None) is None:
            setattr(task, over, [None])
            return f"'{over}' is mocked: the foreach has one item, None"
        case Switch(condition=condition) if getattr(task, condition, None) is None:
            state: TaskState = task.__dict__[STATE]
            state.transition = NextCall(targets(node.next), None, condition, way)
            return f"'{condition}' is mocked: the switch takes the branch at '{way}'"
        case _:
            return ""
