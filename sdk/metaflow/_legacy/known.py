"""Extensions' decorators that are classes with hooks: the lookup of classes by name, and a flow's initialised
decorators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow import _extensions
from metaflow._legacy.base import FlowDecorator, StepDecorator

if TYPE_CHECKING:
    from collections.abc import Sequence

_begun: dict[type, Sequence[Any]] = {}


def legacy(name: str, kind: str) -> type[Any] | None:
    """Return the class of an extension's decorator, if it derives from `StepDecorator` or `FlowDecorator`.

    Args:
        name: the name of the decorator.
        kind: `step` or `flow`.

    Returns:
        None if no extension has a decorator of this name and kind, or if its class has another base class.

    Raises:
        ExtensionError: the class cannot be loaded.
    """
    if kind not in _extensions.decorators.get(name, ()):
        return None
    decorator = _extensions.decorator_class(name, kind)
    return decorator if issubclass(decorator, StepDecorator if kind == "step" else FlowDecorator) else None


def note_begun(cls: type, decorators: Sequence[object]) -> None:
    """Remember the decorators of a flow's class that come from extensions, after this process has initialised them."""
    _begun[cls] = decorators


def begun_decorators(cls: type) -> Sequence[Any]:
    """Return the decorators of a flow's class that come from extensions and are initialised in this process."""
    return _begun.get(cls, ())
