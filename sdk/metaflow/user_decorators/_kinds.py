"""The kinds of user-written decorators, as internal base classes of `UserStepDecorator`, `StepMutator` and
`FlowMutator`.

`MutableFlow` and `MutableStep`, the arguments of mutators, use these classes to distinguish the kinds of decorators.
The hooks, such as `pre_step` and `mutate`, are declared in the derived classes.
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
    """Return the mutators of a flow's class and its base classes: those of base classes first, in each class the
    innermost first."""
    return [mutator for base in reversed(flow.__mro__) for mutator in user_decorators(base)]
