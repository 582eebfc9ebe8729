"""Read a switch: `self.next({"x": self.a, "y": self.b}, condition="choice")`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, cast

from flowc.frontends.metaflow.structure.leaving import Leaving, fault_of, step_named
from flowc_ir import Switch, codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc_ir import Choice, Span

_NOTHING = object()


def read_switch(method: StepMethod, call: ast.Call, cases: ast.Dict, condition: ast.keyword | None) -> Leaving:
    """Read the `self.next` of a step that is a switch: return its transition or its fault.

    Args:
        method: the step.
        call: the step's call of `self.next`.
        cases: the dict in the call, from values to steps.
        condition: the argument `condition=`, or None.
    """
    if condition is None:
        return fault_of(method, codes.SWITCH_CONDITION, f"the switch of step '{method.name}' has no condition", call,
                        'name the artifact that chooses: `condition="choice"`')  # fmt: skip
    match condition.value:
        case ast.Constant(value=str(name)) if name.isidentifier():
            pass
        case ast.Attribute(attr=attribute) if method.attribute(condition.value):
            return _bad_condition(method, condition, f'write `condition="{attribute}"`')
        case _:
            return _bad_condition(method, condition, 'assign it to self.choice and write `condition="choice"`')
    arms: list[tuple[Choice, str]] = []
    mentions: list[tuple[str, Span]] = []
    for key, value in zip(cases.keys, cases.values, strict=True):
        choice = _choice(method, key)
        if not isinstance(choice, str | int | float):
            return fault_of(
                method,
                codes.SWITCH_ARMS,
                f"a choice of step '{method.name}' is not a literal text, number or boolean",
                key or value,
                'write each value that the condition may have, as in `{"x": self.a, "y": self.b}`, or the value of a '
                "config",
            )
        if choice in dict(arms):
            first = cases.keys[[value for value, _ in arms].index(choice)]
            message = f"step '{method.name}' has the choice {choice!r} twice"
            hint = "give each choice one step; in Python, 1, 1.0 and True are equal"
            also = ((method.source.span(first), "the same choice"),) if first is not None else ()
            return fault_of(method, codes.SWITCH_ARMS, message, key, hint, also)
        step = step_named(method, value)
        if step is None:
            return fault_of(method, codes.SWITCH_ARMS, f"the choice {choice!r} leads to something that is not a step",
                            value, "name a step without calling it, as in `self.train`")  # fmt: skip
        arms.append((choice, step[0]))
        mentions.append(step)
    if len(arms) < 2:
        message = f"the switch of step '{method.name}' has fewer than two choices"
        return fault_of(method, codes.SWITCH_ARMS, message, cases,
                        "name each value of the condition with its step, or write `self.next(self.a)`")  # fmt: skip
    return Leaving(Switch(condition=name, arms=tuple(arms)), tuple(mentions))


def _bad_condition(method: StepMethod, condition: ast.keyword, hint: str) -> Leaving:
    message = "condition takes the name of an artifact, written as a string"
    return fault_of(method, codes.SWITCH_CONDITION, message, condition.value, hint)


def _choice(method: StepMethod, key: ast.expr | None) -> object:
    """Return the value of a key of the dict: a literal, or a value of the class such as `self.config.key`."""
    match key:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Attribute() | ast.Subscript():
            return _from_class(method, key)
    return _NOTHING


def _from_class(method: StepMethod, key: ast.expr) -> object:
    match key:
        case ast.Attribute(attr=name) if method.attribute(key):
            return getattr(method.owner, name, _NOTHING)
        case ast.Attribute(value=inner, attr=name):
            return getattr(_from_class(method, inner), name, _NOTHING)
        case ast.Subscript(value=inner, slice=ast.Constant(value=index)):
            try:
                holder = cast("Mapping[object, object]", _from_class(method, inner))  # any object with items
                return holder[index]
            except (LookupError, TypeError):
                return _NOTHING
    return _NOTHING
