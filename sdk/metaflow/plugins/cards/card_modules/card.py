"""The base classes of cards and of components."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from metaflow.client.core import Task

__all__ = ["MetaflowCard", "MetaflowCardComponent"]


class MetaflowCard:
    """The base class of cards; a subclass overrides `render`, which returns the HTML for one task.

    A custom card is created and rendered in a separate process, not in the step's process. An exception in a method of
    the card is a failure of the card, not of the step.

    Args:
        options: the options of `@card(options=…)`.
        components: the rendered components that the step has appended; empty unless `ALLOW_USER_COMPONENTS` is true.
        graph: the steps of the flow: name -> `{"type": …, "next": […], "doc": …, …}`.
        flow: the flow's class.
    """

    type: ClassVar[str | None] = None
    """The type of the card, for `@card(type=…)`."""
    ALLOW_USER_COMPONENTS: ClassVar[bool] = False
    """Whether steps may append components to the card with `current.card.append`."""
    RUNTIME_UPDATABLE: ClassVar[bool] = False
    """Whether `current.card.refresh` updates the card during the step, through `render_runtime` and `refresh`."""
    scope: ClassVar[str] = "task"

    RELOAD_POLICY_NEVER: ClassVar[str] = "never"
    RELOAD_POLICY_ALWAYS: ClassVar[str] = "always"
    RELOAD_POLICY_ONCHANGE: ClassVar[str] = "onchange"
    RELOAD_POLICY: ClassVar[str] = "never"
    """When a refresh calls `render_runtime` again: never, always, or only if `reload_content_token` has changed."""
    RELOAD_POLICY_TOKEN: ClassVar[str] = "[METAFLOW_RELOAD_TOKEN]"
    """A placeholder in the page's HTML, which is replaced by the reload token of this version of the page."""

    runtime_data: Mapping[str, Any] | None = None
    """The data that `refresh` gets as `data`, available also during `render`."""

    def __init__(
        self,
        options: Mapping[str, Any] = {},
        components: Sequence[Any] = [],
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        """Subclasses store the arguments that they use; this method does nothing."""

    def _get_mustache(self) -> ModuleType:
        """Return the engine for Mustache templates. The engine's method is `render(template, {"name": …})`."""
        return import_module("chevron")

    def render(self, task: Task) -> str:
        """Return the HTML of the card for a task that has ended.

        Args:
            task: the client's object of the task.
        """
        raise NotImplementedError

    def render_runtime(self, task: Task, data: Any) -> str:
        """Return the HTML of the card while the task runs; called only if `RUNTIME_UPDATABLE` is true.

        Args:
            task: the client's object of the task, which has no artifacts yet.
            data: `{"user": …, "components": {id: …}, "component_update_ts": …, "render_seq": …, "mode": "runtime"}`;
                `user` is the data of `current.card.refresh`.
        """
        raise NotImplementedError

    def refresh(self, task: Task, data: Any) -> Any:
        """Return the data of a refresh; the page receives the data in `window.metaflow_card_update(…)`.

        Args:
            task: the client's object of the task.
            data: as for `render_runtime`; `mode` is `final` after the end of the attempt.

        Returns:
            A value that JSON can represent, or None.
        """
        return None

    def reload_content_token(self, task: Task, data: Any) -> str:
        """Return a string that changes when the HTML must be rendered again; called only with RELOAD_POLICY_ONCHANGE.

        Args:
            task: the client's object of the task.
            data: as for `render_runtime`.
        """
        return "content-token"


class MetaflowCardComponent:
    """The base class of components, the visible parts of a card."""

    REALTIME_UPDATABLE: ClassVar[bool] = False
    _id: str | None = None

    @property
    def component_id(self) -> str:
        """The component's id, for `current.card.components[…]`; by default, the class name and random digits."""
        if self._id is None:
            self._id = f"{type(self).__name__.lower()}_{uuid4().hex[:6]}"
        return self._id

    @component_id.setter
    def component_id(self, value: str) -> None:
        self._id = value

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Change the component; `current.card.refresh()` shows the change."""
        raise NotImplementedError

    def render(self) -> Any:
        """Return the component as HTML, or as a JSON-serialisable dict like those of the built-in components."""
        raise NotImplementedError
