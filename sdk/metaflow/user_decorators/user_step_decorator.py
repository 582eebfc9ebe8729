"""Decorators of steps: `@user_step_decorator` and `UserStepDecorator` wrap the code, `StepMutator` changes the step."""

from __future__ import annotations

from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from metaflow.exception import MetaflowException
from metaflow.user_decorators.common import UserDecorator, UserDecoratorMeta, add, is_step

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from metaflow.flowspec import FlowSpec
    from metaflow.user_decorators.mutable_step import MutableStep

__all__ = ["USER_SKIP_STEP", "StepMutator", "UserStepDecorator", "UserStepDecoratorBase", "user_step_decorator"]

_Step = TypeVar("_Step", bound="Callable[..., Any]")

USER_SKIP_STEP: Mapping[str, Any] = {}
"""`yield USER_SKIP_STEP`: the step's code is not run, and the flow goes on as the step says."""


class UserStepDecoratorBase(UserDecorator):
    """What stands above `@step`."""

    def __call__(self, step: _Step) -> _Step:
        """Decorate a step."""
        if not is_step(step):
            raise MetaflowException(f"@{type(self).__name__} decorates a step: write it above @step")
        decorated: _Step = add(step, self)
        return decorated


class _Wrapping(UserDecoratorMeta):
    def _check_arguments(cls, args: tuple[Any, ...]) -> None:
        # A mutator as well takes what a mutator takes.
        if args and not issubclass(cls, StepMutator):
            raise MetaflowException(
                f"@{cls.__name__} takes its arguments by name, and decorates a step: write it above @step"
            )


class UserStepDecorator(UserStepDecoratorBase, metaclass=_Wrapping):
    """Derive from it to run code around a step's. One instance serves one attempt of one task.

    Set `skip_step` in `pre_step` to leave out what the decorator wraps: True, or a dictionary with what is given to
    `self.next` beside the steps.
    """

    _flowc_kind = "UserStepDecorator"
    skip_step: bool | Mapping[str, Any] = False

    def pre_step(self, step_name: str, flow: FlowSpec, inputs: Any = None) -> Callable[..., Any] | None:
        """Run before what it wraps; `inputs` are a join's. A function that is returned runs instead, with `self`
        (and a join's inputs) as its arguments.
        """
        return None

    def post_step(
        self, step_name: str, flow: FlowSpec, exception: Exception | None = None
    ) -> Exception | tuple[Exception | None, Mapping[str, Any] | bool | None] | None:
        """Run after what it wraps, which may have raised `exception`: None means that all is well now, an exception
        is raised. Beside it in a tuple, a dictionary is what `self.next` is given, if nothing has called it; True and
        False say nothing more.
        """
        return exception


class StepMutator(UserStepDecoratorBase):
    """Derive from it to add decorators to a step, or to remove some, before the flow is compiled or run."""

    _flowc_kind = "StepMutator"

    def pre_mutate(self, mutable_step: MutableStep) -> None:
        """Called once the configs have their values. Only here can other step mutators be added."""

    def mutate(self, mutable_step: MutableStep) -> None:
        """Called when every `pre_mutate` is done and the decorators of the command line are attached."""


class GeneratorDecorator(UserStepDecorator):
    """Behind `@user_step_decorator`: what is before the `yield` runs before the step, what is after it, after."""

    _flowc_function: Any  # a static method of each class that `user_step_decorator` makes
    _flowc_running: Generator[Any, None, Any]

    def init(self, *args: Any, **kwargs: Any) -> None:
        self.attributes = kwargs

    def pre_step(self, step_name: str, flow: FlowSpec, inputs: Any = None) -> Callable[..., Any] | None:
        self.skip_step = False
        function = self._flowc_function
        arguments = (step_name, flow, inputs, self.attributes)
        self._flowc_running = function(*arguments[: function.__code__.co_argcount])
        try:
            said = next(self._flowc_running)
        except StopIteration:
            raise MetaflowException(f"{self._flowc_who()} did not yield: the step runs at its `yield`") from None
        if isinstance(said, dict):
            self.skip_step = said
        elif callable(said):
            return said  # type: ignore[no-any-return]  # what it takes is seen when it is called
        elif said:
            raise MetaflowException(
                f"{self._flowc_who()} yielded {said!r}; yield nothing, a function to run instead of the step, "
                "or a dictionary to skip it"
            )
        return None

    def post_step(self, step_name: str, flow: FlowSpec, exception: Exception | None = None) -> Any:
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
    """What `@user_step_decorator` makes of a generator function: a decorator, used bare or with attributes."""

    @overload
    def __call__(self, step: _Step, /) -> _Step: ...
    @overload
    def __call__(self, **attributes: Any) -> Callable[[_Step], _Step]: ...


@overload
def user_step_decorator(function: Callable[..., Generator[Any, Any, Any]], /) -> UserDecoratorFunction: ...
@overload
def user_step_decorator() -> Callable[[Callable[..., Generator[Any, Any, Any]]], UserDecoratorFunction]: ...
def user_step_decorator(function: Any = None, /) -> Any:
    """Make a decorator of steps of a generator `def my(step_name, flow, inputs=None, attributes=None):`.

    It yields once. A step's exception is raised at the `yield`: caught there, the step has succeeded. `yield {}` skips
    the step's code, `yield function` runs that function instead. `attributes` are the decorator's arguments.
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
