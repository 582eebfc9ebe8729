"""Checks of the arguments of `self.next`. They run inside `self.next`, so the traceback contains the line of the
call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_runtime.run.state import NextCall
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir import Transition


class InvalidNextException(MetaflowException):
    """The arguments of self.next are invalid: an artifact is missing, matches no choice, or cannot be iterated."""

    __module__ = "metaflow.flowspec"  # this class's module in Metaflow: records contain the full name
    headline = "Invalid self.next() transition detected"


def check_foreach(flow: object, name: str) -> None:
    """Check that the artifact is iterable. Replace an iterator by a list, since an iterator yields its items only once.

    Raises:
        InvalidNextException: the artifact is missing or not iterable.
    """
    value = _artifact(flow, "foreach", name)
    try:
        items = iter(value)
    except TypeError as error:
        raise InvalidNextException(f"foreach={name!r}, but self.{name} cannot be iterated: {error}") from None
    if items is value:
        setattr(flow, name, list(items))


def choose(flow: object, name: str, cases: Mapping[str | int | float, str]) -> str:
    """Return the step that a switch selects.

    Args:
        flow: the flow object.
        name: the artifact with the choice.
        cases: choice -> step.

    Raises:
        InvalidNextException: the artifact is missing, or matches no choice.
    """
    value = _artifact(flow, "condition", name)
    try:
        return cases[value]
    except (KeyError, TypeError):  # TypeError: a value that is not hashable cannot be a key
        known = ", ".join(map(repr, cases))
        raise InvalidNextException(
            f"self.{name} is {value!r:.200}, which is none of the choices of this switch: {known}"
        ) from None


def _artifact(flow: object, argument: str, name: str) -> Any:
    try:
        return getattr(flow, name)
    except AttributeError:
        raise InvalidNextException(
            f"{argument}={name!r}, but self.{name} does not exist: set it in this step or before it"
        ) from None


def gang_size(value: Any) -> int:
    """Check the value of `num_parallel` and return it as an int: the number of tasks of a gang.

    Raises:
        InvalidNextException: the value is not a whole number, or is less than 1.
    """
    try:
        count = value.__index__()  # accepts integers of NumPy, too
    except AttributeError:
        count = 0
    if count < 1 or isinstance(value, bool):
        raise InvalidNextException(f"num_parallel is {value!r}, but it must be a whole number, 1 or more")
    return int(count)


def imply(flow: object, transition: Transition, arguments: Mapping[str, Any]) -> NextCall:
    """Return the transition of a step whose code a decorator replaced, based on the `self.next` in the step's source.

    Args:
        flow: the flow object.
        transition: the transition of the step in the intermediate representation.
        arguments: arguments of `self.next` that a decorator returned; `foreach` replaces the name of the artifact with
            the items.

    Raises:
        InvalidNextException: an artifact that the transition needs is missing, or the step starts a gang, whose size
            only the step's code knows.
    """
    from flowc_ir import Foreach, Gang, Switch, targets

    match transition:
        case Foreach(over=over, body=body):
            over = arguments.get("foreach", over)
            check_foreach(flow, over)
            return NextCall((body,), over)
        case Switch(condition=condition, arms=arms):
            cases = dict(arms)
            return NextCall(targets(transition), None, condition, choose(flow, condition, cases))
        case Gang():
            raise InvalidNextException(
                "a step with num_parallel cannot be skipped: only its code knows the number of tasks"
            )
    return NextCall(targets(transition))
