"""A component that fails shows why, in its place; the others are shown."""

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
    """A component was given what it cannot show; the text tells its author, who needs no traceback of ours."""


def render_safely(render: _Render) -> _Render:
    """Decorate `render` of a component: what it raises becomes an error on the card."""

    @functools.wraps(render)
    def safe(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return render(self, *args, **kwargs)
        except StepTimeout:  # it comes at any time, and is the step's
            raise
        except Exception as error:
            return failure(self, error)

    return safe  # type: ignore[return-value]


def with_default_component_id(render: _Render) -> _Render:
    """Decorate `render` of a component that is to have an id: here each has one."""
    return render


class TaskToDict:
    """Values as an ArtifactsComponent has them; `only_repr` or not, they are printed."""

    def __init__(
        self, only_repr: bool = False, runtime: bool = False, max_artifact_size: int | None = None
    ) -> None: ...

    def infer_object(self, artifact_object: Any) -> dict[str, Any]:
        """Return a value's type and text."""
        text, shortened = brief(artifact_object)
        return {"type": type(artifact_object).__name__, "data": text, "large_object": shortened}


def render_part(component: Any) -> Any:
    """A component inside of another one, as a dict."""
    rendered = _render(component)
    return {"type": "html", "html": rendered} if isinstance(rendered, str) else rendered


@render_safely
def _render(component: Any) -> Any:
    return component.render()


def failure(component: Any, error: BaseException) -> dict[str, Any]:
    """What is shown in the place of a component that has failed; `failed` is why, in short."""
    why = Failure.told(str(error)) if isinstance(error, NotShownError) else Failure.of(error)
    title = f"{type(component).__name__} could not be shown"
    return {"type": "log", "title": title, "data": why.whole, "error": True, "failed": why.short}
