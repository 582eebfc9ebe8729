"""Applies the changes that mutators request to a flow's class, and undoes these changes.

A flow shares the functions of its steps with its base classes, and a class may be prepared again, with other configs.
Therefore, a step is copied into the class before it is changed, and the next preparation starts from the original
attributes.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from metaflow.decorators import ATTRIBUTE, Applied, applied_to
from metaflow.flowspec import FlowSpec
from metaflow.user_decorators.common import USER, is_step

_WRITTEN = "_flowc_written"
"""The original attributes of a prepared class by name; the value is `_MISSING` if a preparation added the attribute."""

_MISSING = object()


class _Removed:
    """Hides an attribute of a base class: reading the attribute raises AttributeError."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._message = f"flow '{owner.__name__}' has no attribute '{name}'"

    def __get__(self, flow: object, owner: type | None = None) -> Any:
        raise AttributeError(self._message)


class Preparation:
    """A flow's class while its mutators change it. Creating the object undoes an earlier preparation of the class."""

    def __init__(self, flow: type[FlowSpec]) -> None:
        self.flow = flow
        self._own: set[str] = set()
        restore(flow)

    # -- reading

    def members(self) -> dict[str, Any]:
        """Return all attributes of the class and of its bases other than FlowSpec's, in source order, bases first."""
        members: dict[str, object] = {}
        for owner in reversed(self.flow.__mro__):
            if owner not in FlowSpec.__mro__:
                members.update(vars(owner))
        return members

    def step_names(self) -> list[str]:
        """Return the names of the steps."""
        return [name for name, value in self.members().items() if is_step(value)]

    def flow_decorators(self) -> list[Applied]:
        """Return the built-in decorators of the class, then those of its base classes, unless a derived class has the
        same decorator."""
        decorators: list[Applied] = []
        for owner in self.flow.__mro__:
            names = {applied.name for applied in decorators}
            decorators += [applied for applied in applied_to(owner) if applied.name not in names]
        return decorators

    # -- changing

    def set(self, name: str, value: object) -> None:
        """Set an attribute of the class, and store the original for `restore`."""
        written: dict[str, object] = vars(self.flow)[_WRITTEN]
        written.setdefault(name, vars(self.flow).get(name, _MISSING))
        setattr(self.flow, name, value)

    def remove(self, name: str) -> None:
        """Remove an attribute from the class, even if it is inherited from a base class."""
        removed = _Removed()
        removed.__set_name__(self.flow, name)
        self.set(name, removed)

    def own_step(self, name: str) -> Any:
        """Copy a step's function into this class at the first call; return the copy.

        The base classes of the flow keep the original function.
        """
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
        """Copy the lists of decorators into the class, so that the next preparation starts from the original ones."""
        for name in (ATTRIBUTE, USER):
            self.set(name, vars(self.flow).get(name, ()))

    # -- the arguments of mutators


def restore(flow: type[FlowSpec]) -> None:
    """Undo an earlier preparation: restore the attributes that the class has in the source."""
    for name, value in vars(flow).get(_WRITTEN, {}).items():
        if value is not _MISSING:
            setattr(flow, name, value)
        elif name in vars(flow):
            delattr(flow, name)
    setattr(flow, _WRITTEN, {})
