"""`FlowMutator`: a decorator of a flow's class that changes the flow before it is compiled or run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from metaflow.exception import MetaflowException
from metaflow.user_decorators._kinds import MutatorOfFlows
from metaflow.user_decorators.common import UserDecoratorMeta, add

if TYPE_CHECKING:
    from metaflow.user_decorators.mutable_flow import MutableFlow

__all__ = ["FlowMutator"]

_Flow = TypeVar("_Flow", bound=type)


class _OfFlows(UserDecoratorMeta):
    def _decorates(cls, value: object) -> bool:
        return is_flow(value)


def is_flow(value: object) -> bool:
    """Return whether an object is a flow's class."""
    from metaflow.flowspec import FlowSpec

    return isinstance(value, type) and issubclass(value, FlowSpec)


class FlowMutator(MutatorOfFlows, metaclass=_OfFlows):
    """Base class of flow mutators, which change a flow's parameters and the decorators of the flow and its steps.

    The mutator also changes classes derived from the decorated class; the mutators of base classes run first.
    """

    _flowc_kind = "FlowMutator"

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Override this method to change the flow's parameters and decorators. It is called after the configs have
        their values.

        An exception becomes an error of the flow that names the file and line of the decorator.
        """

    def mutate(self, mutable_flow: MutableFlow) -> None:
        """Override this method to change decorators. It is called after all `pre_mutate` methods, when the decorators
        of the command line have been added."""

    def __call__(self, flow: _Flow) -> _Flow:
        """Decorate a flow's class."""
        if not is_flow(flow):
            raise MetaflowException(f"@{type(self).__name__} decorates a flow: a class that derives from FlowSpec")
        decorated: _Flow = add(flow, self)
        return decorated
