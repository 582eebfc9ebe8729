"""Errors in adding decorators and preparing a flow's class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterable


def _suggest(name: str, known_names: Iterable[str]) -> str:
    from flowc_ir.suggestion import suggest  # imported late, because only errors need the module

    names = sorted(known_names)
    return suggest(name, names, f"there are {', '.join(names)}; write a decorator of your own as MODULE.NAME")


class UnknownStepDecoratorException(MetaflowException):
    """The step decorator is unknown."""

    headline = "Unknown step decorator"

    def __init__(self, name: str, names: Iterable[str]) -> None:
        super().__init__(f"there is no step decorator '{name}'; {_suggest(name, names)}")
        self.name = name


class DecoratorImportError(MetaflowException):
    """The module in the name of a decorator cannot be imported."""

    headline = "Decorator cannot be imported"

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"cannot import the decorator {name}: {type(error).__name__}: {error}")


class UnknownFlowDecoratorException(MetaflowException):
    """The flow decorator is unknown."""

    headline = "Unknown flow decorator"

    def __init__(self, name: str, names: Iterable[str]) -> None:
        super().__init__(f"there is no flow decorator '{name}'; {_suggest(name, names)}")


class DuplicateStepDecoratorException(MetaflowException):
    """A mutator added a decorator with `duplicates=ERROR`, but the step already has this decorator."""

    headline = "Duplicate decorators"

    def __init__(self, name: str, step: str) -> None:
        super().__init__(f"step '{step}' already has a decorator '{name}'; it can have only one")


class DuplicateFlowDecoratorException(MetaflowException):
    """A mutator added a decorator with `duplicates=ERROR`, but the flow already has this decorator."""

    headline = "Duplicate decorators"

    def __init__(self, name: str) -> None:
        super().__init__(f"the flow already has a decorator '{name}'; it can have only one")


class PreparationError(MetaflowException):
    """A mutator, or the `init` of a decorator, has raised an exception. `__cause__` is that exception.

    Attributes:
        what: the method and its decorator.
        file: the file in which the decorator is used.
        line: the line in that file.
    """

    headline = "Mutating the flow failed"

    def __init__(self, what: str, file: str, line: int) -> None:
        super().__init__(f"{what} failed")
        self.what = what
        self.file = file
        self.line = line
