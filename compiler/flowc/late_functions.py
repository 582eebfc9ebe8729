"""Functions that are imported when they are called, because their modules cost start-up time.

Only `typing` is imported: `flowc --help` uses this module too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Generic, ParamSpec, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@final
class LateFunction(Generic[Arguments, Result]):
    """A function or class named `module:attribute`; the first call imports the module.

    A module that has the type from `if TYPE_CHECKING` assigns it in the `else` branch:

        if TYPE_CHECKING:
            from flowc.diagnostics import render
        else:
            render = LateFunction("flowc.diagnostics:render")
    """

    def __init__(self, target: str) -> None:
        self.target: Final = target

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Import the function and call it."""
        module, _, name = self.target.partition(":")
        function: Callable[Arguments, Result] = getattr(import_module(module), name)
        return function(*args, **kwargs)
