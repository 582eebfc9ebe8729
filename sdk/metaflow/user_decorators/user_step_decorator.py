"""Decorators of steps: `@user_step_decorator` and `UserStepDecorator` wrap the code; `StepMutator` changes the step."""

from __future__ import annotations

from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from metaflow.exception import MetaflowException
from metaflow.user_decorators._kinds import MutatorOfSteps, UserStepDecoratorBase, WrapperOfSteps
from metaflow.user_decorators.common import UserDecoratorMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from metaflow.flowspec import FlowSpec
    from metaflow.user_decorators.mutable_step import MutableStep

__all__ = ["USER_SKIP_STEP", "StepMutator", "UserStepDecorator", "UserStepDecoratorBase", "user_step_decorator"]

_Step = TypeVar("_Step", bound="Callable[..., Any]")

USER_SKIP_STEP: Mapping[str, Any] = {}
"""`yield USER_SKIP_STEP` skips the step's code; the flow continues with the step's `self.next`."""


class _Wrapping(UserDecoratorMeta):
    def _check_arguments(cls, args: tuple[Any, ...]) -> None:
        # Positional arguments are accepted only if the class is also a step mutator.
        if args and not issubclass(cls, StepMutator):
            raise MetaflowException(
                f"@{cls.__name__} takes its arguments by name, and decorates a step: write it above @step"
            )


class UserStepDecorator(WrapperOfSteps, metaclass=_Wrapping):
    """Base class of decorators that run code before and after a step's code.

    A separate instance is created for each attempt of a task.

    To skip the decorated code, `pre_step` sets the attribute `skip_step` to True or to a dictionary of further
    arguments for `self.next`.
    """

    _flowc_kind = "UserStepDecorator"
    skip_step: bool | Mapping[str, Any] = False

    def pre_step(self, step_name: str, flow: FlowSpec, inputs: Any = None) -> Callable[..., Any] | None:
        """Override this method, which is called before the decorated code.

        Args:
            step_name: the step.
            flow: the flow object of the task.
            inputs: the inputs of a join, or None for other steps.

        Returns:
            None, or a function to run instead of the step's code; its arguments are `flow` and, in a join, the inputs.
        """
        return None

    def post_step(
        self, step_name: str, flow: FlowSpec, exception: Exception | None = None
    ) -> Exception | tuple[Exception | None, Mapping[str, Any] | bool | None] | None:
        """Override this method, which is called after the decorated code.

        Args:
            step_name: the step.
            flow: the flow object of the task.
            exception: the exception of the decorated code, or None.

        Returns:
            None if the step has succeeded, or an exception to raise. A tuple (None or an exception, dictionary of
            further arguments to `self.next`) is also possible; the arguments are used if `self.next` has not been
            called. False as the first item, and True or False as the second item, have no effect.
        """
        return exception


class StepMutator(MutatorOfSteps):
    """Base class of step mutators, which add and remove decorators before the flow is compiled or run."""

    _flowc_kind = "StepMutator"

    def pre_mutate(self, mutable_step: MutableStep) -> None:
        """Override this method to add step mutators and decorators. It is called after the configs have their values.

        An exception becomes an error of the flow that names the file and line of the decorator.
        """

    def mutate(self, mutable_step: MutableStep) -> None:
        """Override this method to change decorators. It is called after all `pre_mutate` methods, when the decorators
        of the command line have been added."""


class GeneratorDecorator(UserStepDecorator):
    """Implements `@user_step_decorator`: the generator runs to its `yield` before the step, and continues after the
    step."""

    _flowc_function: Any  # each class that `user_step_decorator` creates sets this attribute as a static method
    _flowc_running: Generator[Any, None, Any]

    def init(self, *args: Any, **kwargs: Any) -> None:
        """Store the arguments, which the generator gets as `attributes`."""
        self.attributes = kwargs

    def pre_step(self, step_name: str, flow: FlowSpec, inputs: Any = None) -> Callable[..., Any] | None:
        """Run the generator up to its `yield`.

        Returns:
            The function that the generator yielded, or None.

        Raises:
            MetaflowException: the generator did not yield, or yielded something other than a function, a dict or None.
        """
        self.skip_step = False
        function = self._flowc_function
        arguments = (step_name, flow, inputs, self.attributes)
        self._flowc_running = function(*arguments[: function.__code__.co_argcount])
        try:
            result = next(self._flowc_running)
        except StopIteration:
            raise MetaflowException(f"{self._flowc_who()} did not yield: the step runs at its `yield`") from None
        if isinstance(result, dict):
            self.skip_step = result
        elif callable(result):
            return result  # type: ignore[no-any-return]  # the result's arguments are checked when it is called
        elif result:
            raise MetaflowException(
                f"{self._flowc_who()} yielded {result!r}; yield nothing, a function to run instead of the step, "
                "or a dictionary to skip it"
            )
        return None

    def post_step(self, step_name: str, flow: FlowSpec, exception: Exception | None = None) -> Any:
        """Continue the generator after its `yield`, at which the step's exception is raised, and return the generator's
        result.

        Raises:
            MetaflowException: the generator yielded a second time.
        """
        try:
            if exception is None:
                next(self._flowc_running)
            else:
                self._flowc_running.throw(exception)
        except StopIteration as stop:
            return stop.value
        raise MetaflowException(f"{self._flowc_who()} yielded twice; a step runs once, at the first `yield`")

    def _flowc_who(self) -> str:
        code = self._flowc_function.__code__
        return f"@{type(self).__name__} ({code.co_filename.rpartition('/')[2]}:{code.co_firstlineno})"


class UserDecoratorFunction(Protocol):
    """The type of the result of `@user_step_decorator`: a decorator, used with or without attributes."""

    @overload
    def __call__(self, step: _Step, /) -> _Step: ...
    @overload
    def __call__(self, **attributes: Any) -> Callable[[_Step], _Step]: ...


@overload
def user_step_decorator(function: Callable[..., Generator[Any, Any, Any]], /) -> UserDecoratorFunction: ...
@overload
def user_step_decorator() -> Callable[[Callable[..., Generator[Any, Any, Any]]], UserDecoratorFunction]: ...
def user_step_decorator(function: Any = None, /) -> Any:
    """Create a step decorator from a generator function `def my(step_name, flow, inputs=None, attributes=None):`.

    The generator must yield exactly once. An exception of the step is raised at the `yield`; if the generator catches
    it, the step counts as successful. `yield {}` skips the step's code, and `yield function` runs the function instead.
    `attributes` contains the decorator's arguments.

    Raises:
        MetaflowException: the function is not a generator, or does not have three or four arguments.
    """
    if function is None:
        return user_step_decorator
    if not isgeneratorfunction(function):
        raise MetaflowException("@user_step_decorator decorates a generator: a function that yields once")
    code = function.__code__
    if code.co_argcount not in (3, 4) or code.co_kwonlyargcount:
        raise MetaflowException(
            f"a decorator of steps takes three or four arguments: "
            f"`def {function.__name__}(step_name, flow, inputs, attributes):`"
        )
    namespace = {
        "__module__": function.__module__,
        "__qualname__": function.__qualname__,
        "__doc__": function.__doc__,
        "_flowc_function": staticmethod(function),
    }
    return _Wrapping(function.__name__, (GeneratorDecorator,), namespace)
