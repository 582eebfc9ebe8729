"""`MutableStep`: the object through which a mutator reads and changes a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from metaflow.decorators import ATTRIBUTE, Applied, applied_to
from metaflow.exception import MetaflowException
from metaflow.user_decorators._builtin import (
    STEP_DECORATORS,
    allows_multiple,
    attributes,
    full_name,
    supported,
    without_defaults,
)
from metaflow.user_decorators._errors import DuplicateStepDecoratorException, UnknownStepDecoratorException
from metaflow.user_decorators._kinds import MutatorOfSteps, UserStepDecoratorBase, WrapperOfSteps
from metaflow.user_decorators._mutable import Mutable, caller, has_name
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
        """The flow to which the step belongs."""
        from metaflow.user_decorators.mutable_flow import MutableFlow

        return MutableFlow(self._preparation, early=self._early, by=self._by, static=self._static)

    @property
    def decorator_specs(self) -> Iterator[Spec]:
        """Yield (name, full name, positional arguments, keyword arguments) for each decorator, in no particular order.

        The arguments of built-in decorators include their defaults.
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
        deco_type: str | UserDecoratorMeta | Callable[..., object],
        deco_args: Sequence[object] | None = None,
        deco_kwargs: Mapping[str, object] | None = None,
        duplicates: int = Mutable.IGNORE,
    ) -> Any:
        """Add a built-in or user-written decorator.

        Args:
            deco_type: the decorator, its name, or a string such as `retry:times=2`.
            deco_args: positional arguments; only user-written decorators accept them.
            deco_kwargs: keyword arguments; not together with arguments in the string.
            duplicates: what to do if the step has the decorator already: IGNORE keeps the existing decorator, OVERRIDE
                replaces it, ERROR raises an exception.

        Returns:
            The added decorator, or None if nothing was added.

        Raises:
            UnknownStepDecoratorException: there is no decorator with this name.
            DecoratorImportError: the module in the name cannot be imported.
            DuplicateStepDecoratorException: the step has the decorator, and `duplicates` is ERROR.
            MetaflowException: an argument is invalid, or a step mutator is added in `mutate`.
        """
        decorator, kwargs = self._parse_decorator(deco_type, deco_args, deco_kwargs)
        args = tuple(deco_args or ())
        if isinstance(decorator, str):
            return self._add_builtin(decorator, args, kwargs, duplicates)
        if issubclass(decorator, MutatorOfSteps):
            self._only_early(f"adding the step mutator '{decorator.decorator_name}'")
        function = self._function()
        if any(type(user) is decorator for user in user_decorators(function)):
            if not self._replaces(decorator.decorator_name, duplicates):
                return None
            self._keep(lambda user: type(user) is not decorator)
        added = decorator.make(args, kwargs, caller(1))
        added._flowc_static, added._flowc_applied.by = self._static, self._by
        added.external_init()
        add(self._function(), added)
        return added

    def _add_builtin(self, name: str, args: tuple[object, ...], kwargs: dict[str, object], duplicates: int) -> Any:
        if args:
            raise MetaflowException(f"@{name} takes its arguments by name: give them as deco_kwargs")
        function = self._function()
        present = [applied for applied in applied_to(function) if applied.name == name]
        if present and not allows_multiple(name, STEP_DECORATORS):
            if not self._replaces(name, duplicates):
                return None
            setattr(function, ATTRIBUTE, tuple(one for one in applied_to(function) if one.name != name))
        applied = Applied(name, (), without_defaults(name, kwargs, STEP_DECORATORS), *caller(2), by=self._by)
        setattr(function, ATTRIBUTE, (*applied_to(function), applied))
        return applied

    def remove_decorator(
        self,
        deco_name: str,
        deco_args: Sequence[object] | None = None,
        deco_kwargs: Mapping[str, object] | None = None,
    ) -> bool:
        """Remove all decorators with this name.

        Args:
            deco_name: the name, with or without its module.
            deco_args: positional arguments. If `deco_args` or `deco_kwargs` is given, only decorators with equal
                arguments are removed.
            deco_kwargs: keyword arguments; for a built-in decorator, they must include the defaults.

        Returns:
            Whether a decorator was removed.

        Raises:
            MetaflowException: a step mutator is removed in `mutate`.
        """
        function = self._function()
        everything = deco_args is None and deco_kwargs is None
        wanted = [*(deco_args or ())], {**(deco_kwargs or {})}
        remaining = tuple(
            applied
            for applied in applied_to(function)
            if not has_name(deco_name, applied.name, full_name(applied.name, STEP_DECORATORS))
            or applied.name == "step"
            or not (everything or ([*applied.args], attributes(applied, STEP_DECORATORS)) == wanted)
        )
        removed = [
            user
            for user in user_decorators(function)
            if has_name(deco_name, short_name(type(user), UserStepDecoratorBase), user.decorator_name)
            and (everything or user.get_args_kwargs() == wanted)
        ]
        for user in removed:
            if isinstance(user, MutatorOfSteps):
                self._only_early(f"removing the step mutator '{user.decorator_name}'")
        is_removed = len(remaining) < len(applied_to(function)) or bool(removed)
        setattr(function, ATTRIBUTE, remaining)
        self._keep(lambda user: user not in removed)
        return is_removed

    def _function(self) -> Any:
        return self._preparation.own_step(self._name)

    def _keep(self, remains: Callable[[Any], bool]) -> None:
        function = self._function()
        setattr(function, USER, tuple(user for user in user_decorators(function) if remains(user)))

    def _find(self, name: str) -> str | UserDecoratorMeta:
        known = supported(STEP_DECORATORS)
        if name in known:
            return name
        found = find_user_decorator(name)
        if found is None:
            raise UnknownStepDecoratorException(name, known)
        return found

    def _is_own(self, value: object) -> TypeGuard[UserDecoratorMeta]:
        return isinstance(value, type) and issubclass(value, UserStepDecoratorBase)

    def _duplicate(self, name: str) -> Exception:
        return DuplicateStepDecoratorException(name, self._name)
