"""Handling of failures in flows without a class, and the functions of steps that always fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from flowc_ir import Function, Switch
from flowc_ir.graphs.step_values import failure_of

if TYPE_CHECKING:
    from flowc_ir import Flow, Node
    from flowc_runtime.run.nodes.variables import Variables

FAILED: Final = "failed"
"""A switch over the artifact of a caught failure uses this value if there is a failure; without one, the artifact is
None."""

FAILS: Final = (__name__, "fail")
"""The module and name of the function of a step that ends a pipeline with a failure."""

NO_BRANCH: Final = (__name__, "no_branch")
"""The module and name of a function. A step runs this function if a condition has no branch for the value."""


CHECK_VALUE: Final = (__name__, "check_value")
"""The module and name of a function. A step runs this function to check the value of the map or condition that
follows."""


class EndsWithFailureError(Exception):
    """A branch of the pipeline ends with a failure, as its author specified (`terminate_with_failure`)."""


class NoBranchError(Exception):
    """A condition has no branch for its value."""


def fail() -> NoReturn:
    """End a pipeline with a failure, as its author specified. Raises EndsWithFailureError."""
    raise EndsWithFailureError("the pipeline ends with a failure here, as its author specified")


def no_branch() -> NoReturn:
    """Fail because a condition has no branch for its value. Raises NoBranchError."""
    raise NoBranchError("the preceding condition has no branch for this value, and no default")


def check_value() -> None:
    """Do nothing: `NodesProgram` checks the value, because this function does not know the name of the value."""


def is_check(node: Node) -> bool:
    """Return whether a node checks the value of the map or condition that follows the node."""
    return node.run == Function(module=CHECK_VALUE[0], name=CHECK_VALUE[1])


def check_branch(task: Variables, node: Node, flow: Flow) -> None:
    """Raise NoBranchError, with the value and the branches, if the node runs because a condition has no branch for its
    value."""
    if node.run != Function(module=NO_BRANCH[0], name=NO_BRANCH[1]):
        return
    for other in flow.nodes:
        if isinstance(other.next, Switch) and other.next.default == node.id:
            raise NoBranchError(unmatched(other.next, getattr(task, other.next.condition)))


def unmatched(switch: Switch, value: object) -> str:
    """Return the message about a value for which a switch has no branch."""
    known = [repr(choice) for choice, _ in switch.arms]
    several = "the branches are" if len(known) > 1 else "the only branch is"
    return f"'{switch.condition}' is {value!r:.200}, but {several} {', '.join(known)}"


def caught_as(flow: Flow) -> str | None:
    """Return the name of the artifact that contains a step's caught failure, or None if no step catches failures."""
    return next((failure for node in flow.nodes if (failure := failure_of(node)) is not None), None)
