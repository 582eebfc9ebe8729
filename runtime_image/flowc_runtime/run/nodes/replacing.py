"""Applies a patch to a step of a flow without a class: sets its returns and its transition without running its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir import Foreach, Function, Switch, targets
from flowc_ir.graphs.step_values import failure_of, returns_of
from flowc_runtime.run.nodes import failing
from flowc_runtime.run.nodes.binding import awaited, call, called
from flowc_runtime.run.nodes.returned import ReturnError, named_values
from flowc_runtime.run.nodes.signatures import callee_of
from flowc_runtime.run.nodes.variables import names_of
from flowc_runtime.run.state import STATE, NextCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir import Node, Return
    from flowc_runtime.run.nodes.variables import Variables
    from flowc_runtime.run.patches import Replacement
    from flowc_runtime.run.state import TaskState


def set_results(task: Variables, node: Node, new: Replacement) -> dict[str, object]:
    """Set a step's return values from a patch; return these values, without those that `--mock` supplies.

    Args:
        task: the values of the step's task.
        node: the step.
        new: the patch: a value, or a function, which is called like a step's function.

    Raises:
        ReturnError: the values of the patch do not match the step's declared return values.
        BaseException: any exception of the function.
    """
    returns = returns_of(node.run)
    if new.function is not None:
        values = awaited(call(callee_of(new.function), task, lambda: names_of(task)))
        what = called(new.function)
    elif new.is_value:
        values, what = values_for(new.value, returns, node.id), f"the patch of step '{node.id}'"
    else:
        for each in returns:
            setattr(task, each.name, None)
        return {}
    results = dict(named_values(values, returns, what))
    for name, value in results.items():
        setattr(task, name, value)
    return results


def values_for(value: object, returns: Sequence[Return], step: str) -> tuple[object, ...]:
    """Convert the value of a patch to the values that the patched step returns, in the declared order.

    Args:
        value: if the step declares one return value, this value; if it declares several, a dict by name, or a list in
            the declared order.
        returns: the declared return values of the step.
        step: the name of the step, for messages.

    Raises:
        ReturnError: the value does not have the names or types that the step must return.
    """
    names = [each.name for each in returns]
    if len(names) == 1:
        return (value,)
    if not names:
        if value is not None:
            raise ReturnError(f"the patch of step '{step}' has a value, but the step returns none: patch it with null")
        return ()
    if isinstance(value, dict):
        if unknown := [name for name in value if name not in names]:
            raise ReturnError(f"the patch of step '{step}' has {unknown[0]!r}; the step returns {', '.join(names)}")
        if missing := [name for name in names if name not in value]:
            raise ReturnError(f"the patch of step '{step}' lacks {missing[0]!r}; the step returns {', '.join(names)}")
        return tuple(value[name] for name in names)
    if isinstance(value, (list, tuple)) and len(value) == len(names):
        return tuple(value)
    raise ReturnError(
        f"the patch of step '{step}' is {value!r:.60}, but the step returns {', '.join(names)}: "
        "give a dict with these names"
    )


def is_ours(node: Node) -> bool:
    """Return whether a node runs only a function of flowc itself, which patches of users do not replace."""
    return isinstance(node.run, Function) and node.run.module == failing.__name__


def fill(task: Variables, node: Node, nodes: Mapping[str, Node]) -> str:
    """In a mocked run, supply a missing value on which the task's transition depends; return a remark about the
    supplied value.

    A foreach without a list gets one item, None. A switch without a value chooses its default or its first target; a
    loop without a value ends.

    Args:
        task: the values of the step's task.
        node: the step.
        nodes: the nodes of the flow, by their names.
    """
    state: TaskState = task.__dict__[STATE]
    match node.next:
        case Foreach(over=over) if getattr(task, over, None) is None:
            setattr(task, over, [None])
            return f"'{over}' is mocked: the map has one item, None"
        case Switch(condition=condition, loop=loop) as switch if getattr(
            task, condition, None
        ) is None and condition != failure_of(node):
            arms: Mapping[object, str] = dict(switch.arms)
            if loop is not None:
                choice, why = arms[True], "the loop ends"
            else:
                default = switch.default  # the default may be flowc's own step that fails for a value without a branch
                choice = switch.arms[0][1] if default is None or is_ours(nodes[default]) else default
                why = f"the condition takes the branch at '{choice}'"
            state.transition = NextCall(targets(switch), None, condition, choice)
            return f"'{condition}' is mocked: {why}"
        case _:
            return ""
