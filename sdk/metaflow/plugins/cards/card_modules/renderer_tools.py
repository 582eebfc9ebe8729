"""Handling of a component that fails: the card shows the error in place of this component, and all other components as
usual."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from flowc_runtime.base.errors import StepTimeout
from metaflow.plugins.cards._warn import Failure
from metaflow.plugins.cards.card_modules.values import brief

if TYPE_CHECKING:
    from collections.abc import Callable

    _Render = TypeVar("_Render", bound=Callable[..., Any])

__all__ = ["TaskToDict", "render_safely", "with_default_component_id"]


class NotShownError(Exception):
    """A component cannot show its input.

    The card shows the message to the step's author, without a traceback of flowc's code.
    """


def render_safely(render: _Render) -> _Render:
    """Decorate the method `render` of a component: if it raises an exception, the card shows the error instead.

    The exception that signals the step's timeout is not caught.
    """

    @functools.wraps(render)
    def safe(self: object, *args: object, **kwargs: object) -> Any:
        try:
            return render(self, *args, **kwargs)
        except StepTimeout:  # raised when the step's time limit expires, at any line; it is no error of the component
            raise
        except Exception as error:
            return failure(self, error)

    return safe  # type: ignore[return-value]


def with_default_component_id(render: _Render) -> _Render:
    """Return `render` unchanged: Metaflow's decorator adds an id, which flowc's components always have."""
    return render


class TaskToDict:
    """Converts values to entries of an ArtifactsComponent, for packages with cards. All arguments of the constructor
    are ignored."""

    def __init__(
        self, only_repr: bool = False, runtime: bool = False, max_artifact_size: int | None = None
    ) -> None: ...

    def infer_object(self, artifact_object: object) -> dict[str, Any]:
        """Return the type and the text of a value."""
        text, shortened = brief(artifact_object)
        return {"type": type(artifact_object).__name__, "data": text, "large_object": shortened}


def render_part(component: object) -> Any:
    """Return the dict of a component that is nested in another component."""
    rendered = _render(component)
    return {"type": "html", "html": rendered} if isinstance(rendered, str) else rendered


@render_safely
def _render(component: Any) -> object:
    return component.render()


def failure(component: object, error: BaseException) -> dict[str, Any]:
    """Return the dict that replaces a failed component: a log with the error.

    The dict's field `failed` contains a short reason for the failure.
    """
    why = Failure.from_text(str(error)) if isinstance(error, NotShownError) else Failure.from_error(error)
    title = f"{type(component).__name__} could not be shown"
    return {"type": "log", "title": title, "data": why.whole, "error": True, "failed": why.short}
