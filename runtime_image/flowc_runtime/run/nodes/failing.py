"""Failures that a flow without a class handles: the choice of the handler, and steps that fail on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from flowc_ir.graphs.step_values import failure_of

if TYPE_CHECKING:
    from flowc_ir import Flow

FAILED: Final = "failed"
"""The choice of a switch over a caught failure, whose artifact is None if there was none."""

FAILS: Final = (__name__, "fail")
"""The module and the name of the function of a step that fails on purpose."""

NO_BRANCH: Final = (__name__, "no_branch")
"""The module and the name of the function of a step that runs where a condition has no branch for a value."""


class EndsWithFailureError(Exception):
    """The pipeline ends with a failure, as it was written."""


class NoBranchError(Exception):
    """A condition has no branch for its value."""


def fail() -> NoReturn:
    """Fail, as a pipeline says that ends with a failure. Raises EndsWithFailureError."""
    raise EndsWithFailureError("the pipeline ends with a failure here, as it is written")


def no_branch() -> NoReturn:
    """Fail, since a condition has no branch for its value. Raises NoBranchError."""
    raise NoBranchError("the condition before has no branch for this value, and no default")


def caught_as(flow: Flow) -> str | None:
    """Return the artifact in which the steps of the flow keep a caught failure; None if none is caught."""
    return next((failure for node in flow.nodes if (failure := failure_of(node)) is not None), None)
