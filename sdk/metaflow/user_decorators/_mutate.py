"""Preparation of a flow's class by its mutators. The module `_preparation` changes the class and undoes the changes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from metaflow.decorators import ATTRIBUTE, Applied, applied_to
from metaflow.user_decorators._builtin import STEP_DECORATORS, allows_multiple, supported
from metaflow.user_decorators._errors import PreparationError, UnknownStepDecoratorException
from metaflow.user_decorators._kinds import flow_mutators
from metaflow.user_decorators._preparation import Preparation
from metaflow.user_decorators._spec import find_user_decorator
from metaflow.user_decorators.common import add, is_step, user_decorators
from metaflow.user_decorators.mutable_flow import MutableFlow
from metaflow.user_decorators.mutable_step import MutableStep
from metaflow.user_decorators.user_flow_decorator import FlowMutator
from metaflow.user_decorators.user_step_decorator import StepMutator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaflow.flowspec import FlowSpec
    from metaflow.user_decorators.common import UserDecorator


def mutate(flow: type[FlowSpec], with_decorators: Sequence[Applied] = ()) -> None:
    """Run the mutators on the class.

    Also add the decorators of the command line: each to the steps that do not have it yet.

    Raises:
        PreparationError: a mutator, or the `init` of a decorator, fails.
        UnknownStepDecoratorException: the command line names an unknown decorator.
    """
    preparation = Preparation(flow)
    mutators: list[Any] = []
    for decorator in [*flow_mutators(flow), *(d for _, d in _of_steps(preparation))]:
        _check_package(decorator)
        with _place_in_errors(decorator, "init"):
            decorator.external_init()
    while (mutator := _next(flow_mutators(flow), mutators)) is not None:  # each mutator may add further mutators
        with _place_in_errors(mutator, "pre_mutate"):
            mutator.pre_mutate(_as_flow(preparation, mutator, early=True))
    for name in preparation.step_names():
        done: list[Any] = []
        while (mutator := _next(_mutators_of(preparation, name), done)) is not None:
            with _place_in_errors(mutator, "pre_mutate"):
                mutator.pre_mutate(_as_step(preparation, name, mutator, early=True))
    for asked in with_decorators:
        _attach(preparation, asked)
    for mutator in mutators:
        with _place_in_errors(mutator, "mutate"):
            mutator.mutate(_as_flow(preparation, mutator, early=False))
    for name in preparation.step_names():
        for mutator in _mutators_of(preparation, name):
            with _place_in_errors(mutator, "mutate"):
                mutator.mutate(_as_step(preparation, name, mutator, early=False))


def _as_flow(preparation: Preparation, mutator: UserDecorator, *, early: bool) -> MutableFlow:
    """Return the `MutableFlow` that is passed to this mutator."""
    return MutableFlow(preparation, early=early, by=mutator.decorator_name, static=mutator._flowc_static)


def _as_step(preparation: Preparation, name: str, mutator: UserDecorator, *, early: bool) -> MutableStep:
    """Return the `MutableStep` that is passed to this mutator."""
    return MutableStep(preparation, name, early=early, by=mutator.decorator_name, static=mutator._flowc_static)


def has_mutators(flow: type[FlowSpec]) -> bool:
    """Return whether a flow's class, or one of its steps, has mutators."""
    if flow_mutators(flow):
        return True
    members = [value for owner in flow.__mro__ for value in vars(owner).values() if is_step(value)]
    return any(isinstance(one, StepMutator) for member in members for one in user_decorators(member))


def _of_steps(preparation: Preparation) -> Iterator[tuple[str, object]]:
    for name in preparation.step_names():
        for decorator in user_decorators(preparation.members()[name]):
            yield name, decorator


def _mutators_of(preparation: Preparation, name: str) -> list[Any]:
    return [one for one in user_decorators(preparation.members()[name]) if isinstance(one, StepMutator)]


def _next(all_of_them: Sequence[object], done: list[object]) -> Any:
    """Return the first mutator that is not in `done`, and append it to `done`. If `done` contains all mutators, return
    None."""
    for one in all_of_them:
        if not any(one is other for other in done):
            done.append(one)
            return one
    return None


@contextmanager
def _place_in_errors(decorator: UserDecorator, hook: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise PreparationError(
            f"{hook} of @{decorator.decorator_name}", decorator._flowc_applied.file, decorator._flowc_applied.line
        ) from error


def _check_package(decorator: UserDecorator) -> None:
    """Raise an error if a mutator has the method `add_to_package`, which flowc would never call."""
    if isinstance(decorator, (StepMutator, FlowMutator)) and hasattr(decorator, "add_to_package"):
        with _place_in_errors(decorator, "add_to_package"):
            raise NotImplementedError("flowc packs the directory of the flow's file; put the files there")


def _attach(preparation: Preparation, applied: Applied) -> None:
    """Add a decorator of the command line to each step that does not have it yet."""
    builtin = applied.name in supported(STEP_DECORATORS)
    cls = None if builtin else find_user_decorator(applied.name)
    if not builtin and cls is None:
        raise UnknownStepDecoratorException(applied.name, supported(STEP_DECORATORS))
    for step in preparation.step_names():
        function = preparation.own_step(step)
        if cls is None:
            if allows_multiple(applied.name, STEP_DECORATORS) or all(
                one.name != applied.name for one in applied_to(function)
            ):
                setattr(function, ATTRIBUTE, (*applied_to(function), applied))
        elif not any(type(user) is cls for user in user_decorators(function)):
            decorator = cls.make(applied.args, applied.kwargs, (applied.file, applied.line))
            decorator._flowc_static = False
            with _place_in_errors(decorator, "init"):
                decorator.external_init()
            add(function, decorator)
            if isinstance(decorator, StepMutator):
                with _place_in_errors(decorator, "pre_mutate"):
                    decorator.pre_mutate(_as_step(preparation, step, decorator, early=True))
