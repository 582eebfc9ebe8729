"""`MutableFlow`: the object through which a mutator reads and changes a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from metaflow.decorators import ATTRIBUTE, Applied, applied_to
from metaflow.exception import MetaflowException
from metaflow.parameters import Parameter
from metaflow.user_decorators._builtin import (
    FLOW_DECORATORS,
    allows_multiple,
    attributes,
    full_name,
    supported,
    without_defaults,
)
from metaflow.user_decorators._errors import DuplicateFlowDecoratorException, UnknownFlowDecoratorException
from metaflow.user_decorators._kinds import MutatorOfFlows, flow_mutators
from metaflow.user_decorators._mutable import Mutable, caller, has_name
from metaflow.user_decorators.common import add, known_classes, matching, short_name
from metaflow.user_decorators.mutable_step import MutableStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from metaflow.user_decorators.common import UserDecoratorMeta
    from metaflow.user_decorators.mutable_step import Spec

__all__ = ["MutableFlow"]


class MutableFlow(Mutable):
    """The object through which a mutator reads and changes a flow.

    The flow's steps, parameters and configs are also attributes of the object: `flow.start.add_decorator("retry")`.
    """

    @property
    def steps(self) -> Iterator[tuple[str, MutableStep]]:
        """Yield (name, step) for each step, in no particular order."""
        for name in self._preparation.step_names():
            yield name, self._step(name)

    @property
    def parameters(self) -> Iterator[tuple[str, Any]]:
        """Yield (attribute name, parameter) for each parameter."""
        for name, value in self._preparation.members().items():
            if isinstance(value, Parameter) and not _is_config(value):
                yield name, value

    @property
    def configs(self) -> Iterator[tuple[str, Any]]:
        """Yield (attribute name, value) for each config."""
        for name, value in self._preparation.members().items():
            if _is_config(value):
                yield name, getattr(self, name)

    def __getattr__(self, name: str) -> Any:
        # Called only if the class MutableFlow has no attribute with this name.
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._preparation.step_names():
            return self._step(name)
        flow = self._preparation.flow
        if not hasattr(flow, name):
            raise AttributeError(f"flow '{flow.__name__}' has no attribute '{name}'", name=name, obj=self)
        return getattr(flow, name)

    def _step(self, name: str) -> MutableStep:
        return MutableStep(self._preparation, name, early=self._early, by=self._by, static=self._static)

    # -- parameters

    def add_parameter(self, name: str, value: Parameter[Any], overwrite: bool = False) -> None:
        """Add a parameter as an attribute of the flow. The method can be called only in `pre_mutate`.

        Args:
            name: the name of the attribute.
            value: the parameter.
            overwrite: whether the parameter may replace an existing attribute with this name.

        Raises:
            MetaflowException: the flow has an attribute with this name, `value` is not a Parameter, or the method is
                called in `mutate`.
        """
        self._only_early(f"adding the parameter '{name}'")
        if not isinstance(value, Parameter):
            raise MetaflowException(f"add_parameter takes a Parameter, not a {type(value).__name__}")
        flow = self._preparation.flow
        if hasattr(flow, name) and not overwrite:
            raise MetaflowException(
                f"flow '{flow.__name__}' already has an attribute '{name}'; overwrite=True replaces it"
            )
        self._preparation.set(name, value)
        value.__set_name__(flow, name)

    def remove_parameter(self, parameter_name: str) -> bool:
        """Remove the parameter with this option name. Return whether the flow had the parameter.

        The method can be called only in `pre_mutate`.

        Raises:
            MetaflowException: the method is called in `mutate`.
        """
        self._only_early(f"removing the parameter '{parameter_name}'")
        attributes_found = [attribute for attribute, parameter in self.parameters if parameter.name == parameter_name]
        for attribute in attributes_found:
            self._preparation.remove(attribute)
        return bool(attributes_found)

    # -- decorators

    @property
    def decorator_specs(self) -> Iterator[Spec]:
        """Yield (name, full name, positional arguments, keyword arguments) for each decorator.

        The decorators of base classes are included.
        """
        for applied in self._preparation.flow_decorators():
            yield (applied.name, full_name(applied.name, FLOW_DECORATORS), [*applied.args],
                   attributes(applied, FLOW_DECORATORS))  # fmt: skip
        for mutator in flow_mutators(self._preparation.flow):
            yield (short_name(type(mutator), MutatorOfFlows), mutator.decorator_name, *mutator.get_args_kwargs())

    def add_decorator(
        self,
        deco_type: str | UserDecoratorMeta | Callable[..., object],
        deco_args: Sequence[object] | None = None,
        deco_kwargs: Mapping[str, object] | None = None,
        duplicates: int = Mutable.IGNORE,
    ) -> Any:
        """Add a flow decorator or a mutator. The method can be called only in `pre_mutate`.

        Args:
            deco_type: the decorator or mutator, its name, or a string such as `project:name=mine`.
            deco_args: positional arguments; only mutators accept them.
            deco_kwargs: keyword arguments; not together with arguments in the string.
            duplicates: what to do if the flow has the decorator already: IGNORE keeps the existing decorator, OVERRIDE
                replaces it, ERROR raises an exception.

        Returns:
            The added decorator, or None if nothing was added.

        Raises:
            UnknownFlowDecoratorException: there is no decorator or mutator with this name.
            DuplicateFlowDecoratorException: the flow has the decorator, and `duplicates` is ERROR.
            MetaflowException: an argument is invalid, the method is called in `mutate`, or a mutator that is already
                running would be replaced.
        """
        decorator, kwargs = self._parse_decorator(deco_type, deco_args, deco_kwargs)
        args = tuple(deco_args or ())
        flow = self._preparation.flow
        if isinstance(decorator, str):
            self._only_early(f"adding the decorator '{decorator}'")
            return self._add_builtin(decorator, args, kwargs, duplicates)
        self._only_early(f"adding the mutator '{decorator.decorator_name}'")
        if any(type(mutator) is decorator for mutator in flow_mutators(flow)):
            if not self._replaces(decorator.decorator_name, duplicates):
                return None
            raise MetaflowException(f"'{decorator.decorator_name}' cannot be replaced: mutators are already running")
        made = decorator.make(args, kwargs, caller(1))
        made._flowc_static, made._flowc_applied.by = self._static, self._by
        made.external_init()
        self._preparation.own_decorators()
        return add(flow, made) and made

    def _add_builtin(self, name: str, args: tuple[object, ...], kwargs: dict[str, object], duplicates: int) -> Any:
        if args:
            raise MetaflowException(f"@{name} takes its arguments by name: give them as deco_kwargs")
        flow = self._preparation.flow
        self._preparation.own_decorators()
        present = [applied for applied in self._preparation.flow_decorators() if applied.name == name]
        if present and not allows_multiple(name, FLOW_DECORATORS):
            if not self._replaces(name, duplicates):
                return None
            self._drop(present)
        applied = Applied(name, (), without_defaults(name, kwargs, FLOW_DECORATORS), *caller(2), by=self._by)
        setattr(flow, ATTRIBUTE, (*applied_to(flow), applied))
        return applied

    def remove_decorator(
        self,
        deco_name: str,
        deco_args: Sequence[object] | None = None,
        deco_kwargs: Mapping[str, object] | None = None,
    ) -> bool:
        """Remove all decorators with this name. The method can be called only in `pre_mutate`.

        Args:
            deco_name: the name, with or without its module.
            deco_args: positional arguments. If `deco_args` or `deco_kwargs` is given, only decorators with equal
                arguments are removed.
            deco_kwargs: keyword arguments; for a built-in decorator, they must include the defaults.

        Returns:
            Whether a decorator was removed.

        Raises:
            MetaflowException: the name belongs to a mutator, and mutators are already running; the decorator belongs to
                a base class; or the method is called in `mutate`.
        """
        self._only_early(f"removing the decorator '{deco_name}'")
        if matching(deco_name, [type(mutator) for mutator in flow_mutators(self._preparation.flow)]) is not None:
            raise MetaflowException(f"the mutator '{deco_name}' cannot be removed: it is already running")
        everything = deco_args is None and deco_kwargs is None
        wanted = [*(deco_args or ())], {**(deco_kwargs or {})}
        found = [
            applied
            for applied in self._preparation.flow_decorators()
            if has_name(deco_name, applied.name, full_name(applied.name, FLOW_DECORATORS))
            and (everything or ([*applied.args], attributes(applied, FLOW_DECORATORS)) == wanted)
        ]
        self._drop(found)
        return bool(found)

    def _drop(self, dropped: Sequence[Applied]) -> None:
        flow = self._preparation.flow
        self._preparation.own_decorators()
        own = applied_to(flow)
        for applied in dropped:
            if applied not in own:
                raise MetaflowException(f"@{applied.name} decorates a base class of '{flow.__name__}': change it there")
        setattr(flow, ATTRIBUTE, tuple(applied for applied in own if applied not in dropped))

    def _find(self, name: str) -> str | UserDecoratorMeta:
        known = supported(FLOW_DECORATORS)
        if name in known:
            return name
        found = matching(name, known_classes(MutatorOfFlows))
        if found is None:
            raise UnknownFlowDecoratorException(name, known)
        return found

    def _is_own(self, value: object) -> TypeGuard[UserDecoratorMeta]:
        return isinstance(value, type) and issubclass(value, MutatorOfFlows)

    def _duplicate(self, name: str) -> Exception:
        return DuplicateFlowDecoratorException(name)


def _is_config(value: object) -> bool:
    import sys

    configs = sys.modules.get("metaflow.user_configs.config_parameters")
    return configs is not None and isinstance(value, configs.Config)
