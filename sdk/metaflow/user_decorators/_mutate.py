"""Prepare a flow's class: run its mutators on a copy of its steps and decorators.

Functions of steps are shared with the bases of a flow, and a class may be prepared again with other configs. So a
changed step becomes a copy that belongs to the class, and the next preparation starts from the original source.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any

from metaflow.decorators import ATTRIBUTE, Applied, applied_to
from metaflow.user_decorators._builtin import STEP_DECORATORS, several, supported
from metaflow.user_decorators._errors import PreparationError, UnknownStepDecoratorException
from metaflow.user_decorators._spec import find_user_decorator
from metaflow.user_decorators.common import USER, add, is_step, user_decorators
from metaflow.user_decorators.mutable_flow import MutableFlow
from metaflow.user_decorators.mutable_step import MutableStep
from metaflow.user_decorators.user_flow_decorator import FlowMutator, flow_mutators
from metaflow.user_decorators.user_step_decorator import StepMutator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaflow.flowspec import FlowSpec
    from metaflow.user_decorators.common import UserDecorator

_WRITTEN = "_flowc_written"
"""The original attributes of a prepared class by name; `_MISSING` for those that a preparation added."""

_MISSING = object()


class _Removed:
    """Hides an attribute of a base: the class no longer has it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._message = f"flow '{owner.__name__}' has no attribute '{name}'"

    def __get__(self, flow: object, owner: type | None = None) -> Any:
        raise AttributeError(self._message)


class Preparation:
    """A flow's class while its mutators change it."""

    def __init__(self, flow: type[FlowSpec]) -> None:
        self.flow = flow
        self._own: set[str] = set()
        restore(flow)

    # -- reading

    def members(self) -> dict[str, Any]:
        """Return every attribute of the class and its bases below FlowSpec, bases first, in source order."""
        from metaflow.flowspec import FlowSpec

        found: dict[str, Any] = {}
        for owner in reversed(self.flow.__mro__):
            if owner not in FlowSpec.__mro__:
                found.update(vars(owner))
        return found

    def step_names(self) -> list[str]:
        """Return the names of the steps."""
        return [name for name, value in self.members().items() if is_step(value)]

    def flow_decorators(self) -> list[Applied]:
        """Return the built-in decorators of the class, then those of its bases that the class does not have."""
        found: list[Applied] = []
        for owner in self.flow.__mro__:
            names = {applied.name for applied in found}
            found += [applied for applied in applied_to(owner) if applied.name not in names]
        return found

    # -- changing

    def set(self, name: str, value: object) -> None:
        """Set an attribute of the class."""
        written: dict[str, Any] = vars(self.flow)[_WRITTEN]
        written.setdefault(name, vars(self.flow).get(name, _MISSING))
        setattr(self.flow, name, value)

    def remove(self, name: str) -> None:
        """Remove an attribute, even if a base has it."""
        removed = _Removed()
        removed.__set_name__(self.flow, name)
        self.set(name, removed)

    def own_step(self, name: str) -> Any:
        """Return a copy of a step's function that may be changed."""
        function: Any = self.members()[name]
        if name in self._own:
            return function
        copy = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__qualname__ = function.__qualname__
        copy.__module__ = function.__module__
        copy.__doc__ = function.__doc__
        copy.__annotations__ = function.__annotations__
        vars(copy).update(vars(function))
        self.set(name, copy)
        self._own.add(name)
        return copy

    def own_decorators(self) -> None:
        """Copy the decorators of the class, so that the next preparation starts from the original ones."""
        for name in (ATTRIBUTE, USER):
            self.set(name, vars(self.flow).get(name, ()))

    # -- the arguments of mutators

    def as_flow(self, mutator: UserDecorator, *, early: bool) -> MutableFlow:
        """Return the flow as a mutator sees it."""
        return MutableFlow(self, early=early, by=mutator.decorator_name, static=mutator._flowc_static)

    def as_step(self, name: str, mutator: UserDecorator, *, early: bool) -> MutableStep:
        """Return a step as a mutator sees it."""
        return MutableStep(self, name, early=early, by=mutator.decorator_name, static=mutator._flowc_static)


