"""Small cards for tests of programs that use cards."""

from __future__ import annotations

import random
import string
import time
from typing import TYPE_CHECKING, Any, ClassVar

from flowc_ir import json_text
from metaflow.plugins.cards.card_modules.card import MetaflowCard, MetaflowCardComponent
from metaflow.plugins.cards.card_modules.renderer_tools import render_safely

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.client.core import Task

_SEPARATOR = "$&#!!@*"


class TestStringComponent(MetaflowCardComponent):
    """A component whose text is rendered unchanged."""

    __test__ = False

    def __init__(self, text: str) -> None:
        self._text = text

    def render(self) -> str:
        """Return the text."""
        return str(self._text)


class TestJSONComponent(MetaflowCardComponent):
    """A component whose value is rendered as JSON."""

    __test__ = False
    REALTIME_UPDATABLE = True

    def __init__(self, data: Any) -> None:
        self._data = data

    def update(self, data: Any) -> None:
        """Change the value."""
        self._data = data

    @render_safely
    def render(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value."""
        return self._data


class TestPathSpecCard(MetaflowCard):
    """A card that shows the task's pathspec and a few random characters."""

    __test__ = False
    type = "test_pathspec_card"

    def render(self, task: Task) -> str:
        """Return text."""
        return f"{task.pathspec} {''.join(random.choices(string.ascii_uppercase + string.digits, k=6))}"


class TestEditableCard(MetaflowCard):
    """A card that shows the components that the step has appended, one after the other."""

    __test__ = False
    type: ClassVar[str | None] = "test_editable_card"
    ALLOW_USER_COMPONENTS = True

    def __init__(self, components: Sequence[Any] = [], **kwargs: Any) -> None:
        self._components = components

    def render(self, task: Task) -> str:
        """Return text."""
        return _SEPARATOR.join(map(str, self._components))


class TestEditableCard2(TestEditableCard):
    """A card like `TestEditableCard`, but with another name in `@card(type=…)`."""

    type = "test_editable_card_2"


class TestNonEditableCard(TestEditableCard):
    """A card like `TestEditableCard`, but steps cannot append components to it."""

    type = "test_non_editable_card"
    ALLOW_USER_COMPONENTS = False


class TestMockCard(MetaflowCard):
    """A card that shows the artifact named by the option `key`."""

    __test__ = False
    type = "test_mock_card"

    def __init__(self, options: Mapping[str, Any] = {"key": "dummy_key"}, **kwargs: Any) -> None:
        self._key = options["key"]

    def render(self, task: Task) -> str:
        """Return text."""
        return str(task[self._key].data)


class TestErrorCard(MetaflowCard):
    """A card whose `render` always fails."""

    __test__ = False
    type = "test_error_card"

    def render(self, task: Task) -> str:
        """Raise an error."""
        raise Exception("Unknown Things Happened")


class TestTimeoutCard(MetaflowCard):
    """A card whose rendering takes `timeout` seconds."""

    __test__ = False
    type = "test_timeout_card"

    def __init__(self, options: Mapping[str, Any] = {"timeout": 50}, **kwargs: Any) -> None:
        self._timeout = options.get("timeout", 50)

    def render(self, task: Task) -> str:
        """Wait for `timeout` seconds and return a text."""
        time.sleep(self._timeout)
        return task.pathspec


class TestImageCard(MetaflowCard):
    """A card that shows a picture of one pixel."""

    __test__ = False
    type = "test_image_card"

    def render(self, task: Task) -> str:
        """Return HTML."""
        pixel = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
        return f"<html><img src='data:image/gif;base64,{pixel}' alt='one pixel'></html>"


class TestRefreshCard(MetaflowCard):
    """A card that shows the data of the latest refresh."""

    __test__ = False
    type = "test_refresh_card"
    ALLOW_USER_COMPONENTS = True
    RUNTIME_UPDATABLE = True
    RELOAD_POLICY: ClassVar[str] = MetaflowCard.RELOAD_POLICY_ALWAYS

    def render(self, task: Task) -> str:
        """Return HTML."""
        assert self.runtime_data is not None
        return _page(task, self.runtime_data["user"])

    def render_runtime(self, task: Task, data: Any) -> str:
        """Return HTML."""
        return _page(task, data["user"])

    def refresh(self, task: Task, data: Any) -> Any:
        """Return the data unchanged."""
        return data


class TestRefreshComponentCard(MetaflowCard):
    """A card that shows the components of the latest refresh."""

    __test__ = False
    type = "test_component_refresh_card"
    ALLOW_USER_COMPONENTS = True
    RUNTIME_UPDATABLE = True
    RELOAD_POLICY: ClassVar[str] = MetaflowCard.RELOAD_POLICY_ONCHANGE

    def __init__(self, components: Sequence[Any] = [], **kwargs: Any) -> None:
        self._components = components

    def render(self, task: Task) -> str:
        """Return HTML."""
        return _page(task, self._components)

    def render_runtime(self, task: Task, data: Any) -> str:
        """Return HTML."""
        return _page(task, self._components)

    def refresh(self, task: Task, data: Any) -> Any:
        """Return the components by their ids."""
        return data["components"]

    def reload_content_token(self, task: Task, data: Any) -> str:
        """Return a string that changes when components are added or removed, and when the task ends."""
        return "final" if task.finished else f"runtime-{data['component_update_ts']}"


def _page(task: Task, data: Any) -> str:
    update = 'document.querySelector("h2").textContent = JSON.stringify(data)'
    return (
        f'<html><script>var METAFLOW_RELOAD_TOKEN = "{MetaflowCard.RELOAD_POLICY_TOKEN}"; '
        f"window.metaflow_card_update = (data) => {{ {update} }}</script>"
        f"<h1>{task.pathspec}</h1><h2>{json_text.page(data)}</h2></html>"
    )


CARDS: tuple[type[MetaflowCard], ...] = (
    TestPathSpecCard,
    TestEditableCard,
    TestEditableCard2,
    TestNonEditableCard,
    TestMockCard,
    TestErrorCard,
    TestTimeoutCard,
    TestImageCard,
    TestRefreshCard,
    TestRefreshComponentCard,
)
