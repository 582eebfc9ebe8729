"""A component that fails shows why, in its place; the others are shown."""

from __future__ import annotations

import functools
import traceback
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    _Render = TypeVar("_Render", bound=Callable[..., Any])

__all__ = ["render_safely"]


def render_safely(render: _Render) -> _Render:
    """Decorate `render` of a component: what it raises becomes an error on the card."""

    @functools.wraps(render)
    def safe(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return render(self, *args, **kwargs)
        except Exception as error:
            return failure(self, error)

    return safe  # type: ignore[return-value]


def failure(component: Any, error: BaseException) -> dict[str, Any]:
    """What is shown in the place of a component that has failed."""
    name = type(component).__name__
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {"type": "log", "title": f"{name} could not be shown", "data": text, "error": True}
