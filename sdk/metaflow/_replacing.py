"""Replacement of a step's code by a patch (`--patch`, `--mock`), which sets the step's artifacts and its transition."""

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
    """The patch of a step is not a dict of artifacts, or its function returned something other than a dict."""


def replace_step(task: FlowSpec, node: Node, arguments: Sequence[Inputs[FlowSpec]], new: Replacement) -> str:
    """Set the artifacts and the transition of a step from its patch.

    The function of a patch gets the arguments of the step's method: the flow object, and the inputs of a join. The
    function may set artifacts, return a dict of artifacts, and call `self.next`. If the patch of a join is not a
    function, the join inherits the artifacts that have the same value in all inputs that have them.

    Returns:
        A message about values that flowc chose because the patch did not set them; otherwise an empty string.

    Raises:
        PatchedStepError: the patch is not a dict of artifacts, or its function returned something other than a dict.
        BaseException: any exception that the function, or the assignment of an artifact, raises.
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
        return "only the step's code knows the size of the gang, so the gang has one task here"
    if not isinstance(node.next, End) and state.transition is None:
        state.transition = imply(task, node.next, {})
    return note


def _take_over(state: TaskState, inputs: Inputs[FlowSpec]) -> None:
    """Inherit the artifacts of the inputs by reference, without reading a value."""
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
    """Choose the foreach list or the switch branch of a mocked step if the step's patch has not set the value. Return a
    message about the chosen value, or an empty string.

    Args:
        task: the flow object.
        node: the step.
        way: the step that a mocked switch selects.
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