def restore(flow: type[FlowSpec]) -> None:
    """Undo an earlier preparation: restore the class of the source."""
    for name, value in vars(flow).get(_WRITTEN, {}).items():
        if value is not _MISSING:
            setattr(flow, name, value)
        elif name in vars(flow):
            delattr(flow, name)
    setattr(flow, _WRITTEN, {})


def mutate(flow: type[FlowSpec], with_decorators: Sequence[Applied] = ()) -> None:
    """Run the mutators on the class; add the decorators of the command line to every step that lacks them.

    Raises:
        PreparationError: a mutator or an `init` fails.
        UnknownStepDecoratorException: a decorator of the command line is unknown.
    """
    preparation = Preparation(flow)
    mutators: list[Any] = []
    for decorator in [*flow_mutators(flow), *(d for _, d in _of_steps(preparation))]:
        _check_package(decorator)
        with _told(decorator, "init"):
            decorator.external_init()
    while (mutator := _next(flow_mutators(flow), mutators)) is not None:  # each may add further ones
        with _told(mutator, "pre_mutate"):
            mutator.pre_mutate(preparation.as_flow(mutator, early=True))
    for name in preparation.step_names():
        done: list[Any] = []
        while (mutator := _next(_mutators_of(preparation, name), done)) is not None:
            with _told(mutator, "pre_mutate"):
                mutator.pre_mutate(preparation.as_step(name, mutator, early=True))
    for asked in with_decorators:
        _attach(preparation, asked)
    for mutator in mutators:
        with _told(mutator, "mutate"):
            mutator.mutate(preparation.as_flow(mutator, early=False))
    for name in preparation.step_names():
        for mutator in _mutators_of(preparation, name):
            with _told(mutator, "mutate"):
                mutator.mutate(preparation.as_step(name, mutator, early=False))


def has_mutators(flow: type[FlowSpec]) -> bool:
    """Return whether a mutator will change the class."""
    if flow_mutators(flow):
        return True
    members = [value for owner in flow.__mro__ for value in vars(owner).values() if is_step(value)]
    return any(isinstance(one, StepMutator) for member in members for one in user_decorators(member))


def _of_steps(preparation: Preparation) -> Iterator[tuple[str, Any]]:
    for name in preparation.step_names():
        for decorator in user_decorators(preparation.members()[name]):
            yield name, decorator


def _mutators_of(preparation: Preparation, name: str) -> list[Any]:
    return [one for one in user_decorators(preparation.members()[name]) if isinstance(one, StepMutator)]


def _next(all_of_them: Sequence[Any], done: list[Any]) -> Any:
    """Return the first new mutator and mark it as done."""
    for one in all_of_them:
        if not any(one is other for other in done):
            done.append(one)
            return one
    return None


@contextmanager
def _told(decorator: UserDecorator, hook: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise PreparationError(
            f"{hook} of @{decorator.decorator_name}", decorator._flowc_applied.file, decorator._flowc_applied.line
        ) from error


def _check_package(decorator: UserDecorator) -> None:
    """Refuse calls that would have no effect."""
    if isinstance(decorator, (StepMutator, FlowMutator)) and hasattr(decorator, "add_to_package"):
        with _told(decorator, "add_to_package"):
            raise NotImplementedError("flowc packs the directory of the flow's file; put the files there")


def _attach(preparation: Preparation, asked: Applied) -> None:
    """Add a decorator of the command line to every step that does not have it."""
    builtin = asked.name in supported(STEP_DECORATORS)
    cls = None if builtin else find_user_decorator(asked.name)
    if not builtin and cls is None:
        raise UnknownStepDecoratorException(asked.name, supported(STEP_DECORATORS))
    for step in preparation.step_names():
        function = preparation.own_step(step)
        if cls is None:
            if several(asked.name, STEP_DECORATORS) or all(one.name != asked.name for one in applied_to(function)):
                setattr(function, ATTRIBUTE, (*applied_to(function), asked))
        elif not any(type(user) is cls for user in user_decorators(function)):
            made = cls.make(asked.args, asked.kwargs, (asked.file, asked.line))
            made._flowc_static = False
            with _told(made, "init"):
                made.external_init()
            add(function, made)
            if isinstance(made, StepMutator):
                with _told(made, "pre_mutate"):
                    made.pre_mutate(preparation.as_step(step, made, early=True))
