"""Modules and functions that are imported at first use, because importing them takes time or they may not be installed.

This module imports only `typing` and `importlib`, because `flowc --help` uses this module and must start quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Generic, ParamSpec, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@final
class LateFunction(Generic[Arguments, Result]):
    """A function or class named `module:attribute`; each call imports the module.

    A module that imports the function under `if TYPE_CHECKING`, for its type, assigns the LateFunction in the `else`
    branch:

        if TYPE_CHECKING:
            from flowc.diagnostics import render
        else:
            render = LateFunction("flowc.diagnostics:render")

    A module that must not import the function's module, not even for type checking, declares the type itself:

        render: LateFunction[[Diagnostic], str] = LateFunction("flowc.diagnostics:render")
    """

    def __init__(self, target: str) -> None:
        self.target: Final = target
        self._module: ModuleType | None = None  # the module, once it is imported

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Import the function and call it."""
        module, _, name = self.target.partition(":")
        if self._module is None:
            self._module = import_module(module)
        function: Callable[Arguments, Result] = getattr(self._module, name)
        return function(*args, **kwargs)


@final
class LateModule:
    """Replaces a module that is imported at first use. Reading an attribute imports the module and returns the module's
    attribute.

    >>> json = LateModule("json")
    >>> json.loads("1")
    1
    """

    _name: str

    def __init__(self, name: str) -> None:
        vars(self)["_name"] = name

    def __getattr__(self, name: str) -> object:
        known = vars(self)
        module = known.get("_module")
        if module is None:
            module = known["_module"] = import_module(known["_name"])
        return getattr(module, name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"import {self._name} to set {name}: only the importing module would get the value")

    def __repr__(self) -> str:
        return f"LateModule({self._name!r})"
