"""What adding and preparing decorators raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterable


def _suggest(name: str, known: Iterable[str]) -> str:
    from flowc_ir.suggestion import suggest  # only once there is a fault

    names = sorted(known)
    return suggest(name, names, f"there are {', '.join(names)}; one of your own is named with its module")


class UnknownStepDecoratorException(MetaflowException):
    """No step decorator has that name."""

    headline = "Unknown step decorator"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no step decorator '{name}'; {_suggest(name, known)}")
        self.name = name


class DecoratorImportError(MetaflowException):
    """The module of a decorator that is named with it cannot be imported."""

    headline = "Decorator cannot be imported"

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"cannot import the decorator {name}: {type(error).__name__}: {error}")


class UnknownFlowDecoratorException(MetaflowException):
    """No flow decorator has that name."""

    headline = "Unknown flow decorator"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no flow decorator '{name}'; {_suggest(name, known)}")


class DuplicateStepDecoratorException(MetaflowException):
    """A step has the decorator already, and it was added as `ERROR`."""

    headline = "Duplicate decorators"

    def __init__(self, name: str, step: str) -> None:
        super().__init__(f"step '{step}' already has a decorator '{name}'; it can have one of them")


class DuplicateFlowDecoratorException(MetaflowException):
    """The flow has the decorator already, and it was added as `ERROR`."""

    headline = "Duplicate decorators"

    def __init__(self, name: str) -> None:
        super().__init__(f"the flow already has a decorator '{name}'; it can have one of them")


class PreparationError(MetaflowException):
    """A mutator, or a decorator's `init`, failed: the error is its `__cause__`; the place is where it was applied."""

    headline = "Mutating the flow failed"

    def __init__(self, what: str, file: str, line: int) -> None:
        super().__init__(f"{what} failed")
        self.what = what
        self.file = file
        self.line = line
