"""The kinds of user-written decorators: the base classes of the classes from which users derive their decorators.

`MutableFlow` and `MutableStep`, which mutators get as arguments, check these classes to tell the kinds apart. The hooks
are declared in the derived classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from metaflow.exception import MetaflowException
from metaflow.user_decorators.common import UserDecorator, add, is_step, user_decorators

if TYPE_CHECKING:
    from collections.abc import Callable

_Step = TypeVar("_Step", bound="Callable[..., Any]")


class UserStepDecoratorBase(UserDecorator):
    """Base class of decorators that are written above `@step`."""

    def __call__(self, step: _Step) -> _Step:
        """Decorate a step."""
        if not is_step(step):
            raise MetaflowException(f"@{type(self).__name__} decorates a step: write it above @step")
        decorated: _Step = add(step, self)
        return decorated


class WrapperOfSteps(UserStepDecoratorBase):
    """Base class of `UserStepDecorator`, which wraps the code of a step."""


class MutatorOfSteps(UserStepDecoratorBase):
    """Base class of `StepMutator`, which changes a step."""


class MutatorOfFlows(UserDecorator):
    """Base class of `FlowMutator`, which changes a flow."""


def flow_mutators(flow: type) -> list[Any]:
    """Return the mutators of a class and its base classes, starting with the base classes and the innermost mutator."""
    return [mutator for base in reversed(flow.__mro__) for mutator in user_decorators(base)]
