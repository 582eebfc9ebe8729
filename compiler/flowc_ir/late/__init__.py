"""Modules and functions that are imported at first use, because importing them takes time or they may not be installed.

This module imports only `typing` and `importlib`, because `flowc --help` uses this module and must start quickly.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, Generic, ParamSpec, TypeVar, cast, final

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


_MISSING: Final = object()


def _attribute(module: str, name: str) -> object:
    """Return an attribute of a module, which is imported if necessary.

    Looking up an imported module in `sys.modules` takes a tenth of the time of `import_module`. A reference to the
    module would be faster, but it would keep the module alive at the end of Python, when its objects must be freed.
    """
    if (imported := sys.modules.get(module)) is not None:
        found: object = getattr(imported, name, _MISSING)
        if found is not _MISSING:
            return found
    # The attribute is also missing while another thread imports the module: `import_module` waits for the thread.
    return getattr(import_module(module), name)


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

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Import the function and call it."""
        module, _, name = self.target.partition(":")
        function = cast("Callable[Arguments, Result]", _attribute(module, name))
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
        return _attribute(self._name, name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"import {self._name} to set {name}: only the importing module would get the value")

    def __repr__(self) -> str:
        return f"LateModule({self._name!r})"
