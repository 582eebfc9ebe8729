"""`FlowMutator`: a decorator of a flow's class that changes the flow before it is compiled or run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from metaflow.exception import MetaflowException
from metaflow.user_decorators.common import UserDecorator, UserDecoratorMeta, add, user_decorators

if TYPE_CHECKING:
    from metaflow.user_decorators.mutable_flow import MutableFlow

__all__ = ["FlowMutator"]

_Flow = TypeVar("_Flow", bound=type)


class _OfFlows(UserDecoratorMeta):
    def _decorates(cls, value: object) -> bool:
        return is_flow(value)


def is_flow(value: object) -> bool:
    """Whether it is a flow's class."""
    from metaflow.flowspec import FlowSpec

    return isinstance(value, type) and issubclass(value, FlowSpec)


class FlowMutator(UserDecorator, metaclass=_OfFlows):
    """Derive from it to change a flow's parameters and the decorators of the flow and its steps.

    What derives from the decorated class is changed too; the mutators of bases come first.
    """

    _flowc_kind = "FlowMutator"

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Called once the configs have their values. Only here can parameters and decorators of the flow change."""

    def mutate(self, mutable_flow: MutableFlow) -> None:
        """Called when every `pre_mutate` is done and the decorators of the command line are attached."""

    def __call__(self, flow: _Flow) -> _Flow:
        """Decorate a flow's class."""
        if not is_flow(flow):
            raise MetaflowException(f"@{type(self).__name__} decorates a flow: a class that derives from FlowSpec")
        decorated: _Flow = add(flow, self)
        return decorated


def flow_mutators(flow: type) -> list[Any]:
    """The mutators of a class and its bases: bases first, the innermost first."""
    return [mutator for base in reversed(flow.__mro__) for mutator in user_decorators(base)]
