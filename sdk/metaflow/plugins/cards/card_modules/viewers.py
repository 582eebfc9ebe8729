"""Components for nested data, as JSON and as YAML."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from flowc_ir import json_text
from metaflow.plugins.cards.card_modules.renderer_tools import render_safely
from metaflow.plugins.cards.card_modules.user_component import UserComponent
from metaflow.plugins.cards.card_modules.values import plain

__all__ = ["JSONViewer", "YAMLViewer"]


class _Viewer(UserComponent):
    type: ClassVar[str]
    _TITLE: ClassVar[str]
    _KEY: ClassVar[str]

    def __init__(
        self,
        data: object,
        collapsible: bool = True,
        max_height: str | None = None,
        show_copy_button: bool = True,
        title: str | None = None,
    ) -> None:
        self._data, self._title = data, title or self._TITLE
        self._collapsible, self._height, self._copy = collapsible, max_height, show_copy_button

    def update(self, data: object) -> None:
        """Show other data."""
        self._data = data

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return self._base(
            self.type, **{self._KEY: self._text()}, collapsible=self._collapsible, max_height=self._height,
            show_copy_button=self._copy, title=self._title,
        )  # fmt: skip

    def _text(self) -> str:
        raise NotImplementedError


class JSONViewer(_Viewer):
    """A view of data as JSON; a string is parsed as JSON and indented.

    >>> current.card.append(JSONViewer({"a": [1, 2]}, title="Answer"))

    Args:
        data: any value; parts that JSON cannot represent are shown as text.
        collapsible: whether a viewer of the card can collapse the data.
        max_height: the height above which the view scrolls, as a CSS length such as `300px`.
        show_copy_button: whether a button copies the text.
        title: the heading; default: `JSON`.
    """

    type = "jsonViewer"
    _TITLE = "JSON"
    _KEY = "json_string"

    def _text(self) -> str:
        return json_text.shown(_parsed(self._data), indent=2, ensure_ascii=False)


class YAMLViewer(_Viewer):
    """A view of data as YAML; a string is assumed to be YAML and shown unchanged.

    The arguments are the same as for JSONViewer.

    >>> current.card.append(YAMLViewer({"a": [1, 2]}))
    """

    type = "yamlViewer"
    _TITLE = "YAML"
    _KEY = "yaml_string"

    def _text(self) -> str:
        if isinstance(self._data, str):
            return self._data
        return "\n".join(_yaml(plain(self._data, deep=True))) + "\n"


def _parsed(data: object) -> object:
    if not isinstance(data, str):
        return plain(data, deep=True)
    try:
        return json.loads(data)
    except ValueError:
        return data


def _yaml(value: object, indent: str = "") -> list[str]:
    """Return data as YAML in block style, without PyYAML; strings that YAML would read as other types are quoted."""
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            nested = _yaml(item, indent + "  ") if isinstance(item, dict | list) and item else []
            lines += [f"{indent}{_scalar(key)}:", *nested] if nested else [f"{indent}{_scalar(key)}: {_scalar(item)}"]
        return lines
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            if isinstance(item, dict | list) and item:
                first, *rest = _yaml(item, indent + "  ")
                lines += [f"{indent}- {first.lstrip()}", *rest]
            else:
                lines.append(f"{indent}- {_scalar(item)}")
        return lines
    return [indent + _scalar(value)]


_WORDS = {"", "true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"}


def _scalar(value: object) -> str:
    if isinstance(value, str):
        bare = value.replace(" ", "").replace("_", "").replace("/", "").replace(".", "").replace("-", "")
        if bare.isalnum() and value == value.strip() and value[0].isalpha() and value.lower() not in _WORDS:
            return value
        return json_text.shown(value, ensure_ascii=False)
    return json_text.shown(value)
