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
    """A kind of card; subclasses override `render`, which makes the HTML of one task.

    A process of its own creates it after the step's code. What its methods raise fails the card, not the step.

    Args:
        options: the options of `@card(options=…)`.
        components: the rendered components that the step has appended; empty unless `ALLOW_USER_COMPONENTS` is true.
        graph: the steps of the flow: name -> `{"type": …, "next": […], "doc": …, …}`.
        flow: the flow's class.
    """

    type: ClassVar[str | None] = None
    """The type that `@card(type=…)` names."""
    ALLOW_USER_COMPONENTS: ClassVar[bool] = False
    """Whether steps may append components to it, with `current.card.append`."""
    RUNTIME_UPDATABLE: ClassVar[bool] = False
    """Whether `current.card.refresh` renders it again while the step runs, with `render_runtime` and `refresh`."""
    scope: ClassVar[str] = "task"

    RELOAD_POLICY_NEVER: ClassVar[str] = "never"
    RELOAD_POLICY_ALWAYS: ClassVar[str] = "always"
    RELOAD_POLICY_ONCHANGE: ClassVar[str] = "onchange"
    RELOAD_POLICY: ClassVar[str] = "never"
    """When a refresh calls `render_runtime` again: never, always, or if `reload_content_token` has changed."""
    RELOAD_POLICY_TOKEN: ClassVar[str] = "[METAFLOW_RELOAD_TOKEN]"
    """The placeholder in the page for the token of its version."""

    runtime_data: Mapping[str, Any] | None = None
    """The same as `data` of `refresh`, also during `render`."""

    def __init__(
        self,
        options: Mapping[str, Any] = {},
        components: Sequence[Any] = [],
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        """Keep the arguments that the card may need."""

    def _get_mustache(self) -> ModuleType:
        """Return the template engine: `render(template, {"name": …})` of the language Mustache."""
        return import_module("chevron")

    def render(self, task: Task) -> str:
        """Return the HTML of the card of a task that has ended.

        Args:
            task: the client's object of the task.
        """
        raise NotImplementedError

    def render_runtime(self, task: Task, data: Any) -> str:
        """Return the HTML while the task runs; called only if `RUNTIME_UPDATABLE` is true.

        Args:
            task: the client's object of the task, which has no artifacts yet.
            data: `{"user": …, "components": {id: …}, "component_update_ts": …, "render_seq": …, "mode": "runtime"}`;
                `user` is the data of `current.card.refresh`.
        """
        raise NotImplementedError

    def refresh(self, task: Task, data: Any) -> Any:
        """Return the data of a refresh for the page, which gets it by `window.metaflow_card_update(…)`.

        Args:
            task: the client's object of the task.
            data: as for `render_runtime`; `mode` is `final` after the end.

        Returns:
            A value that JSON can hold, or None.
        """
        return None

    def reload_content_token(self, task: Task, data: Any) -> str:
        """Return a string that changes when the HTML must be rendered again, for RELOAD_POLICY_ONCHANGE.

        Args:
            task: the client's object of the task.
            data: as for `render_runtime`.
        """
        return "content-token"


class MetaflowCardComponent:
    """A visible part of a card."""

    REALTIME_UPDATABLE: ClassVar[bool] = False
    _id: str | None = None

    @property
    def component_id(self) -> str:
        """The component's name on the card: `current.card.components[…]`; by default its class and random digits."""
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
        """Return HTML as text, or a dict of the form of the built-in components, which JSON can hold."""
        raise NotImplementedError
