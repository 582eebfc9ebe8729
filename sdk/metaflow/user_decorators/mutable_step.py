"""`MutableStep`: a step as mutators see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.decorators import ATTRIBUTE, Applied, applied_to
from metaflow.exception import MetaflowException
from metaflow.user_decorators._builtin import STEP_DECORATORS, asked_for, attributes, full_name, several, supported
from metaflow.user_decorators._errors import DuplicateStepDecoratorException, UnknownStepDecoratorException
from metaflow.user_decorators._kinds import MutatorOfSteps, UserStepDecoratorBase, WrapperOfSteps
from metaflow.user_decorators._mutable import Mutable, caller, named
from metaflow.user_decorators._spec import find_user_decorator
from metaflow.user_decorators.common import USER, add, short_name, user_decorators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from metaflow.user_decorators._preparation import Preparation
    from metaflow.user_decorators.common import UserDecoratorMeta
    from metaflow.user_decorators.mutable_flow import MutableFlow

__all__ = ["MutableStep"]

Spec = tuple[str, str, list[Any], dict[str, Any]]


class MutableStep(Mutable):
    """A step, whose decorators can be read, added and removed."""

    def __init__(self, preparation: Preparation, name: str, *, early: bool, by: str | None, static: bool) -> None:
        super().__init__(preparation, early=early, by=by, static=static)
        self._name = name

    @property
    def flow(self) -> MutableFlow:
        """The flow of the step."""
        from metaflow.user_decorators.mutable_flow import MutableFlow

        return MutableFlow(self._preparation, early=self._early, by=self._by, static=self._static)

    @property
    def decorator_specs(self) -> Iterator[Spec]:
        """Yield (name, full name, positional arguments, keyword arguments) of each decorator, in no particular order.

        Built-in decorators include the defaults of their arguments.
        """
        function = self._function()
        for applied in applied_to(function):
            if applied.name != "step":
                yield (applied.name, full_name(applied.name, STEP_DECORATORS), [*applied.args],
                       attributes(applied, STEP_DECORATORS))  # fmt: skip
        users = user_decorators(function)
        wrapping = [user for user in users if isinstance(user, WrapperOfSteps)]
        for user in [*wrapping, *(user for user in users if user not in wrapping)]:
            yield (short_name(type(user), UserStepDecoratorBase), user.decorator_name, *user.get_args_kwargs())

    def add_decorator(
        self,
        deco_type: str | UserDecoratorMeta | Callable[..., Any],
        deco_args: Sequence[Any] | None = None,
        deco_kwargs: Mapping[str, Any] | None = None,
        duplicates: int = Mutable.IGNORE,
    ) -> Any:
        """Add a built-in or user-written decorator, as an object or a text such as `retry:times=2`.

        If the step already has it, `duplicates` decides: IGNORE keeps the existing one, OVERRIDE replaces it, ERROR
        raises. Return the added decorator, or None if nothing was added.
        """
        found, kwargs = self._asked(deco_type, deco_args, deco_kwargs)
        args = tuple(deco_args or ())
        if isinstance(found, str):
            return self._add_builtin(found, args, kwargs, duplicates)
        if issubclass(found, MutatorOfSteps):
            self._only_early(f"adding the step mutator '{found.decorator_name}'")
        function = self._function()
        if any(type(user) is found for user in user_decorators(function)):
            if not self._replaces(found.decorator_name, duplicates):
                return None
            self._keep(lambda user: type(user) is not found)
        made = found.make(args, kwargs, caller(1))
        made._flowc_static, made._flowc_applied.by = self._static, self._by
        made.external_init()
        add(self._function(), made)
        return made

    def _add_builtin(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], duplicates: int) -> Any:
        if args:
            raise MetaflowException(f"@{name} takes its arguments by name: give them as deco_kwargs")
        function = self._function()
        present = [applied for applied in applied_to(function) if applied.name == name]
        if present and not several(name, STEP_DECORATORS):
            if not self._replaces(name, duplicates):
                return None
            setattr(function, ATTRIBUTE, tuple(one for one in applied_to(function) if one.name != name))
        applied = Applied(name, (), asked_for(name, kwargs, STEP_DECORATORS), *caller(2), by=self._by)
        setattr(function, ATTRIBUTE, (*applied_to(function), applied))
        return applied

    def remove_decorator(
        self,
        deco_name: str,
        deco_args: Sequence[Any] | None = None,
        deco_kwargs: Mapping[str, Any] | None = None,
    ) -> bool:
        """Remove the decorators of this name; with arguments, only those with equal ones. Return whether one was."""
        function = self._function()
        everything = deco_args is None and deco_kwargs is None
        wanted = [*(deco_args or ())], {**(deco_kwargs or {})}
        kept = tuple(
            applied
            for applied in applied_to(function)
            if not named(deco_name, applied.name, full_name(applied.name, STEP_DECORATORS))
            or applied.name == "step"
            or not (everything or ([*applied.args], attributes(applied, STEP_DECORATORS)) == wanted)
        )
        removed = [
            user
            for user in user_decorators(function)
            if named(deco_name, short_name(type(user), UserStepDecoratorBase), user.decorator_name)
            and (everything or user.get_args_kwargs() == wanted)
        ]
        for user in removed:
            if isinstance(user, MutatorOfSteps):
                self._only_early(f"removing the step mutator '{user.decorator_name}'")
        found = len(kept) < len(applied_to(function)) or bool(removed)
        setattr(function, ATTRIBUTE, kept)
        self._keep(lambda user: user not in removed)
        return found

    def _function(self) -> Any:
        return self._preparation.own_step(self._name)

    def _keep(self, wanted: Callable[[Any], bool]) -> None:
        function = self._function()
        setattr(function, USER, tuple(user for user in user_decorators(function) if wanted(user)))

    def _find(self, name: str) -> Any:
        known = supported(STEP_DECORATORS)
        if name in known:
            return name
        found = find_user_decorator(name)
        if found is None:
            raise UnknownStepDecoratorException(name, known)
        return found

    def _is_own(self, value: object) -> bool:
        return isinstance(value, type) and issubclass(value, UserStepDecoratorBase)

    def _duplicate(self, name: str) -> Exception:
        return DuplicateStepDecoratorException(name, self._name)
