"""The classes that cards and their components derive from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from metaflow.client.core import Task

__all__ = ["MetaflowCard", "MetaflowCardComponent"]


class MetaflowCard:
    """A kind of card. `render` makes the HTML of one task.

    It is made in a process of its own, after the step's code: `options` are those of @card, `components` what the step
    has put on the card (as `render` of each gives it), `graph` the steps of the flow, by name.
    """

    type: ClassVar[str | None] = None
    """What `@card(type=…)` asks for."""
    ALLOW_USER_COMPONENTS: ClassVar[bool] = False
    """Whether steps may put components on it, with `current.card.append`."""
    RUNTIME_UPDATABLE: ClassVar[bool] = False
    """Whether `current.card.refresh` makes it anew while the step runs, with `render_runtime` and `refresh`."""
    scope: ClassVar[str] = "task"

    RELOAD_POLICY_NEVER: ClassVar[str] = "never"
    RELOAD_POLICY_ALWAYS: ClassVar[str] = "always"
    RELOAD_POLICY_ONCHANGE: ClassVar[str] = "onchange"
    RELOAD_POLICY: ClassVar[str] = "never"
    """When a refresh calls `render_runtime` again: never, always, or if `reload_content_token` gives another text."""
    RELOAD_POLICY_TOKEN: ClassVar[str] = "[METAFLOW_RELOAD_TOKEN]"
    """Where the page wants to know which version it is."""

    runtime_data: Mapping[str, Any] | None = None
    """The same as `data` of `refresh`, also while `render` is called."""

    def __init__(
        self,
        options: Mapping[str, Any] = {},
        components: Sequence[Any] = [],
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        """Keep what the card may want to know."""

    def _get_mustache(self) -> ModuleType:
        """The engine of templates: `render(template, {"name": …})` of the language Mustache."""
        from importlib import import_module

        return import_module("chevron")

    def render(self, task: Task) -> str:
        """The HTML of the card of a task that has ended."""
        raise NotImplementedError

    def render_runtime(self, task: Task, data: Any) -> str:
        """The HTML while the task runs; `data` is `{"user": …, "components": {id: …}, …}`."""
        raise NotImplementedError

    def refresh(self, task: Task, data: Any) -> Any:
        """What the page is told at a refresh (`window.metaflow_card_update(…)`): a value that JSON can hold."""
        return None

    def reload_content_token(self, task: Task, data: Any) -> str:
        """With RELOAD_POLICY_ONCHANGE, a text that changes when the HTML has to be made anew."""
        return "content-token"


class MetaflowCardComponent:
    """Something to see on a card."""

    REALTIME_UPDATABLE: ClassVar[bool] = False
    _id: str | None = None

    @property
    def component_id(self) -> str:
        """Its name on the card: `current.card.components[…]`."""
        if self._id is None:
            self._id = f"{type(self).__name__.lower()}_{uuid4().hex[:6]}"
        return self._id

    @component_id.setter
    def component_id(self, value: str) -> None:
        self._id = value

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Change what is to be seen; `current.card.refresh()` shows it."""
        raise NotImplementedError

    def render(self) -> Any:
        """What the card is given: text (of HTML), or a dict like those of the built-in components."""
        raise NotImplementedError
