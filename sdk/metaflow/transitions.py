"""What `self.next` is called with, checked when it is called: then the user's own line is to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_runtime.run.state import Said
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_ir import Transition


class InvalidNextException(MetaflowException):
    """A step called self.next with what cannot be gone to: no such artifact, no such choice, nothing to go over."""

    __module__ = "metaflow.flowspec"  # where Metaflow has it: records name an exception by its full name
    headline = "Invalid self.next() transition detected"


def check_foreach(flow: object, name: str) -> None:
    """The artifact can be gone over; a generator, which gives its items once, is replaced by the list of them."""
    value = _artifact(flow, "foreach", name)
    try:
        items = iter(value)
    except TypeError as error:
        raise InvalidNextException(f"foreach={name!r}, but self.{name} cannot be iterated: {error}") from None
    if items is value:
        setattr(flow, name, list(items))


def choose(flow: object, name: str, cases: Mapping[Any, str]) -> str:
    """The step that a switch leads to; `cases` are the names of steps by their choices."""
    value = _artifact(flow, "condition", name)
    try:
        return cases[value]
    except (KeyError, TypeError):  # TypeError: what has no hash is no key either
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
    """How many tasks `num_parallel` asks for."""
    try:
        count = value.__index__()  # numpy's integers too
    except AttributeError:
        count = 0
    if count < 1 or isinstance(value, bool):
        raise InvalidNextException(f"num_parallel is {value!r}, but it is a whole number, 1 or more")
    return int(count)


def imply(flow: object, transition: Transition, given: Mapping[str, Any]) -> Said:
    """What a step would have called self.next with, had a decorator not run in its place.

    Raises:
        InvalidNextException: an artifact that it needs is not there, or the size of a gang is in the code only.
    """
    from flowc_ir import Foreach, Gang, Switch, targets

    match transition:
        case Foreach(over=over, body=body):
            over = given.get("foreach", over)
            check_foreach(flow, over)
            return Said((body,), over)
        case Switch(condition=condition, arms=arms):
            cases = dict(arms)
            return Said(targets(transition), None, condition, choose(flow, condition, cases))
        case Gang():
            raise InvalidNextException("a step with num_parallel cannot be skipped: its code says how many")
    return Said(targets(transition))
