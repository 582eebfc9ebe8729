"""Basic components from which card packages build their cards: pages, sections, headings, texts and their contents.

Each component renders itself as a dict in Metaflow's format. The built-in cards convert these dicts to HTML in Python;
a custom card can also convert them with its own JavaScript.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from metaflow.plugins.cards.card_modules.card import MetaflowCardComponent

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ArtifactsComponent",
    "DagComponent",
    "DefaultComponent",
    "ErrorComponent",
    "HTMLComponent",
    "ImageComponent",
    "LogComponent",
    "MarkdownComponent",
    "PageComponent",
    "PythonCodeComponent",
    "SectionComponent",
    "SubTitleComponent",
    "TableComponent",
    "TextComponent",
    "TitleComponent",
]


class DefaultComponent(MetaflowCardComponent):
    """A component with a heading; subclasses set its `type`."""

    type: ClassVar[str | None] = None

    def __init__(self, title: str | None = None, subtitle: str | None = None) -> None:
        self._title, self._subtitle = title, subtitle

    def render(self) -> dict[str, Any]:
        """Return the component as a dict; missing headings and a missing id are omitted."""
        head = {"title": self._title, "subtitle": self._subtitle, "id": self._id}
        return {"type": self.type, **{name: text for name, text in head.items() if text is not None}}


class _Holder(DefaultComponent):
    """A component that contains other components, given as objects, as dicts or as HTML."""

    def __init__(
        self, title: str | None = None, subtitle: str | None = None, *, contents: Sequence[object] = ()
    ) -> None:
        super().__init__(title, subtitle)
        self._contents = contents

    def render(self) -> dict[str, Any]:
        """Return the component as a dict that contains the dicts of its contents."""
        return super().render() | {"contents": self.render_subcomponents(self._contents)}

    @staticmethod
    def render_subcomponents(
        component_array: Sequence[object],
        additional_allowed_types: Sequence[type] = (str, dict),
        allow_unknowns: bool = False,
    ) -> list[Any]:
        """Return the dicts of the components and the values of an allowed type, in the given order.

        Args:
            component_array: a list of components and values.
            additional_allowed_types: the types of values that are returned unchanged.
            allow_unknowns: whether values of other types are returned as the text `<object>`; otherwise they are left
                out.
        """
        rendered = []
        for each in component_array:
            if isinstance(each, MetaflowCardComponent):
                rendered.append(each.render())
            elif isinstance(each, tuple(additional_allowed_types)):
                rendered.append(each)
            elif allow_unknowns:
                rendered.append("<object>")
        return rendered


class PageComponent(_Holder):
    """A page of a card: a heading and sections."""

    type = "page"

    def __init__(self, title: str | None = None, subtitle: str | None = None, contents: Sequence[object] = ()) -> None:
        super().__init__(title, subtitle, contents=contents)


class SectionComponent(_Holder):
    """A section of a page; its contents are laid out in `columns` columns."""

    type = "section"

    def __init__(
        self,
        title: str | None = None,
        subtitle: str | None = None,
        columns: int | None = None,
        contents: Sequence[object] = (),
    ) -> None:
        super().__init__(title, subtitle, contents=contents)
        self._columns = columns

    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return super().render() | ({} if self._columns is None else {"columns": self._columns})


class TableComponent(DefaultComponent):
    """A table of texts, numbers and dicts of components.

    If `vertical` is true, each header is to the left of its row.
    """

    type = "table"

    def __init__(
        self,
        title: str | None = None,
        subtitle: str | None = None,
        headers: Sequence[str] = (),
        data: Sequence[Sequence[object]] = ((),),
        vertical: bool = False,
    ) -> None:
        super().__init__(title, subtitle)
        self._headers, self._data, self._vertical = headers, data, vertical

    @classmethod
    def validate(cls, headers: Any, data: Any) -> tuple[bool, bool]:
        """Return whether the headers are a list, and whether the data are a non-empty sequence of lists."""
        return isinstance(headers, list), bool(data) and all(isinstance(row, list) for row in data)

    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        data = [list(row) for row in self._data]
        return super().render() | {"columns": list(self._headers), "data": data, "vertical": self._vertical}


class ImageComponent(DefaultComponent):
    """A picture; `src` is a `data:` URI with the picture."""

    type = "image"

    def __init__(
        self,
        src: str | None = None,
        label: str | None = None,
        title: str | None = None,
        subtitle: str | None = None,
    ) -> None:
        super().__init__(title, subtitle)
        self._src, self._label = src, label

    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return super().render() | {"src": self._src, "label": self._label}


class _Data(DefaultComponent):
    """The base class of components whose dict has a field `data`."""

    def __init__(
        self,
        title: str | None = None,
        subtitle: str | None = None,
        data: object = None,
    ) -> None:
        super().__init__(title, subtitle)
        self._data: object = {} if data is None else data

    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return super().render() | {"data": self._data}


class ArtifactsComponent(_Data):
    """A list of names and values."""

    type = "artifacts"


class DagComponent(_Data):
    """The graph of a flow's steps, given in the form of the argument `graph` of a card."""

    type = "dag"


class _Text(MetaflowCardComponent):
    type: ClassVar[str] = "text"
    _key: ClassVar[str] = "text"

    def __init__(self, text: str | None = None) -> None:
        self._text = text

    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return {"type": self.type, self._key: self._text}


class TextComponent(_Text):
    """Plain text."""


class TitleComponent(_Text):
    """A heading."""

    type = "title"


class SubTitleComponent(_Text):
    """A smaller heading."""

    type = "subtitle"


class MarkdownComponent(_Text):
    """Text in Markdown."""

    type, _key = "markdown", "source"


class _Source(_Text):
    _key = "data"

    def __init__(self, data: str | None = None) -> None:
        super().__init__(data)


class HTMLComponent(_Source):
    """A component whose HTML is shown unchanged."""

    type = "html"


class LogComponent(_Source):
    """A component that shows the lines of a log."""

    type = "log"

    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return super().render() | {"id": self.component_id}


class PythonCodeComponent(_Source):
    """A component that shows Python code."""

    type = "pythonCode"


class ErrorComponent(LogComponent):
    """A component that shows an error: its type and its message."""

    def __init__(self, headline: str, error_message: str | None) -> None:
        super().__init__(f"{headline}\n\n{error_message}")
